"""Tasks that start from files: written by a model once, then called as functions, in real sandboxes."""

from __future__ import annotations

import os
import random
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from journeyman.agent.model import Message
from journeyman.agent.run import Agent
from journeyman.agent.suites.base import MakeSandbox, UnknownSuite
from journeyman.agent.suites.folder import Folder, FolderTooLarge
from journeyman.memory.trajectory import Budget, Outcome, Task
from journeyman.sandbox.base import Export
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.files import unpack
from journeyman.skills.skill import Status

Make = Callable[..., Agent]
NAMES = ("amount", "price", "tax", "weight")


class Ledger:
    """Sums of columns; with `both`, of two columns one after the other."""

    name = "ledger"

    def families(self) -> list[str]:
        return ["both", "sum"]

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        if family not in self.families():
            raise UnknownSuite(family)
        column, second, file, out = self._drawn(seed)
        goal = f"Write the sum of column {column} of {file} to {out}."
        if family == "both":
            goal = f"Of {file} write the sum of column {column}, then of {second}, to file {out}."
        return Task(
            f"{family}:{seed}", goal, "files://work", "sum", "full", Budget(3), family, seed
        )

    def _drawn(self, seed: int) -> tuple[str, str, str, str]:
        rng = random.Random(seed)
        column, second = rng.sample(NAMES, 2)
        return column, second, f"book{rng.randint(1, 999)}.csv", f"out{rng.randint(1, 999)}.txt"

    def _rows(self, seed: int) -> list[list[int]]:
        rng = random.Random(seed + 1)
        return [[rng.randint(1, 99) for _ in NAMES] for _ in range(rng.randint(20, 40))]

    def trial_seeds(self, task: Task) -> Iterator[int]:
        yield from range(5000, 9999)

    def files(self, task: Task) -> Mapping[str, bytes]:
        assert task.seed is not None
        lines = [NAMES, *self._rows(task.seed)]
        text = "".join(",".join(map(str, line)) + "\n" for line in lines)
        return {self._drawn(task.seed)[2]: text.encode()}

    async def verdict(self, task: Task, export: Export, make_sandbox: MakeSandbox) -> Outcome:
        assert task.seed is not None
        *columns, _, out = self._drawn(task.seed)
        wanted = columns if task.family == "both" else columns[:1]
        rows = self._rows(task.seed)
        right = "\n".join(str(sum(row[NAMES.index(c)] for row in rows)) for c in wanted)
        file = export.files.get(out)
        good = file is not None and file.data.decode("utf-8", "replace").strip() == right
        return Outcome(good, "check", "" if good else f"{out} is not right")


def summed(messages: Sequence[Message]) -> str:
    """What a good model writes."""
    goal = messages[-1]["content"]
    found = re.search(r"column (\w+) of (\S+) to (\S+)\.", goal)
    assert found is not None, goal
    column, file, out = found.groups()
    return (
        "```python\nimport csv\n\n"
        f"with open('{file}') as file:\n"
        f"    total = sum(int(row['{column}']) for row in csv.DictReader(file))\n"
        f"with open('{out}', 'w') as out:\n    print(total, file=out)\n```"
    )


def with_the_skill(messages: Sequence[Message]) -> str:
    """What a good model writes that was shown a function for a part of it."""
    asked = messages[-1]["content"]
    function = re.search(r"from library import (\w+)\(", asked)
    found = re.search(
        r"Of (\S+) write the sum of column (\w+), then of (\w+), to file (\S+)\.", asked
    )
    assert function is not None and found is not None, asked
    file, first, second, out = found.groups()
    return (
        f"from library import {function[1]} as sum_to\n"
        f"sum_to('{first}', '{file}', 'a.txt')\nsum_to('{second}', '{file}', 'b.txt')\n"
        f"with open('{out}', 'w') as out:\n"
        "    for part in ('a.txt', 'b.txt'):\n        out.write(open(part).read())\n"
    )


async def learn(agent: Agent, suite: Ledger, family: str) -> None:
    """Solve one practice task with the model and learn from it."""
    task = await agent.task(suite, family, 1)
    trajectory = await agent.attempt(task, suite)
    assert trajectory.outcome.success, trajectory.steps[-1].observation
    found = await agent.learn_from([trajectory], suite, say=lambda text: None)
    assert [learnt.version for learnt in found] != [None], found[0].reasons


async def test_a_program_that_worked_is_called_again_without_the_model(make_agent: Make) -> None:
    agent, suite = make_agent(summed), Ledger()
    await learn(agent, suite, "sum")
    for seed in range(10_000, 10_003):
        task = await agent.task(suite, "sum", seed)
        again = await agent.attempt(task, suite, credit=False)
        assert again.outcome.success and again.model_calls == 0, again
    assert agent.library is not None
    (skill,) = agent.library.skills()
    assert skill.status is Status.TRUSTED and skill.current.constructs == ("lift",)
    assert skill.current.manifest.primitives == ()
    assert [slot.name for slot in skill.current.template.slots] == ["column", "text", "text_2"]


