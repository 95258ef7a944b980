"""A runner that lies about its files is found out, and nothing of what it says reaches the host."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox import StateUnknown, files
from journeyman.sandbox.base import Export, File
from journeyman.sandbox.entries import refuse_path
from journeyman.sandbox.files import Files, RunnerLost, unpack

Answer = Callable[[dict[str, Any]], bytes]
SIZE = 3
DIGEST = hashlib.sha256(b"abc").hexdigest()
GOOD = ["a", "file", False, SIZE, DIGEST]


async def told_by(answer: Answer) -> Export:
    """What an export gives when `answer` makes the runner's lines."""
    ours, theirs = asyncio.StreamReader(), asyncio.StreamReader()

    class Pipe:
        def write(self, data: bytes) -> None:
            theirs.feed_data(data)

        async def drain(self) -> None:
            return None

    async def runner() -> None:
        while line := await theirs.readline():
            ours.feed_data(answer(json.loads(line)))

    running = asyncio.create_task(runner())
    try:
        return await Files(ours, Pipe()).export(1000)  # type: ignore[arg-type]
    finally:
        running.cancel()


def line(request: dict[str, Any], value: Any, error: str | None = None) -> bytes:
    return json.dumps({"filed": request["file"], "value": value, "error": error}).encode() + b"\n"


def telling(*entries: Any, data: bytes = b"abc") -> Answer:
    def answer(request: dict[str, Any]) -> bytes:
        if request["do"] == "survey":
            return line(request, list(entries) if request["start"] == 0 else [])
        return line(request, base64.b64encode(data[request["offset"] :]).decode())

    return answer


async def test_what_is_told_truly_comes_out() -> None:
    assert (await told_by(telling(GOOD))).files == {"a": File(b"abc")}


@pytest.mark.parametrize(
    "entries",
    [
        [["../a", "file", False, SIZE, DIGEST]],
        [["/etc/a", "file", False, SIZE, DIGEST]],
        [["a", "device", False, SIZE, DIGEST]],
        [["a", "file", False, -1, DIGEST]],
        [["a", "file", False, True, DIGEST]],
        [["a", "file", False, 1e9, DIGEST]],
        [["a", "file", 0, SIZE, DIGEST]],
        [["a", "file", False, SIZE, "x" * 2000]],
        [["a", "file", False, SIZE]],
        [GOOD, GOOD],
        [GOOD, ["a/b", "file", False, SIZE, DIGEST]],
        [["c/b", "file", False, SIZE, DIGEST]],
        [7],
        ["file"],
        [{"path": "a"}],
    ],
)
async def test_odd_entries_are_refused(entries: list[Any]) -> None:
    with pytest.raises(StateUnknown):
        await told_by(telling(*entries))


@pytest.mark.parametrize("data", [b"abd", b"ab", b"abcd", b""])
async def test_contents_must_be_what_was_told(data: bytes) -> None:
    with pytest.raises(StateUnknown, match="not what the sandbox's runner told"):
        await told_by(telling(GOOD, data=data))


async def test_more_than_fits_is_left_out_unread() -> None:
    export = await told_by(telling(["big", "file", False, 1 << 39, DIGEST], GOOD))
    assert set(export.files) == {"a"} and "larger" in export.left_out["big"]


@pytest.mark.parametrize(
    "said",
    [
        b"no json\n",
        b"{}\n",
        b'{"filed": 99, "value": [], "error": null}\n',
        b'{"filed": true, "value": [], "error": null}\n',
        b'{"filed": 1, "value": [], "error": 5}\n',
        b'{"filed": 1, "value": [], "error": null, "more": 1}\n',
        b'{"filed": 1, "value": NaN, "error": null}\n',
        b'{"filed": 1, "value": ' + b"[" * 50 + b"]" * 50 + b', "error": null}\n',
        b'{"filed": 1, "value": "' + b"x" * 600_000 + b'", "error": null}\n',
    ],
)
async def test_a_line_that_is_no_answer_ends_the_sandbox(said: bytes) -> None:
    with pytest.raises(RunnerLost):
        await told_by(lambda request: said)


async def test_a_runner_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ANSWER_SECONDS", 0.05)
    with pytest.raises(RunnerLost, match="out of reach"):
        await told_by(lambda request: b"")


async def test_a_list_without_end_is_given_up() -> None:
    def answer(request: dict[str, Any]) -> bytes:
        start = request["start"]
        return line(request, [[f"d{start + n}", "folder", False, 0, ""] for n in range(200)])

    with pytest.raises(StateUnknown, match="more than"):
        await told_by(answer)


@given(st.text(st.sampled_from("ab./\\\0\n")))
def test_a_path_that_is_let_through_stays_below(path: str) -> None:
    if refuse_path(path) is None:
        assert os.path.normpath(path) == path and not path.startswith("/")
        assert ".." not in path.split("/")
        assert "\n" not in path and "\0" not in path


def test_unpacking_writes_a_new_folder_only(tmp_path: Path) -> None:
    export = Export({"d/run.sh": File(b"x", True), "a": File(b"y")}, {})
    unpack(export, tmp_path / "new")
    assert (tmp_path / "new/a").read_bytes() == b"y"
    assert os.access(tmp_path / "new/d/run.sh", os.X_OK)
    with pytest.raises(FileExistsError):
        unpack(export, tmp_path / "new")
    with pytest.raises(ValueError, match="cannot be written"):
        unpack(Export({"../a": File(b"")}, {}), tmp_path / "other")
    assert not (tmp_path / "a").exists()
