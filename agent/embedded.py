"""Embedded models by name, and the litellm provider `local/` that reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ModelMissing

if TYPE_CHECKING:
    from .config import ModelSettings
    from .local import LocalModel
    from .weights import Progress

LOCAL = "local/"
"""What the names of embedded models begin with: `local/qwen2.5-coder-1.5b`, `local//a/b.gguf`."""

_embedded: dict[str, LocalModel] = {}
"""Embedded models of this process by litellm name: a gigabyte each, so loaded once."""


def open_local(name: str, settings: ModelSettings, progress: Progress | None) -> LocalModel:
    """The embedded model of that name, its weights found, fetched and verified. Blocking."""
    from .local import LocalModel
    from .weights import TABLE, weights_path

    short = name.removeprefix(LOCAL)
    if short not in TABLE and not short.endswith(".gguf"):
        known = ", ".join(LOCAL + key for key in TABLE)
        raise ModelMissing(f"no embedded model is called {name}: use {known}, or local/FILE.gguf")
    path = weights_path(short, settings.weights, progress)
    key = f"{LOCAL}{path}#{settings.context}#{settings.threads}"
    return _embedded.setdefault(key, LocalModel(path, settings.context, settings.threads))


def register(litellm: Any, local: LocalModel) -> str:
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
                    adapters=options.get("adapters"),
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
