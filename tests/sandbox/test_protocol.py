"""Lines from the other side are read as an enemy's; and the host's part of a run holds to that."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeyman.sandbox import ProtocolError, protocol
from journeyman.sandbox.base import Limits, Result
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.protocol import CallLine, DoneLine, Ready
from journeyman.sandbox.talk import RunBroken, Talk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
CALL = {"call": 1, "primitive": "click", "args": {}}
DONE: dict[str, Any] = {"done": "7", "exit_code": 0, "error": None, "output": "", "value": None}
DONE |= {"called": [], "stopped": None}


def parse(line: bytes) -> object:
    return protocol.parse(line, run="7", call=1, output_bytes=100)


def line(message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


def read_safely(data: bytes) -> None:
    """Either a message whose every text can be written, or the one error."""
    try:
        message = parse(data)
    except ProtocolError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(message, Ready | CallLine | DoneLine)
        if isinstance(message, CallLine):
            json.dumps([message.primitive, message.args], ensure_ascii=False).encode()


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff\n")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"9" * 5000)
@example(b'{"call":1,"primitive":"\\udfff","args":{}}')
@example(b"x" * 1_000_000)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_safely(data)


@given(st.sampled_from([CALL, DONE]), st.dictionaries(st.sampled_from([*CALL, *DONE]), JSON))
def test_any_changed_message_is_read_or_refused(
    message: dict[str, Any], change: dict[str, Any]
) -> None:
    read_safely(line(message | change))


@given(JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    read_safely(line(value))


def test_right_lines_are_read() -> None:
    assert parse(b'{"ready":1}\n') == Ready()
    assert parse(line(CALL)) == CallLine(1, "click", {})
    assert parse(line(DONE)) == DoneLine(0, None, "", None, (), None)


@pytest.mark.parametrize(
    "message",
    [
        CALL | {"call": 2},
        CALL | {"call": True},
        CALL | {"call": 1.0},
        CALL | {"more": 1},
        CALL | {"args": []},
        CALL | {"args": {str(n): 1 for n in range(21)}},
        CALL | {"primitive": "x" * 101},
        CALL | {"args": {"a": "x" * 300_000}},
        DONE | {"done": "6"},
        DONE | {"exit_code": True},
        DONE | {"exit_code": 300},
        DONE | {"output": "x" * 301},
        DONE | {"called": ["a", 1]},
        DONE | {"called": "ab"},
        DONE | {"stopped": "why"},
        {key: value for key, value in DONE.items() if key != "value"},
        {"ready": 2},
    ],
    ids=lambda message: json.dumps(message)[:60],
)
def test_wrong_lines_are_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        parse(line(message))


@given(JSON)
def test_replies_are_one_short_line(value: object) -> None:
    try:
        reply = protocol.reply_line(3, value)
    except ValueError:
        assert "NaN" in repr(value).replace("nan", "NaN") or "inf" in repr(value)
        return
    assert reply.count(b"\n") == 1 and len(reply) <= protocol.LINE
    assert json.loads(reply)["reply"] == 3


def test_a_long_reply_and_a_long_run_are_refused_with_a_sentence() -> None:
    assert b"too long" in protocol.reply_line(1, "x" * 300_000)
    with pytest.raises(ValueError, match="longer than"):
        protocol.run_line("1", "x" * 5_000_000, {}, Limits())


async def against(lines: list[bytes], limits: Limits | None = None) -> tuple[Result | str, bytes]:
    """Let a runner of our own send these lines; give the result or the break, and what it heard."""
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here, limit=protocol.LINE)
    talk = Talk(reader, writer, "7", echo, limits or Limits())
    their_reader, their_writer = await asyncio.open_connection(sock=there)
    their_writer.write(b"".join(lines))
    their_writer.write_eof()
    result: Result | str
    try:
        result = await asyncio.wait_for(talk.converse(b'{"id":"7"}\n'), 5)
    except RunBroken as broken:
        result = str(broken)
    writer.close()
    heard = await their_reader.read()
    their_writer.close()
    return result, heard


async def test_a_run_is_served_to_its_end() -> None:
    result, heard = await against([line(CALL), line(DONE | {"output": "a", "value": 5})])
    assert result == Result(0, "a", value=5)
    assert heard == b'{"id":"7"}\n{"reply":1,"value":["click",{}]}\n'


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "ended unexpectedly"),
        ([line(CALL)], "ended unexpectedly"),
        ([line(CALL), line(CALL)], "call 2 was due"),
        ([line(DONE | {"done": "8"})], "another run"),
        ([b'{"ready":1}\n'], "started anew"),
        ([b"x" * 600_000 + b"\n"], "too long"),
        ([line(CALL)[:-1]], "ended unexpectedly"),
    ],
)
async def test_a_runner_that_breaks_the_rules_is_left(lines: list[bytes], words: str) -> None:
    result, _ = await against(lines)
    assert isinstance(result, str) and words in result


async def test_calls_past_the_budget_are_not_served() -> None:
    calls: Callable[[int], bytes] = lambda n: line(CALL | {"call": n})  # noqa: E731
    lines = [calls(1), calls(2), calls(3), line(DONE | {"stopped": "asked", "output": "so far"})]
    result, heard = await against(lines, Limits(calls=2))
    assert result == Result(1, "so far", "the action made more than 2 page calls and was stopped")
    assert heard.count(b'"reply"') == 2 and b'{"stop":"7"}\n' in heard
