"""A workspace as a finished demo leaves it: made with the real journal, library and row files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from journeyman.agent.records import ExamRow, PracticeRow, Rows
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Outcome, Step, Task
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import (
    Candidate,
    Condition,
    Manifest,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}]]>&lt;'

CODE = '''\
from page import click, fill


def book_a_table(guest: str) -> None:
    """Book a table for a guest."""
    fill("textbox", "Name", guest)
    click("button", "Book")
'''


def candidate(name: str = "book-a-table", code: str = CODE, source: str = "t-source") -> Candidate:
    return Candidate(
        name=name,
        description="Book a table for a guest <b>by name</b>.",
        template=Template("Book a table for {guest}.", (Slot("guest"),)),
        code=code,
        manifest=Manifest(
            origins=("http://shop.test",),
            primitives=("click", "fill"),
            pre=(Condition("present", {"role": "button", "name": "Book"}),),
            post=(Condition("absent", {"role": "button", "name": "Book"}),),
        ),
        sources=(source,),
        constructs=("lift",),
    )


def trial(of: Candidate, passed: bool = True) -> TrialReport:
    runs = tuple(
        TrialRun(
            task_id=f"task-{number}",
            goal=f"Book a table for guest {number}.",
            seed=number,
            success=passed or number < 2,
            called=True,
            reason="" if passed or number < 2 else "the button was not there",
            seconds=0.4,
            steps=2,
            source=number == 0,
        )
        for number in range(8)
    )
    return TrialReport(of.digest, runs, reset="full", baseline_successes=None if passed else 3)


@pytest.fixture
async def learnt_workspace(tmp_path: Path) -> Path:
    """Two families before and after, one skill, one rejected candidate, runs with a screenshot."""
    workspace = tmp_path / "workspace"
    journal = await Journal.open(workspace / "journal.sqlite")
    await keep(journal, "t-source", "Book a table for Ada.")
    await journal.close()
    exam = await Journal.open(workspace / "exams" / "journal-after.sqlite")
    await keep(exam, "t-exam", f"Book a table for {HOSTILE}")
    await exam.close()
    (workspace / "exams" / "journal-after.checkpoints.sqlite").write_bytes(b"not a journal")
    picture = workspace / "screenshots" / "t-exam" / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PIXEL)

    library = SkillLibrary.open(workspace / "library")
    good = candidate()
    await library.admit(good, trial(good))
    bad = candidate("book-badly", CODE.replace("book_a_table", "book_badly"))
    await library.reject(bad, trial(bad, passed=False), [f"only 2 of 8 passed {HOSTILE}"])
    await library.close()

    before = Rows(workspace / "exams" / "before.jsonl", ExamRow)
    after = Rows(workspace / "exams" / "after.jsonl", ExamRow)
    practice = Rows(workspace / "practice.jsonl", PracticeRow)
    for seed in (10000, 10001):
        before.append(ExamRow("book", seed, False, 4, 3000, 8.0))
        before.append(ExamRow("find", seed, seed == 10000, 2, 1500, 5.0))
        named = "t-exam" if seed == 10000 else ""
        after.append(ExamRow("book", seed, True, 0, 0, 0.1, named, "book-a-table@1"))
        after.append(ExamRow("find", seed, seed == 10000, 2, 1500, 5.0))
    practice.append(PracticeRow(30.0, "book", 1, "attempt", False))
    practice.append(PracticeRow(60.0, "book", 2, "attempt", True, trajectory="t-source"))
    practice.append(PracticeRow(70.0, "book", 2, "admitted", True, skill="book-a-table@1"))
    practice.append(PracticeRow(80.0, "find", 3, "rejected", False, reason="only 2 of 8"))
    return workspace


async def keep(journal: Journal, name: str, goal: str) -> None:
    task = Task(f"book:{name}", goal, url="http://shop.test/book.html", family="book", seed=1)
    await journal.begin(name, task, model="scripted")
    step = Step(
        number=1,
        action=f'fill("textbox", "Name", "{HOSTILE}")',
        observation=f"Thank you, {HOSTILE}",
        prompt_tokens=700,
        reply_tokens=12,
        model_calls=1,
        seconds=2.5,
        screenshot="1.jpg" if name == "t-exam" else "../../../etc/passwd",
    )
    await journal.add_step(name, step)
    await journal.finish(name, Outcome(True, "check", "reward 1"), seconds=3.0)