async def test_a_skill_calls_another_skill(make_agent: Make) -> None:
    agent, suite = make_agent(summed, with_the_skill), Ledger()
    await learn(agent, suite, "sum")
    await learn(agent, suite, "both")
    task = await agent.task(suite, "both", 10_000)
    again = await agent.attempt(task, suite, credit=False)
    assert again.outcome.success and again.model_calls == 0, again
    assert agent.library is not None
    assert [s.current.constructs for s in agent.library.skills()] == [("lift", "call"), ("lift",)]


async def test_what_went_wrong_is_shown_to_the_model(make_agent: Make) -> None:
    agent, suite = make_agent("open('nope')", "print(1)", summed), Ledger()
    task = await agent.task(suite, "sum", 3)
    trajectory = await agent.attempt(task, suite)
    assert trajectory.outcome.success and len(trajectory.steps) == 3
    model = agent.model
    prompts = [asked[-1]["content"] for asked in model.asked]  # type: ignore[attr-defined]
    assert "book" in prompts[0] and "amount,price,tax,weight" in prompts[0]
    assert "FileNotFoundError" in prompts[1] and "open('nope')" in prompts[1]
    assert "It gave: 1" in prompts[2]


class Archive(Ledger):
    """Rows to delete from a database, of which a look at the files shows only that it is there."""

    name = "archive"

    def files(self, task: Task) -> Mapping[str, bytes]:
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE t (n)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(50)])
        database.commit()
        return {"a.db": database.serialize()}

    async def verdict(self, task: Task, export: Export, make_sandbox: MakeSandbox) -> Outcome:
        database = sqlite3.connect(":memory:")
        database.deserialize(export.files["a.db"].data)
        (left,) = database.execute("SELECT count(*) FROM t").fetchone()
        return Outcome(left == 30, "check", f"{left} rows are left")


async def test_a_program_that_changed_what_is_not_shown_has_done_its_work(make_agent: Make) -> None:
    code = "import sqlite3\ndb = sqlite3.connect('a.db')\n"
    code += "db.execute('DELETE FROM t WHERE n < 20')\ndb.commit()\ndb.close()"
    agent, suite = make_agent(code), Archive()
    trajectory = await agent.attempt(await agent.task(suite, "sum", 6), suite)
    assert trajectory.outcome.success and trajectory.model_calls == 1, trajectory


async def test_a_name_that_was_not_imported_is_said_to_be(make_agent: Make) -> None:
    agent, suite = make_agent("import csv\nPath('a').write_text('')", summed), Ledger()
    trajectory = await agent.attempt(await agent.task(suite, "sum", 7), suite)
    assert trajectory.outcome.success
    told = trajectory.steps[0].error or ""
    assert "'Path' is not defined" in told and "neither defined nor imported" in told
    assert "page functions" not in told


async def test_why_an_attempt_failed_is_shown_to_the_next(make_agent: Make) -> None:
    agent, suite = make_agent("open('wrong.txt', 'w').write('0')", summed), Ledger()
    trajectory = await agent.attempt(await agent.task(suite, "sum", 5), suite, attempts=2)
    assert trajectory.outcome.success
    asked = agent.model.asked[1][-1]["content"]  # type: ignore[attr-defined]
    assert "is not right" in asked and "wrong.txt" not in asked


async def test_a_run_that_must_be_ended_loses_no_file(make_agent: Make) -> None:
    bomb = "b = []\nwhile True: b.append(bytearray(1 << 20))"
    agent, suite = make_agent(bomb, summed), Ledger()
    trajectory = await agent.attempt(await agent.task(suite, "sum", 4), suite)
    assert trajectory.outcome.success, trajectory.steps
    assert "MB" in (trajectory.steps[0].error or "")


async def test_a_folder_is_worked_on_as_a_copy(make_agent: Make, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / ".git").mkdir(parents=True)
    (folder / "a.txt").write_text("one\n")
    (folder / ".git" / "config").write_text("private")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    code = "import os\nopen('b.txt', 'w').write(' '.join(sorted(os.listdir())))\nos.remove('a.txt')"
    suite = Folder(folder)
    agent = make_agent(code)
    trajectory = await agent.attempt(suite.asked("List the files.", Budget(2)), suite)
    assert trajectory.outcome.success is None
    unpack(suite.export, tmp_path / "out")
    assert (tmp_path / "out" / "b.txt").read_text() == "a.txt b.txt"
    assert not (tmp_path / "out" / "a.txt").exists() and (folder / "a.txt").exists()
    with pytest.raises(FileExistsError):
        unpack(suite.export, tmp_path / "out")


def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(13_000_000))
    with pytest.raises(FolderTooLarge, match="name a smaller folder"):
        Folder(tmp_path).files(Task("t", "g"))
