"""The vector index, with real Chroma: derived, one writer, never mixed."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.memory import EmbedderMismatch, MemoryFault
from journeyman.memory.derived import DerivedIndex
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.vectors import Change, VectorIndex

ITEMS = {
    "mail": "delete the e-mail from Ann",
    "login": "log in as bob with the password",
    "date": "choose a date in the calendar",
}


def index_at(path: Path, embedder: str = "e", writable: bool = True) -> VectorIndex:
    return VectorIndex(path / "index", embedder, 3, writable)


def snapshot(path: Path) -> dict[str, bytes]:
    return {str(item): item.read_bytes() for item in path.rglob("*") if item.is_file()}


async def test_what_is_put_in_is_found_until_it_is_deleted(tmp_path: Path) -> None:
    index = index_at(tmp_path)
    assert await index.count() == 0 and await index.query([1, 0, 0], 3) == []
    assert index.generation == 0 and not (tmp_path / "index").exists()
    await index.upsert(["a", "b"], [[1, 0, 0], [0, 1, 0]], [{"kind": 1}, {"kind": 2}])
    hits = await index.query([0.9, 0.1, 0], 5)
    assert [hit.id for hit in hits] == ["a", "b"] and hits[0].metadata == {"kind": 1}
    assert hits[0].score == pytest.approx(0.9939, abs=1e-3)
    assert [hit.id for hit in await index.query([1, 0, 0], 5, where={"kind": 2})] == ["b"]
    await index.upsert(["a"], [[0, 0, 1]])
    await index.delete(["b", "unknown"])
    assert list(await index.entries()) == ["a"] and index.generation == 3
    await index.close()


async def test_another_embedders_vectors_are_never_mixed(tmp_path: Path) -> None:
    await index_at(tmp_path).upsert(["a"], [[1, 0, 0]])
    for writable in (True, False):
        with pytest.raises(EmbedderMismatch, match="made by e, not other"):
            await index_at(tmp_path, "other", writable).query([1, 0, 0], 1)
    with pytest.raises(EmbedderMismatch):
        await index_at(tmp_path, "other").upsert(["b"], [[1, 0, 0]])


async def test_reading_writes_nothing(tmp_path: Path) -> None:
    await index_at(tmp_path).upsert(["a"], [[1, 0, 0]])
    before = snapshot(tmp_path)
    reader = index_at(tmp_path, writable=False)
    assert [hit.id for hit in await reader.query([1, 0, 0], 2)] == ["a"]
    assert await reader.count() == 1
    with pytest.raises(MemoryFault, match="reading only"):
        await reader.delete(["a"])
    await reader.close()
    assert snapshot(tmp_path) == before


async def test_a_reader_follows_a_writers_generations(tmp_path: Path) -> None:
    writer, reader = index_at(tmp_path), index_at(tmp_path, writable=False)
    for number in range(3):
        await writer.upsert([f"v{number}"], [[1, number, 0]])
        assert await reader.count() == number + 1
    await writer.close()
    await reader.close()


async def test_writers_take_turns(tmp_path: Path) -> None:
    async def write(start: int) -> None:
        index = index_at(tmp_path)
        for number in range(start, start + 5):
            await index.upsert([f"v{number}"], [[1, number, 0]])

    await asyncio.gather(write(0), write(5))
    assert await index_at(tmp_path).count() == 10
    assert index_at(tmp_path).generation == 10


KILLED = """
import asyncio, sys
from pathlib import Path
from journeyman.memory.vectors import VectorIndex

async def main():
    index = VectorIndex(Path(sys.argv[1]), "e", 3, True)
    for number in range(1000):
        await index.upsert([f"v{number}"], [[1, number, 0]])
        print(number, flush=True)
asyncio.run(main())
"""


async def test_what_a_killed_writer_left_is_not_read_and_the_next_writer_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=env
    )
    assert writer.stdout and writer.stdout.readline()
    await asyncio.sleep(random.Random(1).uniform(0, 0.1))
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    embedder = HashEmbedder(3)
    embedder.id = "e"
    search = DerivedIndex(path, embedder, writable=True)
    assert {name for name, _ in await search.search(ITEMS, "log in", 9)} == ITEMS.keys()
    assert set(await VectorIndex(path, "e", 3, False).entries()) == ITEMS.keys()


async def test_an_unfinished_generation_is_refused_to_readers(tmp_path: Path) -> None:
    index = index_at(tmp_path)
    await index.upsert(["a"], [[1, 0, 0]])

    def fails(_: object) -> Change:
        raise RuntimeError("power cut")

    with pytest.raises(MemoryFault, match="power cut"):
        await index.revise(fails)
    with pytest.raises(MemoryFault, match="was killed"):
        await index_at(tmp_path, writable=False).count()
    await index.upsert(["b"], [[1, 0, 0]])
    assert list(await index.entries()) == ["b"]


@pytest.mark.parametrize("damage", ["deleted", "overwritten", "emptied", "mismatched"])
async def test_a_derived_index_gives_the_same_hits_whatever_happened_to_it(
    tmp_path: Path, damage: str
) -> None:
    path, embedder = tmp_path / "index", HashEmbedder(64)
    search = DerivedIndex(path, embedder, writable=True)
    before = await search.search(ITEMS, "delete the message from Ann", 2)
    assert before[0][0] == "mail"
    if damage == "deleted":
        shutil.rmtree(path)
    elif damage == "mismatched":
        shutil.rmtree(path)
        await VectorIndex(path, "other", 3, True).upsert(["x"], [[1, 0, 0]])
    else:
        for file in path.rglob("*"):
            if file.is_file() and file.suffix != ".json":
                file.write_bytes(b"" if damage == "emptied" else b"garbage" * 999)
    for writable in (False, True, False):
        other = DerivedIndex(path, embedder, writable)
        found = await other.search(ITEMS, "delete the message from Ann", 2)
        assert [name for name, _ in found] == [name for name, _ in before]
        assert found[0][1] == pytest.approx(before[0][1], abs=1e-5)
        await other.close()
    assert await VectorIndex(path, embedder.id, 64, False).count() == len(ITEMS)


async def test_a_derived_index_follows_its_source(tmp_path: Path) -> None:
    writer = DerivedIndex(tmp_path / "index", HashEmbedder(64), writable=True)
    reader = DerivedIndex(tmp_path / "index", HashEmbedder(64), writable=False)
    items = dict(ITEMS)
    await writer.search(items, "x", 1)
    items["mail"] = "buy a red hat"
    items["new"] = "buy a blue hat"
    del items["date"]
    before = snapshot(tmp_path)
    for search in (reader, writer):
        found = await search.search(items, "buy a red hat", 9)
        assert [name for name, _ in found][:2] == ["mail", "new"]
        assert {name for name, _ in found} == {"mail", "new", "login"}
        if search is reader:
            assert snapshot(tmp_path) == before
