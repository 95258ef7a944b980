"""Adapters in a vLLM server of your own: loaded and unloaded while it runs, and seen to act.

The server must run with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and see the
adapter's folder under the same path. It has answered 200 for a path that does not exist, so an
answer proves nothing: after loading, the model of that name must be listed and must score fixed
prompts otherwise than the base. A loaded adapter is then a model like any other (litellm name
`hosted_vllm/<name>` or `openai/<name>` with `model.api_base`).

Not covered: several adapters mixed in one request, which vLLM does not do: compose them first.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..skills.lora.effect import moved
from . import AdapterMissing, AdapterRefused, ModelError, ModelUnreachable

PROMPTS = (
    "List three fruits:",
    "To log in, first",
    'click("button", ',
    "The capital of France is",
)
LEAST = 1e-3
"""Change of a log probability, in nats, that is no rounding."""


class VLLM:
    """The adapters of one vLLM server."""

    def __init__(self, api_base: str, base: str, key: str = "", timeout: float = 60.0) -> None:
        """`api_base` ends in `/v1`; `base` is the name the server gives the base model."""
        self.api_base = api_base.rstrip("/")
        self.base = base
        self._key = key
        self._timeout = timeout

    async def load(self, name: str, folder: Path, prompts: Sequence[str] = PROMPTS) -> float:
        """Load a PEFT folder as `name`; returns by how much it moves a score, in nats.

        One that is not seen to act is unloaded again. Raises AdapterRefused,
        AdapterMissing where the server was not started for this, ModelUnreachable.
        """
        body = {"lora_name": name, "lora_path": str(folder.resolve())}
        await self._post("load_lora_adapter", body, f"the adapter {name} at {folder}")
        try:
            return await self._seen(name, prompts)
        except ModelError:
            await self._forget(name)
            raise

    async def unload(self, name: str) -> None:
        """Take an adapter out of the server, and see that it is gone."""
        await self._post("unload_lora_adapter", {"lora_name": name}, f"the adapter {name}")
        if name in await self.served():
            raise AdapterRefused(
                f"{self.api_base} says that {name} is unloaded and still lists it: restart it"
            )

    async def served(self) -> list[str]:
        """Names of what the server answers as: the base and its adapters."""
        found = await self._post("models", None, "to list its models")
        return [str(item["id"]) for item in found.get("data", ())]

    async def scores(self, model: str, prompt: str, most: int = 5) -> Mapping[str, float]:
        """The likeliest next tokens after a prompt with their log probabilities, in nats."""
        body = {
            "model": model,
            "prompt": prompt,
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": most,
        }
        answer = await self._post("completions", body, f"the model {model}")
        try:
            top = answer["choices"][0]["logprobs"]["top_logprobs"][0]
            return {str(token): float(score) for token, score in top.items()}
        except (LookupError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{self.api_base} gives no log probabilities for {model}: whether an adapter acts"
                " cannot be seen; use a vLLM that answers `logprobs`"
            ) from error

    async def _seen(self, name: str, prompts: Sequence[str]) -> float:
        if name not in await self.served():
            raise AdapterRefused(
                f"{self.api_base} said that {name} is loaded and does not list it: see its log"
            )
        largest = 0.0
        for prompt in prompts:
            base = await self.scores(self.base, prompt)
            largest = max(largest, moved(base, await self.scores(name, prompt)))
        if largest < LEAST:
            raise AdapterRefused(
                f"{self.api_base} said that {name} is loaded, and it answers {len(prompts)} prompts"
                " exactly as the base: the path may not exist there, or the weights are zero"
            )
        return largest

    async def _forget(self, name: str) -> None:
        try:
            await self._post("unload_lora_adapter", {"lora_name": name}, name)
        except ModelError:
            return  # It was never there; the first refusal says so.

    async def _post(self, path: str, body: dict[str, Any] | None, what: str) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(self._request, path, body)
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode("utf-8", "replace").strip().replace("\n", " ")[:300]
            if error.code in (404, 405) and path.endswith("lora_adapter") and "lora" not in said:
                raise AdapterMissing(
                    f"{self.api_base} takes no adapters while it runs: start vLLM with"
                    " --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
                ) from error
            raise AdapterRefused(
                f"{self.api_base} refused {what} ({error.code}): {said}"
            ) from error

    def _request(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api_base}/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as reply:
                text = reply.read()
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise ModelUnreachable(
                f"no vLLM server answers at {self.api_base} ({error}): start it, or correct"
                " model.api_base"
            ) from error
        try:
            # Loading and unloading answer in words, all else in JSON.
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
