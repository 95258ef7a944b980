"""Adapters in the embedded model: really mixed by llama.cpp, over a model of two tiny layers."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import AdapterMissing, AdapterRefused
from journeyman.agent.config import ModelSettings
from journeyman.agent.identity import digest_of
from journeyman.agent.local import LocalModel
from journeyman.agent.model import Adaptable, open_model

BASE: dict[str, float] = {}


def chat(text: str = "hello world " * 10) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def files(tiny: Any, tmp_path: Path) -> dict[str, Path]:
    tiny.base(tmp_path / "base.gguf")
    for seed, name in enumerate("abc", 1):
        tiny.adapter(tmp_path / f"{name}.gguf", seed)
    return {name: tmp_path / f"{name}.gguf" for name in ("base", "a", "b", "c")}


@pytest.fixture
async def model(files: dict[str, Path]) -> AsyncIterator[LocalModel]:
    local = LocalModel(files["base"], context=2048, threads=1)
    yield local
    await asyncio.to_thread(local.close)


async def test_a_mix_changes_the_reply_and_none_or_zero_is_the_base_exactly(
    model: LocalModel, files: dict[str, Path]
) -> None:
    base = await model.first_token(chat())
    await model.serve({"a": files["a"], "b": files["b"]})
    assert model.adapters == ("a", "b")
    mixes = [{"a": 1.0}, {"b": 1.0}, {"a": 0.5}, {"a": 1.0, "b": 1.0}]
    mixed = [await model.first_token(chat(), mix) for mix in mixes]
    assert all(scores != base for scores in mixed)
    assert len({str(scores) for scores in mixed}) == len(mixes)
    for none in (None, BASE, {"a": 0.0}):
        assert await model.first_token(chat(), none) == base
    assert await model.first_token(chat(), {"a": 1.0}) == mixed[0]


async def test_two_adapters_mixed_equal_one_of_their_summed_products(
    model: LocalModel, files: dict[str, Path], tiny: Any, tmp_path: Path
) -> None:
    """base + Σ αᵢ·BᵢAᵢ, as PSEC composes."""
    import numpy as np

    one, two = tiny.adapter(tmp_path / "x.gguf", 1), tiny.adapter(tmp_path / "y.gguf", 2)
    both = {
        name: np.concatenate(
            [one[name] * (0.5 if b else 1), two[name] * (0.25 if b else 1)], int(b)
        )
        for name in one
        for b in [name.endswith("lora_b")]
    }
    # The scale is alpha over rank, and the rank has doubled.
    tiny.planted(tmp_path / "both.gguf", both, alpha=16.0)
    await model.serve({"a": files["a"], "b": files["b"], "both": tmp_path / "both.gguf"})
    mixed = await model.first_token(chat(), {"a": 0.5, "b": 0.25})
    whole = await model.first_token(chat(), {"both": 1.0})
    assert mixed.keys() == whole.keys()
    # llama.cpp computes in half precision here and there.
    assert all(abs(mixed[token] - whole[token]) < 5e-3 for token in mixed)
    assert whole != await model.first_token(chat())


async def test_no_prompt_is_taken_up_under_another_mix(
    model: LocalModel, files: dict[str, Path]
) -> None:
    """llama.cpp puts prompts aside without the mix they were read under; see llama.py."""
    await model.serve({"a": files["a"]})
    fresh = await model.first_token(chat(), {"a": 1.0})
    greedy = (await model.complete(chat(), adapters={"a": 1.0}, max_tokens=6)).text
    other = chat("zebra cross " * 9)
    for first in (None, {"a": 1.0}):
        await model.complete(chat(), max_tokens=1)
        await model.complete(other, adapters=first, max_tokens=1)
        again = await model.complete(chat(), adapters={"a": 1.0}, max_tokens=6)
        assert again.text == greedy
        assert again.cached_tokens < 0.5 * again.prompt_tokens
    assert await model.first_token(chat(), {"a": 1.0}) == fresh


async def test_the_cached_prompt_serves_the_next_request_of_the_same_mix(
    model: LocalModel, files: dict[str, Path]
) -> None:
    await model.serve({"a": files["a"]})
    for mix, cached in (
        ({"a": 1.0}, False),
        ({"a": 1.0}, True),
        ({"a": 0.5}, False),
        (None, False),
    ):
        reply = await model.complete(chat(), adapters=mix, max_tokens=1)
        assert (reply.cached_tokens > 0.8 * reply.prompt_tokens) is cached, mix


async def test_a_new_adapter_joins_while_a_request_in_flight_ends_on_the_old_server(
    model: LocalModel, files: dict[str, Path]
) -> None:
    long = "root ::= [a-z]{400}"
    alone = await model.complete(chat(), grammar=long, max_tokens=400)
    await model.serve({"a": files["a"]})
    before = await model.first_token(chat(), {"a": 1.0})
    begun: list[str] = []
    flying = asyncio.create_task(
        model.complete(chat(), grammar=long, max_tokens=400, on_token=begun.append)
    )
    queued = asyncio.create_task(model.complete(chat(), grammar=long, max_tokens=400))
    while not begun:
        await asyncio.sleep(0.001)
    await model.serve({"b": files["b"]})
    assert model.adapters == ("a", "b")
    new = await model.first_token(chat(), {"b": 1.0})
    assert new != before
    assert await model.first_token(chat(), {"a": 1.0}) == before
    assert (await flying).text == (await queued).text == alone.text


async def test_what_is_served_already_starts_no_second_server(
    model: LocalModel, files: dict[str, Path]
) -> None:
    await model.serve({"a": files["a"]})
    server = model._serving
    await model.serve({"a": files["a"]})
    await model.serve({})
    assert model._serving is server
    # The same name for another file is another adapter.
    one = await model.first_token(chat(), {"a": 1.0})
    await model.serve({"a": files["b"]})
    assert await model.first_token(chat(), {"a": 1.0}) != one
    await model.withdraw(["a"])
    assert model.adapters == ()


async def test_an_unknown_missing_foreign_or_damaged_adapter_is_a_sentence_and_the_rest_serves_on(
    model: LocalModel, files: dict[str, Path], tiny: Any, tmp_path: Path
) -> None:
    await model.serve({"a": files["a"]})
    held = await model.first_token(chat(), {"a": 1.0})
    with pytest.raises(AdapterMissing, match=r"no adapter 'nope' is served .* there is a"):
        await model.complete(chat(), adapters={"nope": 1.0})
    type(tiny)(dim=64).adapter(tmp_path / "wide.gguf")
    whole = files["b"].read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickled.gguf").write_bytes(b"\x80\x04pickle")
    for name, error in (
        ("wide", AdapterRefused),
        ("cut", AdapterRefused),
        ("base", AdapterRefused),
        ("pickled", AdapterRefused),
        ("absent", AdapterMissing),
    ):
        with pytest.raises(error, match=name) as caught:
            await model.serve({name: tmp_path / f"{name}.gguf"})
        assert "\n" not in str(caught.value)
    assert model.adapters == ("a",)
    assert await model.first_token(chat(), {"a": 1.0}) == held


async def test_litellm_passes_the_mix_through(files: dict[str, Path]) -> None:
    model = open_model(f"local/{files['base']}", ModelSettings(context=512, threads=1))
    assert isinstance(model, Adaptable)
    assert await model.base() == digest_of(files["base"])
    await model.serve({"a": files["a"]})
    replies = [
        await model.complete(chat(), adapters=mix, max_tokens=12) for mix in (None, {"a": 1.0}, {})
    ]
    assert replies[0].text == replies[2].text != replies[1].text
    with pytest.raises(AdapterMissing, match="nope"):
        await model.complete(chat(), adapters={"nope": 1.0})
    assert model.local is not None
    model.local.close()


async def test_a_model_served_elsewhere_says_plainly_that_it_takes_none(
    files: dict[str, Path],
) -> None:
    model = open_model("openai/tiny", ModelSettings(api_base="http://127.0.0.1:9/v1", retries=0))
    assert await model.base() == ""
    with pytest.raises(AdapterMissing, match="served elsewhere"):
        await model.complete(chat(), adapters={"a": 1.0})
    with pytest.raises(AdapterMissing, match="served elsewhere"):
        await model.serve({"a": files["a"]})


async def test_a_base_is_known_by_its_digest_which_is_taken_once(files: dict[str, Path]) -> None:
    path = files["base"]
    digest = digest_of(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes() + b"x")
    state = path.stat()
    assert (changed := digest_of(path)) != digest
    path.write_bytes(path.read_bytes()[:-1] + b"y")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert digest_of(path) == changed, "it was read again"
