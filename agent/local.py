"""The embedded model: llama.cpp's server in this process, one slot, grammar and prompt cache.

Loaded at the first request, in a thread of its own that also runs every request, one at a time.
The server insists on listening somewhere: it gets a Unix socket in a private folder that is
removed as soon as it listens, so neither a page nor another user can reach it.

Not covered: a reply from a cached prompt can differ in the last digits from one read afresh, so
equal seeds give equal text only for equal histories.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ContextTooLong, ModelError, WeightsDamaged

BATCH = 64
"""Prompt tokens read between two looks at the stop flag: about a second on two cores."""


@dataclass(frozen=True, slots=True)
class LocalReply:
    """What one request gave, and what it cost."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those the prompt cache served."""
    reply_tokens: int
    seconds: float
    stop_reason: str
    """`stop`, or `length` when `max_tokens` ended it."""


class LocalModel:
    """A GGUF model in this process."""

    def __init__(self, path: Path, context: int = 4096, threads: int | None = None) -> None:
        self.path = path
        self.context = context
        self.threads = threads or min(8, len(os.sched_getaffinity(0)))
        self._server: Any = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="journeyman-model")

    async def complete(
        self,
        messages: Sequence[dict[str, str]],
        *,
        grammar: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 256,
        seed: int = 0,
        stop: Sequence[str] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LocalReply:
        """Answer a chat. Cancelling the task frees the caller at once and stops the model soon.

        `on_token` is called in the caller's loop with each piece of text. Raises ContextTooLong,
        WeightsDamaged, or ModelError with the server's own words.
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
            return await loop.run_in_executor(self._worker, self._answer, request, stopped, say)
        except asyncio.CancelledError:
            stopped.set()
            raise

    def close(self) -> None:
        """Free the model's memory, after the request in hand."""
        self._worker.submit(self._unload)
        self._worker.shutdown(wait=True)

    def _unload(self) -> None:
        self._server = None

    def _answer(
        self, request: dict[str, Any], stopped: threading.Event, say: Callable[[str], None]
    ) -> LocalReply:
        if stopped.is_set():
            raise ModelError("the request was cancelled before the model saw it")
        if self._server is None:
            self._server = self._load()
        begun = time.monotonic()
        pieces: list[str] = []
        last: dict[str, Any] = {}

        def take(chunk: dict[str, Any]) -> bool:
            """Keep a chunk; True asks the server to stop."""
            if "error" in chunk or "usage" in chunk:
                last.update(chunk)
            for choice in chunk.get("choices", ()):
                last["reason"] = choice.get("finish_reason") or last.get("reason")
                if text := choice["delta"].get("content"):
                    pieces.append(text)
                    say(text)
            return stopped.is_set()

        returned = self._server.handle_chat_completions(request, take)
        if isinstance(returned, dict):
            last.update(returned)
        if "error" in last:
            raise self._error(last["error"])
        if "usage" not in last:
            raise ModelError("the embedded model stopped before its reply was complete: try again")
        usage = last["usage"]
        return LocalReply(
            text="".join(pieces),
            prompt_tokens=usage["prompt_tokens"],
            cached_tokens=usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            reply_tokens=usage["completion_tokens"],
            seconds=time.monotonic() - begun,
            stop_reason=last.get("reason") or "stop",
        )

    def _load(self) -> Any:
        # Spinning threads make one busy core cost a factor of ten; OpenMP reads this once, when
        # the library is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            import xllamacpp
        except ImportError as error:
            raise ModelError(
                f"the embedded model's runtime does not load ({error}): run `make setup`, which "
                "installs xllamacpp and the system's libgomp1"
            ) from error
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.n_ctx = self.context
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        # Prompts put aside while another is served, in MiB; the library's own default is 8 GiB.
        params.cache_ram_mib = 512
        params.lora_init_without_apply = True
        params.warmup = False
        params.verbosity = -1
        params.ui = False
        params.endpoint_slots = False
        with tempfile.TemporaryDirectory(prefix="journeyman-") as private:
            params.hostnames = [f"{private}/server.sock"]
            try:
                return xllamacpp.Server(params)
            except RuntimeError as error:
                raise WeightsDamaged(
                    f"llama.cpp cannot load {self.path} ({error}): name another GGUF file, or "
                    "delete it and run again"
                ) from error

    def _error(self, error: dict[str, Any]) -> ModelError:
        said = str(error.get("message", error))
        if error.get("type") == "exceed_context_size_error":
            return ContextTooLong(
                f"the prompt has {error.get('n_prompt_tokens')} tokens and the model's context "
                f"{error.get('n_ctx')}: shorten it, or raise model.context"
            )
        if "grammar" in said:
            return ModelError(f"the reply grammar is not valid GBNF: {said}")
        return ModelError(f"the embedded model refused the request: {said}")
