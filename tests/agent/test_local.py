"""The embedded model, really loaded. Its wording is never asserted; outcomes are."""

from __future__ import annotations

import ast
import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.agent import ContextTooLong, ModelError, WeightsDamaged
from journeyman.agent.config import ModelSettings
from journeyman.agent.local import LocalModel
from journeyman.agent.model import open_model
from journeyman.agent.reply import PROGRAM
from journeyman.agent.weights import weights_path

pytestmark = pytest.mark.model

SYSTEM = {"role": "system", "content": "You act on pages. " + "Use click, fill and select. " * 12}
NAME = "local/qwen2.5-coder-1.5b"
LONG = "root ::= [a-z]{900}"
"""A reply that takes many seconds."""


def chat(text: str) -> list[dict[str, str]]:
    return [SYSTEM, {"role": "user", "content": text}]


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    local = LocalModel(weights_path(NAME.removeprefix("local/")), context=2048)
    yield local
    local.close()


async def test_a_stable_prefix_is_served_from_the_prompt_cache(model: LocalModel) -> None:
    first = await model.complete(chat("Say one word."), max_tokens=4)
    again = await model.complete(chat("Say another word."), max_tokens=4)
    assert first.prompt_tokens > 80
    assert again.cached_tokens > 0.8 * again.prompt_tokens
    assert 1 <= again.reply_tokens <= 4
    assert again.seconds < first.seconds


async def test_another_prompt_between_does_not_lose_the_prefix(model: LocalModel) -> None:
    await model.complete(chat("Say one word."), max_tokens=2)
    other = [{"role": "user", "content": "Quite another conversation, about the sea. " * 3}]
    await model.complete(other, max_tokens=2)
    again = await model.complete(chat("Say a third word."), max_tokens=2)
    assert again.cached_tokens > 0.8 * again.prompt_tokens


async def test_a_grammar_binds_the_reply(model: LocalModel) -> None:
    reply = await model.complete(chat("How are you?"), grammar='root ::= "yes" | "no"')
    assert reply.text in {"yes", "no"}
    assert reply.stop_reason == "stop"


async def test_a_program_is_asked_for_and_nothing_about_it_is_said(model: LocalModel) -> None:
    asked = "Why does the Python program `prnt(1)` fail? Explain, then give the right program."
    prose = await model.complete(chat(asked), max_tokens=60)
    with pytest.raises(SyntaxError):
        ast.parse(prose.text.splitlines()[0])
    reply = await model.complete(chat(asked), grammar=PROGRAM, max_tokens=60)
    assert "``" not in reply.text
    ast.parse(reply.text.splitlines()[0])


async def test_greedy_replies_are_the_same_each_time(model: LocalModel) -> None:
    texts = {(await model.complete(chat("Name a tree."), max_tokens=6)).text for _ in range(3)}
    assert len(texts) == 1


async def test_tokens_are_told_as_they_come(model: LocalModel) -> None:
    pieces: list[str] = []
    reply = await model.complete(chat("Count to five."), max_tokens=6, on_token=pieces.append)
    await asyncio.sleep(0)
    assert "".join(pieces) == reply.text
    assert reply.stop_reason == "length"


async def test_a_bad_grammar_and_too_long_a_prompt_are_sentences(model: LocalModel) -> None:
    with pytest.raises(ModelError, match="GBNF"):
        await model.complete(chat("x"), grammar="root ::= missing")
    with pytest.raises(ContextTooLong, match=r"2048.*model\.context"):
        await model.complete(chat("word " * 3000))


async def test_cancelling_frees_the_caller_at_once_and_the_model_soon(model: LocalModel) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await model.complete(chat("Go on."), grammar=LONG, max_tokens=900)
    assert time.monotonic() - begun < 1.3
    begun = time.monotonic()
    reply = await model.complete(chat("Say one word."), grammar='root ::= "yes"', max_tokens=4)
    assert reply.text == "yes"
    assert time.monotonic() - begun < 15


async def test_the_server_listens_nowhere_that_can_be_reached(model: LocalModel) -> None:
    await model.complete(chat("Say one word."), max_tokens=1)
    own = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)}
    inodes = {name.removeprefix("socket:[").rstrip("]") for name in own if "socket:" in name}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            assert not (fields[3] == "0A" and fields[9] in inodes), "a listening TCP socket"
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in inodes and len(fields) > 7 and fields[7].startswith("/"):
            assert not Path(fields[7]).exists()


def _is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


async def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + bytes(100))
    local = LocalModel(wrong)
    with pytest.raises(WeightsDamaged, match=r"wrong\.gguf"):
        await local.complete(chat("x"))
    local.close()


async def test_litellm_reaches_it_with_grammar_costs_and_errors() -> None:
    model = open_model(NAME, ModelSettings(context=1024))
    reply = await model.complete(chat("How are you?"), grammar='root ::= "yes" | "no"')
    assert reply.text in {"yes", "no"}
    assert reply.usage.prompt_tokens > 80
    assert reply.usage.reply_tokens >= 1
    again = await model.complete(chat("Are you sure?"), grammar='root ::= "yes" | "no"')
    assert again.usage.cached_tokens > 0.8 * again.usage.prompt_tokens
    assert open_model(NAME, ModelSettings(context=1024))._local is model._local
    with pytest.raises(ContextTooLong, match="1024"):
        await model.complete(chat("word " * 2000))
    with pytest.raises(ModelError, match="GBNF"):
        await model.complete(chat("x"), grammar="root ::= missing")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await model.complete(chat("Go on."), grammar=LONG, max_tokens=400)
