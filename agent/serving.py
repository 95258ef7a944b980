"""One running server of the embedded model: its requests in order, their replies and refusals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import AdapterMissing, ContextTooLong, ModelError
from .llama import Loading, load

Mix = Mapping[str, float]
"""Names of served adapters with their scales."""


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


class Serving:
    """One server with its adapters, and the thread that runs its requests in their order."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="journeyman-model")
        self._server: Any = None

    def scales(self, mix: Mix) -> dict[str, Any]:
        """The part of a request that sets every adapter, those not in the mix to 0."""
        names = list(self.loading.adapters)
        for name in mix:
            if name not in names:
                raise AdapterMissing(
                    f"no adapter {name!r} is served by {self.loading.path.name}: there is "
                    f"{', '.join(names) or 'none'}"
                )
        lora = [{"id": n, "scale": float(mix.get(name, 0.0))} for n, name in enumerate(names)]
        return {"lora": lora} if lora else {}

    def start(self) -> Any:
        """The server, loaded at the first call."""
        if self._server is None:
            self._server = load(self.loading)
        return self._server

    def retire(self, wait: bool) -> None:
        """Free the memory once all that was submitted has ended."""
        self.worker.submit(self._unload)
        self.worker.shutdown(wait=wait)

    def _unload(self) -> None:
        self._server = None

    def answer(
        self, request: dict[str, Any], stopped: threading.Event, say: Callable[[str], None]
    ) -> LocalReply:
        """Run one chat request to its end, or until `stopped`."""
        if stopped.is_set():
            raise ModelError("the request was cancelled before the model saw it")
        server = self.start()
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

        returned = server.handle_chat_completions(request, take)
        if isinstance(returned, dict):
            last.update(returned)
        if "error" in last:
            raise _error(last["error"])
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

    def score(self, request: dict[str, Any]) -> dict[str, float]:
        """The likeliest first tokens of a reply."""
        answer = self.start().handle_chat_completions(request)
        if "error" in answer:
            raise _error(answer["error"])
        first = answer["choices"][0]["logprobs"]["content"][0]
        return {f"{top['id']}": top["logprob"] for top in first["top_logprobs"]}


def _error(error: dict[str, Any]) -> ModelError:
    said = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        return ContextTooLong(
            f"the prompt has {error.get('n_prompt_tokens')} tokens and the model's context "
            f"{error.get('n_ctx')}: shorten it, or raise model.context"
        )
    if "grammar" in said:
        return ModelError(f"the reply grammar is not valid GBNF: {said}")
    return ModelError(f"the embedded model refused the request: {said}")
