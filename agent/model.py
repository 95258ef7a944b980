"""Models: the protocol, its values, and every real model, through litellm.

The only file that imports litellm, and late: the import takes seconds.

Not covered: streaming of hosted models, and prices (budgets count tokens).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import AdapterMissing, KeyMissing, ModelMissing, ModelUnreachable
from .embedded import LOCAL, open_local, register
from .faults import as_model_error, missing_keys

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
        adapters: Mapping[str, float] | None = None,
    ) -> Reply:
        """Answer a chat. `grammar` (GBNF) binds where the model supports it.

        `adapters` are names of served adapters with their scales; without, the base alone answers.
        Raises ModelError; AdapterMissing where the model serves no such adapter.
        """
        ...


@runtime_checkable
class Adaptable(Protocol):
    """A model that adapters can be served with."""

    async def base(self) -> str:
        """sha256 of the weights that an adapter must be made for; empty where it takes none."""
        ...

    async def serve(self, adapters: Mapping[str, Path]) -> None:
        """Have GGUF adapters at hand by name. Raises AdapterMissing, AdapterRefused."""
        ...

    async def first_token(
        self,
        messages: Sequence[Message],
        adapters: Mapping[str, float] | None = None,
        exact: bool = True,
    ) -> Mapping[str, float]:
        """The likeliest first tokens of a reply with their log probabilities, in nats."""
        ...


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
        adapters: Mapping[str, float] | None = None,
    ) -> Reply:
        """Answer a chat, trying again a bounded number of times where the service is at fault."""
        if adapters:
            self._own()
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
            request["model"] = register(litellm, self._local)
            # Hosted services know no GBNF; there the parser of replies is the only guard.
            request |= {"grammar": grammar} if grammar is not None else {}
            request |= {"adapters": dict(adapters)} if adapters else {}
        else:
            request |= {"timeout": self._settings.timeout, "drop_params": True}
            if self._settings.api_base:
                request["api_base"] = self._settings.api_base
                if missing_keys(litellm, self.name):
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

    @property
    def local(self) -> LocalModel | None:
        """The embedded model behind it, where it is one."""
        return self._local

    async def base(self) -> str:
        """sha256 of the embedded model's weights; empty for a model served elsewhere."""
        from .identity import digest_of

        return await asyncio.to_thread(digest_of, self._local.path) if self._local else ""

    async def serve(self, adapters: Mapping[str, Path]) -> None:
        """Have adapters at hand: see `LocalModel.serve`."""
        await self._own().serve(adapters)

    async def first_token(
        self,
        messages: Sequence[Message],
        adapters: Mapping[str, float] | None = None,
        exact: bool = True,
    ) -> Mapping[str, float]:
        """See `LocalModel.first_token`."""
        return await self._own().first_token(messages, adapters, exact)

    def _own(self) -> LocalModel:
        if self._local is None:
            raise AdapterMissing(
                f"{self.name} is served elsewhere and takes no adapters of ours: use the embedded"
                " model, or load them into your own server (`journeyman.agent.vllm`)"
            )
        return self._local

    async def _ask(self, litellm: Any, request: dict[str, Any]) -> Any:
        for attempt in range(self._settings.retries + 1):
            try:
                return await litellm.acompletion(**request)
            except Exception as error:
                fault = as_model_error(litellm, self.name, error)
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
        return LiteLLMModel(name, settings, open_local(name, settings, progress))
    litellm = _litellm()
    try:
        litellm.get_llm_provider(name)
    except Exception as error:
        raise ModelMissing(
            f"no model is called {name}: write provider/model as litellm does (such as "
            "ollama/llama3.1 or openai/gpt-4o), or local/qwen2.5-coder-1.5b for the embedded one"
        ) from error
    missing = missing_keys(litellm, name)
    if missing and not settings.api_base:
        raise KeyMissing(f"the model {name} needs {' and '.join(missing)} in the environment")
    return LiteLLMModel(name, settings)


def _litellm() -> Any:
    # Read at import: no cost map from the network, and no .env of whatever folder we are in.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.suppress_debug_info = True
    return litellm
