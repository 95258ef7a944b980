"""Models: the protocol, its values, and every real model, through litellm.

The only file that imports litellm, and late: the import takes seconds.

Not covered: streaming of hosted models, and prices (budgets count tokens).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from . import ContextTooLong, KeyMissing, ModelError, ModelMissing, ModelUnreachable

if TYPE_CHECKING:
    from .config import ModelSettings
    from .local import LocalModel
    from .weights import Progress

Message = dict[str, str]
"""One turn of a chat: `role` (system, user or assistant) and `content`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int = 0
    reply_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt tokens, those a prompt cache served."""

    @property
    def tokens(self) -> int:
        """Prompt and reply together."""
        return self.prompt_tokens + self.reply_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered, and what it cost."""

    text: str
    usage: Usage = Usage()
    seconds: float = 0.0
    model: str = ""


class Model(Protocol):
    """Answers chats."""

    name: str

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 256,
        seed: int = 0,
    ) -> Reply:
        """Answer a chat. `grammar` (GBNF) binds where the model supports it. Raises ModelError."""
        ...


LOCAL = "local/"
"""What the names of embedded models begin with: `local/qwen2.5-coder-1.5b`, `local//a/b.gguf`."""


class LiteLLMModel:
    """A model reached through litellm: hosted, served nearby, or embedded."""

    def __init__(self, name: str, settings: ModelSettings, local: LocalModel | None = None) -> None:
        self.name = name
        self._settings = settings
        self._local = local

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 256,
        seed: int = 0,
    ) -> Reply:
        """Answer a chat, trying again a bounded number of times where the service is at fault."""
        litellm = await asyncio.to_thread(_litellm)
        request: dict[str, Any] = {
            "model": self.name,
            "messages": list(messages),
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": seed,
            "max_retries": 0,
        }
        if self._local is not None:
            request["model"] = _register(litellm, self._local)
            # Hosted services know no GBNF; there the parser of replies is the only guard.
            request |= {"grammar": grammar} if grammar is not None else {}
        else:
            request |= {"timeout": self._settings.timeout, "drop_params": True}
            if self._settings.api_base:
                request["api_base"] = self._settings.api_base
                if _missing_keys(litellm, self.name):
                    request["api_key"] = "none"  # a server nearby asks for none, its client does
        begun = time.monotonic()
        answer = await self._ask(litellm, request)
        usage = answer.usage
        details = getattr(usage, "prompt_tokens_details", None)
        return Reply(
            text=answer.choices[0].message.content or "",
            usage=Usage(
                prompt_tokens=usage.prompt_tokens,
                reply_tokens=usage.completion_tokens,
                cached_tokens=getattr(details, "cached_tokens", 0) or 0,
            ),
            seconds=time.monotonic() - begun,
            model=self.name,
        )

    async def _ask(self, litellm: Any, request: dict[str, Any]) -> Any:
        for attempt in range(self._settings.retries + 1):
            try:
                return await litellm.acompletion(**request)
            except Exception as error:
                fault = _as_model_error(litellm, self.name, error)
                last = attempt == self._settings.retries
                if last or not isinstance(fault, ModelUnreachable):
                    raise fault from error
                await asyncio.sleep(0.5 * 2**attempt)
        raise AssertionError("the loop returns or raises")


def open_model(
    name: str | None, settings: ModelSettings, progress: Progress | None = None
) -> LiteLLMModel:
    """Make the model of that name (or the configured one) ready to ask. Blocking.

    For an embedded model its weights are found, fetched and verified now (`progress` as in
    `weights.py`) and loaded at the first request. Raises ModelError.
    """
    name = name or settings.name
    if name.startswith(LOCAL):
        return LiteLLMModel(name, settings, _open_local(name, settings, progress))
    litellm = _litellm()
    try:
        litellm.get_llm_provider(name)
    except Exception as error:
        raise ModelMissing(
            f"no model is called {name}: write provider/model as litellm does (such as "
            "ollama/llama3.1 or openai/gpt-4o), or local/qwen2.5-coder-1.5b for the embedded one"
        ) from error
    missing = _missing_keys(litellm, name)
    if missing and not settings.api_base:
        raise KeyMissing(f"the model {name} needs {' and '.join(missing)} in the environment")
    return LiteLLMModel(name, settings)


