"""What keeping costs with many skills, against a JSON file rewritten each time.

    python -m bench.store [--skills 1000] [--last 20] [--out store.json]

A library and a journal are filled; the last operations are timed, each beside the same done with
one JSON file that is read once, changed in memory and rewritten, synced and renamed each time. That
file checks nothing, keeps no history and bears one process; a library admits after its checks.
Vectors are hashed n-grams both ways, so no embedding model is timed.

Not covered: several writers; a cold disk cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.timing import Timings
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Call, Step, Task
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import Candidate, Manifest, Slot, Template, TrialReport, TrialRun

VERBS = ("open", "close", "send", "archive", "rename", "print", "share", "move", "copy", "sort")
THINGS = ("letter", "invoice", "folder", "picture", "ticket", "order", "calendar", "report")
AGAINST = {
    "admit": "admit, JSON file",
    "find": "find, JSON file",
    "every skill": "find, JSON file",
    "step of two calls": "step, JSON file",
}
VIEW = json.dumps({"elements": [{"role": "button", "name": f"Button {n}"} for n in range(20)]})


def candidate(number: int) -> tuple[Candidate, TrialReport]:
    """A valid skill unlike the others, with a trial that admits it."""
    verb, thing = VERBS[number % len(VERBS)], THINGS[number // len(VERBS) % len(THINGS)]
    name = f"{verb}-{thing}-{number}"
    title = f"{verb.title()} {number}"
    code = (
        f'"""{verb} a {thing}"""\n\nfrom page import click, fill\n\n\n'
        f"def {name.replace('-', '_')}(whose: str) -> None:\n"
        f'    """{verb} a {thing}."""\n'
        f'    fill("textbox", "Whose", whose)\n    click("button", "{title}")\n'
    )
    made = Candidate(
        name=name,
        description=f"{verb} the {thing} numbered {number} of somebody, by name",
        template=Template(f"{verb.title()} {thing} {number} of {{whose}}", (Slot("whose"),)),
        code=code,
        manifest=Manifest(("http://bench.test",), ("fill", "click")),
    )
    runs = tuple(TrialRun(f"task-{n}", "", n, True, True, source=n == 0) for n in range(17))
    return made, TrialReport(made.digest, runs, "full")


class JsonFile:
    """The obvious alternative: one file, rewritten whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records: list[dict[str, Any]] = []

    def add(self, record: dict[str, Any], save: bool = True) -> None:
        self.records.append(record)
        if save:
            beside = self._path.with_suffix(".new")
            with beside.open("w", encoding="utf-8") as out:
                json.dump(self.records, out)
                out.flush()
                os.fsync(out.fileno())
            os.replace(beside, self._path)

    def find(self, vector: list[float], k: int = 3) -> list[str]:
        """The nearest records by a scan."""

        def near(record: dict[str, Any]) -> float:
            held: list[float] = record["vector"]
            return -sum(a * b for a, b in zip(vector, held, strict=True))

        return [record["name"] for record in sorted(self.records, key=near)[:k]]


async def skills(timings: Timings, folder: Path, many: int, last: int) -> None:
    """Admit, find, list and open again."""
    embedder = HashEmbedder()
    library = SkillLibrary.open(folder / "library", embedder=embedder)
    plain = JsonFile(folder / "skills.json")
    for number in range(many):
        made, report = candidate(number)
        [vector] = embedder.embed([made.description])
        record = {**asdict(made), "trials": asdict(report), "vector": vector}
        timed = number >= many - last
        kept = timings if timed else Timings()
        with kept.of("admit"):
            await library.admit(made, report)
        with kept.of("admit, JSON file"):
            plain.add(record, save=timed)
        if not timed and number % 100 == 99:
            print(f"{number + 1} skills", flush=True)
    with timings.of("first find (fills the index)"):
        await library.find("archive the letter")
    for number in range(last):
        goal = f"please {VERBS[number % len(VERBS)]} invoice {number} of Ada"
        with timings.of("find"):
            await library.find(goal)
        with timings.of("find, JSON file"):
            plain.find(embedder.embed([goal])[0])
        with timings.of("every skill"):
            library.skills()
    await library.close()
    for _ in range(3):
        with timings.of("open and list"):
            library = SkillLibrary.open(folder / "library", embedder=embedder, read_only=True)
            assert len(library.skills()) == many
        await library.close()


async def steps(timings: Timings, folder: Path, many: int, last: int) -> None:
    """Journal steps of two calls each, ten to an attempt."""
    journal = await Journal.open(folder / "journal.sqlite")
    plain = JsonFile(folder / "journal.json")
    for number in range(many):
        attempt, place = f"attempt-{number // 10}", number % 10
        if place == 0:
            await journal.begin(attempt, Task(id=attempt, goal="press a button"))
        args = {"role": "button", "name": "Button 3"}
        calls = tuple(
            Call(2 * place + n, "click", args, "effect", None, None, VIEW) for n in (1, 2)
        )
        step = Step(place + 1, 'click("button", "Button 3")', "nothing new", calls)
        timed = number >= many - last
        kept = timings if timed else Timings()
        with kept.of("step of two calls"):
            for call in calls:
                await journal.intend(attempt, call)
                await journal.answer(attempt, call.sequence)
            await journal.add_step(attempt, step)
        with kept.of("step, JSON file"):
            plain.add({"attempt": attempt, **asdict(step)}, save=timed)
    await journal.close()


async def bench(many: int, last: int, where: Path) -> Timings:
    """All timings, in a folder that is thrown away."""
    timings = Timings()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=where) as folder:
        await skills(timings, Path(folder), many, last)
        await steps(timings, Path(folder), many, last)
    return timings


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=words)
    parser.add_argument("--skills", type=int, default=1000, help="and steps (default 1000)")
    parser.add_argument("--last", type=int, default=20, help="operations timed of each kind")
    parser.add_argument("--where", type=Path, default=Path(), help="whose disk to use")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    given = parser.parse_args()
    timings = asyncio.run(bench(given.skills, given.last, given.where))
    timings.show(f"With {given.skills} skills and steps", Console(highlight=False), AGAINST)
    timings.write(given.out)


if __name__ == "__main__":
    main()
