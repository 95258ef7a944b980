"""The offline job: exam, practise with induction and trials, exam again, report.

A chain of stages, each of which goes on from the rows it has already written: kill it anywhere and
run it again. One job a workspace at a time (a file lock).
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .config import Settings
from .events import Event
from .exam import exam
from .job import JobConflict, only_job
from .model import Model
from .practice import practise
from .records import ExamRow, Rows
from .report import build_from
from .run import Agent
from .suites.base import Suite

Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What a workspace was asked to learn."""

    suite: str
    families: tuple[str, ...]
    exam_seeds: tuple[int, ...]
    practice_seconds: float
    model: str


async def distill(
    settings: Settings,
    suite: Suite,
    families: Sequence[str],
    *,
    exam_seeds: Sequence[int],
    practice_seconds: float,
    workspace: Path,
    model: Model | None = None,
    on_event: Tell = lambda event: None,
) -> Path:
    """Run the job to its end and return the path of report.json. Raises JobConflict."""
    job = Job(suite.name, tuple(families), tuple(exam_seeds), practice_seconds, settings.model.name)
    with only_job(workspace):
        _same_job(workspace, job)
        async with _agent(settings, workspace, "before", model, use_library=False) as agent:
            await _stage("exam before", agent, suite, job, workspace, on_event)
            model = agent.model
        async with Agent(settings, model=model, workspace=workspace, screenshots=True) as agent:
            on_event(
                Event("progress", "practise", {"stage": "practise", "total": practice_seconds})
            )
            await practise(agent, suite, families, seconds=practice_seconds, on_event=on_event)
        async with _agent(settings, workspace, "after", model) as agent:
            await _stage("exam after", agent, suite, job, workspace, on_event)
        await build_from(workspace, settings)
    return workspace / "report.json"


async def measure(
    settings: Settings,
    suite: Suite,
    families: Sequence[str],
    *,
    seeds: Sequence[int],
    practice_seconds: float = 2400.0,
    workspace: Path,
    model: Model | None = None,
    on_event: Tell = lambda event: None,
) -> dict[str, list[ExamRow]]:
    """The README's figures: the bare loop, the agent with nothing learnt, and with its library."""
    await distill(
        settings,
        suite,
        families,
        exam_seeds=seeds,
        practice_seconds=practice_seconds,
        workspace=workspace,
        model=model,
        on_event=on_event,
    )
    job = _read_job(workspace)
    with only_job(workspace):
        async with _agent(settings, workspace, "bare", model, bare=True) as agent:
            await _stage("exam bare", agent, suite, job, workspace, on_event)
    names = ("bare", "before", "after")
    return {name: exam_rows(workspace, name) for name in names}


def exam_rows(workspace: Path, name: str) -> list[ExamRow]:
    """The rows of one arm: `before`, `after` or `bare`."""
    return Rows(workspace / "exams" / f"{name}.jsonl", ExamRow).read()


async def _stage(
    title: str, agent: Agent, suite: Suite, job: Job, workspace: Path, tell: Tell
) -> None:
    name = title.split()[-1]
    total = len(job.families) * len(job.exam_seeds)
    tell(Event("progress", title, {"stage": title, "total": total}))
    rows = Rows(workspace / "exams" / f"{name}.jsonl", ExamRow)
    await exam(agent, suite, job.families, job.exam_seeds, rows, on_event=tell)


@asynccontextmanager
async def _agent(
    settings: Settings,
    workspace: Path,
    name: str,
    model: Model | None,
    *,
    use_library: bool = True,
    bare: bool = False,
) -> AsyncIterator[Agent]:
    """An agent for one exam: the workspace read-only, a journal of the exam's own."""
    async with Agent(
        settings,
        model=model,
        workspace=workspace,
        read_only=True,
        use_library=use_library,
        bare=bare,
        journal_path=workspace / "exams" / f"journal-{name}.sqlite",
        screenshots=True,
    ) as agent:
        yield agent


def _same_job(workspace: Path, job: Job) -> None:
    path = workspace / "job.json"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(job), indent=1), encoding="utf-8")
        os.replace(part, path)
        return
    held = _read_job(workspace)
    if held != job:
        different = [name for name in Job.__slots__ if getattr(held, name) != getattr(job, name)]
        raise JobConflict(
            f"{workspace} holds a job with other {', '.join(different)}; "
            "give the same, or another --workspace, or delete that folder to begin anew"
        )


def _read_job(workspace: Path) -> Job:
    data = json.loads((workspace / "job.json").read_text(encoding="utf-8"))
    lists = {name: tuple(data[name]) for name in ("families", "exam_seeds")}
    return Job(**{**data, **lists})
