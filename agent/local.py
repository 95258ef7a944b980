"""The embedded model: llama.cpp's server in this process, one slot, grammar, cache, adapters.

Loaded at the first request, in a thread of its own that also runs every request, one at a time.
The server insists on listening somewhere: it gets a Unix socket in a private folder that is
removed as soon as it listens, so neither a page nor another user can reach it.

A request names its mix of adapters, and every adapter it does not name is switched off in it. A
server takes no further adapter once it runs: `serve` starts a second one beside it, and requests
that have begun end on the first. The weights are mapped and shared; what comes on top for the
second is its repacked weights and its context. Measured for the 1.5B model at a context of 4096:
1.9 GB resident for one server, of it 1.1 GB mapped; at the peak 1.6 GB of its own and the same
1.1 GB, 2.7 GB in all, for the 3 s that loading takes and until the last request has ended.

Not covered: a reply from a cached prompt can differ in the last digits from one read afresh, so
equal seeds give equal text only for equal histories.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .llama import Loading
from .serving import LocalReply, Mix, Serving

T = TypeVar("T")


class LocalModel:
    """A GGUF model in this process."""

    def __init__(self, path: Path, context: int = 4096, threads: int | None = None) -> None:
        self.path = path
        self._loading = Loading(path, context, threads)
        self._serving = Serving(self._loading)
        self._guard = threading.Lock()
        self._change = threading.Lock()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that a request may mix."""
        return tuple(self._serving.loading.adapters)

    async def serve(self, adapters: Mapping[str, Path]) -> None:
        """Have these GGUF adapters at hand, by name, beside those that are served.

        Does nothing where they are. Else a further server is loaded while the present one goes on;
        what comes after is served by the new one. Raises AdapterMissing, AdapterRefused.
        """
        await asyncio.to_thread(self._serve, dict(adapters), True)

    async def withdraw(self, names: Sequence[str]) -> None:
        """No longer have these adapters at hand: a further server without them takes over."""
        held = self._serving.loading.adapters
        kept = {name: path for name, path in held.items() if name not in names}
        if len(kept) < len(held):
            await asyncio.to_thread(self._serve, kept, False)

    async def complete(
        self,
        messages: Sequence[dict[str, str]],
        *,
        grammar: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 256,
        seed: int = 0,
        stop: Sequence[str] | None = None,
        adapters: Mix | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LocalReply:
        """Answer a chat. Cancelling the task frees the caller at once and stops the model soon.

        `on_token` is called in the caller's loop with each piece of text. Another mix than the
        request before it had loses the cached prompt, which is then read again. Raises
        ContextTooLong, WeightsDamaged, AdapterMissing, or ModelError with the server's own words.
        """
        request: dict[str, Any] = {
            "messages": list(messages),
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": seed,
            "cache_prompt": True,
            "stream": True,
            # A chunk after each batch of the prompt: the only chance to stop while it is read.
            "return_progress": True,
            "stream_options": {"include_usage": True},
        }
        if grammar is not None:
            request["grammar"] = grammar
        if stop:
            request["stop"] = list(stop)
        loop = asyncio.get_running_loop()
        stopped = threading.Event()

        def say(text: str) -> None:
            if on_token is not None and not stopped.is_set():
                loop.call_soon_threadsafe(on_token, text)

        try:
            reply: LocalReply = await self._submit(
                adapters, lambda serving, mix: serving.answer({**request, **mix}, stopped, say)
            )
        except asyncio.CancelledError:
            stopped.set()
            raise
        return reply

    async def first_token(
        self,
        messages: Sequence[dict[str, str]],
        adapters: Mix | None = None,
        exact: bool = True,
        most: int = 20,
    ) -> dict[str, float]:
        """The `most` likeliest first tokens of a reply with their log probabilities (nats).

        With `exact` the prompt is read afresh, so that equal requests give equal numbers.
        """
        request: dict[str, Any] = {
            "messages": list(messages),
            "temperature": 0.0,
            "max_tokens": 1,
            "cache_prompt": not exact,
            # No scores come with a reply that ends at once, or with half a character: the grammar
            # keeps the reply from both, and the scores are those before it.
            "grammar": "root ::= [ -~]+",
            "logprobs": True,
            "top_logprobs": most,
        }
        scores: dict[str, float] = await self._submit(
            adapters, lambda serving, mix: serving.score({**request, **mix})
        )
        return scores

    def close(self) -> None:
        """Free the model's memory, after the request in hand."""
        with self._guard:
            self._serving.retire(wait=True)

    async def _submit(self, mix: Mix | None, work: Callable[[Serving, dict[str, Any]], Any]) -> Any:
        # Under the guard: what is submitted now is part of what a replaced server still drains.
        with self._guard:
            serving = self._serving
            scales = serving.scales(mix or {})
            future = serving.worker.submit(work, serving, scales)
        return await asyncio.wrap_future(future)

    def _serve(self, adapters: dict[str, Path], beside: bool) -> None:
        with self._change:
            held = self._serving.loading.adapters
            wanted = {**held, **adapters} if beside else adapters
            if wanted == held:
                return
            fresh = Serving(self._loading.with_adapters(wanted))
            try:
                fresh.worker.submit(fresh.start).result()
            except BaseException:
                fresh.retire(wait=False)
                raise
            with self._guard:
                old, self._serving = self._serving, fresh
            old.retire(wait=False)
