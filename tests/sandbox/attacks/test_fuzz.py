"""Both ends of the edge fed with lines that no honest side writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.sandbox import ProtocolError, StateUnknown, protocol
from journeyman.sandbox.base import Export, Json, Limits, Result
from journeyman.sandbox.entries import refuse_path
from journeyman.sandbox.files import Files, RunnerLost
from journeyman.sandbox.talk import RunBroken, Talk
from journeyman.sandbox.worker import Launched, Launcher

from ..backends import BACKENDS

LIMITS = Limits(seconds=5, output_bytes=100, calls=5)
CALL: dict[str, Any] = {"call": 1, "primitive": "click", "args": {"role": "button"}}
DONE: dict[str, Any] = {"done": "7", "exit_code": 0, "error": None, "output": "", "value": None}
DONE |= {"called": [], "stopped": None}
SURVEY = [["a", "file", False, 1, "0" * 64], ["d", "folder", False, 0, ""]]
FILED: dict[str, Any] = {"filed": 1, "value": SURVEY, "error": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYS = sorted({*CALL, *DONE, *FILED, "ready", "reply", "id", "stop"})


@st.composite
def lines(draw: st.DrawFn, *messages: dict[str, Any]) -> bytes:
    """A line that is right, or wrong in keys, in values, in bytes, or throughout."""
    message = dict(draw(st.sampled_from(messages)))
    if draw(st.booleans()):
        message |= draw(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
    for key in draw(st.lists(st.sampled_from(sorted(message)), max_size=2)):
        message.pop(key, None)
    line = bytearray(json.dumps(message).encode())
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(line)))
        line[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(draw(st.sampled_from([bytes(line), bytes(line) * 2, draw(st.binary())]))) + b"\n"


class Wire:
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        return


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    reader.feed_data(data)
    reader.feed_eof()
    return reader


@given(st.lists(lines(CALL, CALL | {"call": 2}, DONE), max_size=8))
def test_a_conversation_ends_in_a_result_or_is_broken_off(peer: list[bytes]) -> None:
    asked: list[str] = []

    async def serve(primitive: str, args: dict[str, Json]) -> Json:
        asked.append(primitive)
        json.dumps(args, allow_nan=False, ensure_ascii=False).encode()
        return args

    async def converse() -> Result | None:
        wire = Wire()
        talk = Talk(reader_of(b"".join(peer)), wire, "7", serve, LIMITS)  # type: ignore[arg-type]
        try:
            result = await asyncio.wait_for(talk.converse(b"{}\n"), 5)
        except RunBroken as broken:
            assert str(broken).isprintable()
            return None
        for line in wire.sent.splitlines():
            json.loads(line)
        return result

    result = asyncio.run(converse())
    assert len(asked) <= LIMITS.calls
    if result is not None:
        assert result.error is None or (result.error.isprintable() and len(result.error) <= 2000)
        assert len(result.output.encode()) <= 3 * LIMITS.output_bytes
        json.dumps(result.value, allow_nan=False, ensure_ascii=False).encode()


@given(st.lists(lines(FILED, FILED | {"filed": 2, "value": []}, FILED | {"filed": 2}), max_size=6))
def test_an_export_comes_or_is_refused(peer: list[bytes]) -> None:
    async def export() -> Export | None:
        files = Files(reader_of(b"".join(peer)), Wire())  # type: ignore[arg-type]
        try:
            return await asyncio.wait_for(files.export(1000), 5)
        except StateUnknown as error:
            assert isinstance(error, RunnerLost) or str(error)
            return None

    export_ = asyncio.run(export())
    for path in export_.files if export_ is not None else ():
        assert refuse_path(path) is None


@given(st.text(max_size=60))
def test_a_path_that_is_taken_lies_in_the_area(path: str) -> None:
    if refuse_path(path) is None:
        assert path.isprintable() and not path.startswith("/") and path.encode()
        assert not set(path.split("/")) & {"", ".", ".."}


@given(JSON, st.integers(), st.text())
def test_what_the_host_writes_is_one_line_that_can_be_read(
    value: Json, number: int, text: str
) -> None:
    written = [protocol.error_line(number, text, over=False), protocol.stop_line(text)]
    try:
        written.append(protocol.reply_line(number, value))
        written.append(protocol.run_line(text, text, {text: text}, LIMITS, [text]))
    except ValueError as error:
        assert "JSON" in str(error) or "NaN" in str(error) or "float" in str(error)
    for line in written:
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        json.loads(line)


@given(st.binary(max_size=200), st.integers(1, 4000))
def test_a_line_is_read_in_time_that_grows_with_it(part: bytes, times: int) -> None:
    line = (part * times)[: protocol.LINE]
    try:
        protocol.parse(line, run="7", call=1, output_bytes=100)
    except ProtocolError as error:
        assert str(error).isprintable() and len(str(error)) < 300


LIMITED = asdict(Limits(seconds=2.0, memory_mb=128))
RUN = {"id": "1", "code": "print(1)\n2", "command": [], "library": {}, "limits": LIMITED}
PROGRAM = RUN | {"code": "", "command": ["echo", "a"]}
ASKS: tuple[dict[str, Any], ...] = (
    RUN,
    PROGRAM,
    {"reply": 1, "value": 1},
    {"reply": 1, "error": "no", "over": False},
    {"stop": "1"},
    {"file": 1, "do": "survey", "start": 0},
    {"file": 1, "do": "put", "path": "a/b", "data": "eA==", "executable": False, "more": False},
    {"file": 1, "do": "get", "path": "a/b", "offset": 0},
    {"file": 1, "do": "link", "path": "l", "target": "/"},
    {"file": 1, "do": "drop", "path": "a"},
)


class Fed:
    """A real runner behind a backend's walls, and its bare pipes."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._loop = asyncio.Runner()
        self._launched: Launched | None = None
        self._told = 0

    def tell(self, data: bytes) -> list[bytes]:
        """Write lines; what comes back until it has done a right run, or is gone."""
        return self._loop.run(self._tell(data))

    def end(self) -> None:
        if self._launched is not None:
            self._loop.run(self._launched.end())
        self._loop.close()

    async def _tell(self, data: bytes) -> list[bytes]:
        launched = self._launched or await self._launcher.start(Limits())
        self._launched = launched
        heard: list[bytes] = []
        self._told += 1
        last = f"last {self._told}"
        launched.writer.write(data)
        for _ in range(30):
            # While a run goes on this is taken for a reply to it, and so it is said again.
            launched.writer.write(json.dumps(RUN | {"id": last}).encode() + b"\n")
            try:
                async with asyncio.timeout(0.5):
                    while not heard or f'"done":"{last}"'.encode() not in heard[-1]:
                        heard.append(await launched.reader.readuntil(b"\n"))
                return heard
            except TimeoutError:
                continue
            except (asyncio.IncompleteReadError, ConnectionError):
                await launched.end()
                self._launched = None
                return heard
        raise AssertionError(f"the runner is silent after {data!r}")


@pytest.fixture(scope="module", params=BACKENDS)
def fed(request: pytest.FixtureRequest) -> Iterator[Fed]:
    if request.param.launcher.name == "docker":
        request.getfixturevalue("engine")
    runner = Fed(request.param.launcher)
    yield runner
    runner.end()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lines(*ASKS), max_size=4))
def test_the_runner_answers_or_ends_whatever_it_is_told(fed: Fed, told: list[bytes]) -> None:
    for line in fed.tell(b"".join(told)):
        message = json.loads(line)
        assert {"done", "call", "filed"} & message.keys(), line


def test_the_runner_answers_what_is_right(fed: Fed) -> None:
    told = [json.dumps(ask).encode() + b"\n" for ask in ASKS]
    for ask in told[:2]:
        assert b'"exit_code":0' in fed.tell(ask)[0]
    for ask in told[5:]:
        assert b'"filed":1' in fed.tell(ask)[0]