_embedded: dict[str, LocalModel] = {}
"""Embedded models of this process by litellm name: a gigabyte each, so loaded once."""


def _open_local(name: str, settings: ModelSettings, progress: Progress | None) -> LocalModel:
    from .local import LocalModel
    from .weights import TABLE, weights_path

    short = name.removeprefix(LOCAL)
    if short not in TABLE and not short.endswith(".gguf"):
        known = ", ".join(LOCAL + key for key in TABLE)
        raise ModelMissing(f"no embedded model is called {name}: use {known}, or local/FILE.gguf")
    path = weights_path(short, settings.weights, progress)
    key = f"{LOCAL}{path}#{settings.context}#{settings.threads}"
    return _embedded.setdefault(key, LocalModel(path, settings.context, settings.threads))


def _litellm() -> Any:
    # Read at import: no cost map from the network, and no .env of whatever folder we are in.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.suppress_debug_info = True
    return litellm


def _register(litellm: Any, local: LocalModel) -> str:
    """Make litellm know the provider `local/`, once, and return the name it has for `local`."""
    if all(entry["provider"] != "local" for entry in litellm.custom_provider_map):

        class Embedded(litellm.CustomLLM):  # type: ignore[misc]
            """Passes a litellm request on to the model in this process."""

            async def acompletion(self, *args: Any, **request: Any) -> Any:
                options = request["optional_params"]
                answer = await _embedded[LOCAL + request["model"]].complete(
                    request["messages"],
                    grammar=options.get("grammar"),
                    temperature=options.get("temperature", 0.0),
                    max_tokens=options.get("max_tokens", 256),
                    seed=options.get("seed", 0),
                )
                response = request["model_response"]
                response.choices[0].message.content = answer.text
                response.choices[0].finish_reason = answer.stop_reason
                response.usage = litellm.Usage(
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=answer.reply_tokens,
                    total_tokens=answer.prompt_tokens + answer.reply_tokens,
                    prompt_tokens_details={"cached_tokens": answer.cached_tokens},
                )
                return response

        litellm.custom_provider_map.append({"provider": "local", "custom_handler": Embedded()})
    return next(key for key, model in _embedded.items() if model is local)


def _missing_keys(litellm: Any, name: str) -> list[str]:
    found = litellm.validate_environment(name)
    return [key for key in found["missing_keys"] if key.endswith("_KEY")]


def _as_model_error(litellm: Any, name: str, error: BaseException) -> ModelError:
    """Turn what litellm raised into one sentence; our own errors, wrapped by it, come out again."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    kinds = litellm.exceptions
    unreachable = isinstance(error, (kinds.APIConnectionError, kinds.Timeout))
    too_long = isinstance(error, kinds.ContextWindowExceededError)
    status = getattr(error, "status_code", None)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ModelError):
            return inner
        # The service's own status: litellm goes by the words of the message and mistakes some.
        status = getattr(inner, "status_code", None) or status
        inner = inner.__cause__ or inner.__context__
    if too_long:
        return ContextTooLong(f"the prompt does not fit {name}: shorten it ({said})")
    if status in (401, 403):
        return KeyMissing(f"the service of {name} refused the key: set a valid one ({said})")
    if status == 404:
        return ModelMissing(f"the service does not know {name}: correct the name ({said})")
    if unreachable or status in (408, 409, 429) or (isinstance(status, int) and status >= 500):
        return ModelUnreachable(f"{name} does not answer: try again later ({said})")
    return ModelError(f"{name} refused the request: {said}")
