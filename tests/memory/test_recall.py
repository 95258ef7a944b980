"""Recall: like goals that succeeded, from an index that may be deleted at any time."""

from __future__ import annotations

import shutil
from pathlib import Path

from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.memory.recall import Recall
from journeyman.memory.trajectory import Outcome, Task

GOALS = {
    "mail": "Delete the e-mail from Ann",
    "login": "Log in as bob with password x",
    "failed": "Delete the e-mail from Bea",
    "tainted": "Delete the e-mail from Cy",
    "running": "Delete the e-mail from Di",
}


async def fill(path: Path) -> Journal:
    journal = await Journal.open(path)
    for name, goal in GOALS.items():
        await journal.begin(name, Task(name, goal))
        if name != "running":
            taint = "a link from the page" if name == "tainted" else ""
            await journal.finish(name, Outcome(name != "failed", "check"), taint=taint)
    return journal


async def test_only_untainted_successes_are_recalled_nearest_first(tmp_path: Path) -> None:
    journal = await fill(tmp_path / "j.db")
    recall = Recall(journal, tmp_path / "index", HashEmbedder())
    assert [item.id for item in await recall.similar("Delete the e-mail from Eve", 5)] == [
        "mail",
        "login",
    ]
    await journal.finish("failed", Outcome(True, "person"))
    (first, score), *_ = await recall.ranked(GOALS["failed"], 1)
    assert first.id == "failed" and score > 0.99
    await recall.close()
    await journal.close()


async def test_the_index_is_derived(tmp_path: Path) -> None:
    journal = await fill(tmp_path / "j.db")
    recall = Recall(journal, tmp_path / "index", HashEmbedder())
    before = await recall.ranked("log in", 3)
    shutil.rmtree(tmp_path / "index")
    assert [item.id for item, _ in await recall.ranked("log in", 3)] == [
        item.id for item, _ in before
    ]
    await recall.rebuild()
    assert (tmp_path / "index").exists()
    await journal.close()


async def test_a_reader_recalls_and_writes_nothing(tmp_path: Path) -> None:
    await (await fill(tmp_path / "j.db")).close()
    journal = await Journal.open(tmp_path / "j.db", read_only=True)
    recall = Recall(journal, tmp_path / "index", HashEmbedder())
    assert [item.id for item in await recall.similar("Delete the e-mail", 1)] == ["mail"]
    assert [item.name for item in tmp_path.iterdir()] == ["j.db"]
