"""`journeyman practise`, `exam`, `distill` and `measure`: the commands that learn and that test."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import Refused
from .demo import FAMILIES, SUITE
from .options import Families, Model, SuiteName, Workspace, near, seeds_of, settings_of

if TYPE_CHECKING:
    from ..config import Settings
    from ..records import ExamRow
    from ..suites import Suite
    from .progress import Progress

EXAM_SEEDS = "10000-10002"
MEASURE_SEEDS = "10000-10009"
MEASURE_SECONDS = 2400.0
MEASURE_FOLDER = Path("measure-workspace")

Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=1, help="How long to practise; the settings' budget if unsaid."),
]
Seeds = Annotated[str, typer.Option("--seeds", metavar="A-B", help="The exam's seeds.")]


def practise(
    context: typer.Context,
    suite: SuiteName = "miniwob",
    families: Families = "",
    seconds: Seconds = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Try tasks, learn from what worked, admit skills that hold. Goes on where it was stopped.

    \b
    Examples:
      journeyman practise --suite miniwob --families enter-text,choose-list --seconds 300
    """
    settings = settings_of(context, model, workspace)
    source, chosen = choose(suite, families)
    from .progress import Progress

    with Progress("practice") as progress:
        asyncio.run(_practise(settings, source, chosen, seconds, progress))


def exam(
    context: typer.Context,
    suite: SuiteName = "miniwob",
    families: Families = "",
    seeds: Seeds = EXAM_SEEDS,
    name: Annotated[
        str, typer.Option("--name", help="Kept as exams/NAME.jsonl; report shows before and after.")
    ] = "after",
    empty: Annotated[bool, typer.Option("--empty", help="Leave the library out of it.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Put earlier rows aside first.")] = False,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """One attempt a task, on unseen seeds.

    The workspace is only read, beside the exam's own rows and journal. Rows that exist are kept.

    \b
    Examples:
      journeyman exam --suite miniwob --families enter-text --seeds 10000-10002
      journeyman exam --empty --name before
    """
    settings = settings_of(context, model, workspace)
    numbers = seeds_of(seeds)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
        raise Refused(f"--name is a-z, 0-9 and hyphens, at most 40, not {name!r}")
    source, chosen = choose(suite, families)
    if again:
        put_aside(settings.workspace / "exams", name)
    from ..report import exam_table
    from .progress import Progress

    with Progress(f"exam {name}") as progress:
        rows = asyncio.run(_exam(settings, source, chosen, numbers, name, not empty, progress))
    progress.console.print(exam_table([], rows))


def distill(
    context: typer.Context,
    suite: SuiteName = "miniwob",
    families: Families = "",
    seeds: Seeds = EXAM_SEEDS,
    seconds: Seconds = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Exam, practise, exam, report: one resumable job.

    It can be stopped anywhere; run again with the same options, it goes on.

    \b
    Examples:
      journeyman distill --families login-user,enter-text --seconds 600
    """
    settings = settings_of(context, model, workspace)
    numbers = seeds_of(seeds)
    source, chosen = choose(suite, families)
    from ..distill import distill as job
    from .progress import Progress
    from .show import print_report

    with Progress() as progress:
        asyncio.run(
            job(
                settings,
                source,
                chosen,
                exam_seeds=numbers,
                practice_seconds=seconds or settings.practice.seconds,
                workspace=settings.workspace,
                on_event=progress,
            )
        )
    print_report(settings.workspace)


def measure(
    context: typer.Context,
    suite: SuiteName = "miniwob",
    families: Annotated[
        str, typer.Option("--families", metavar="A,B", help="The demo's, or all of other suites.")
    ] = "",
    seeds: Seeds = MEASURE_SEEDS,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long to practise.")
    ] = MEASURE_SECONDS,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Three exams: bare loop, empty library, what was learnt.

    The figures of the README, at most two hours. It can be stopped anywhere and goes on.

    \b
    Examples:
      journeyman measure
      journeyman measure --families enter-text --seconds 120 --workspace /tmp/measure
    """
    usual = suite == SUITE
    folder = MEASURE_FOLDER if usual else Path(f"{MEASURE_FOLDER}-{suite}")
    settings = settings_of(context, model, workspace, default=folder)
    numbers = seeds_of(seeds)
    source, chosen = choose(suite, families or (",".join(FAMILIES) if usual else ""))
    from ..distill import measure as job
    from ..report import arms_table
    from .progress import Progress

    with Progress() as progress:
        arms = asyncio.run(
            job(
                settings,
                source,
                chosen,
                seeds=numbers,
                practice_seconds=seconds,
                workspace=settings.workspace,
                on_event=progress,
            )
        )
    progress.console.print(arms_table(arms))
    print(settings.workspace.resolve() / "report.html")


def choose(suite: str, families: str) -> tuple[Suite, tuple[str, ...]]:
    """The suite, and the families that were named, or all. Raises Refused."""
    from ..suites import open_suite

    name, _, family = suite.partition(":")
    if family and families:
        raise Refused(f"--suite {suite} names a family already: leave out --families")
    source = open_suite(name)
    known = source.families()
    chosen = tuple(dict.fromkeys(filter(None, map(str.strip, (family or families).split(",")))))
    for item in chosen:
        if item not in known:
            raise Refused(near(item, known, f"family of {name}"))
    return source, chosen or tuple(known)


def put_aside(folder: Path, name: str) -> None:
    """Rename an exam's rows, so that it is taken anew and the old rows stay."""
    rows = folder / f"{name}.jsonl"
    number = 1
    while rows.exists():
        aside = folder / f"{name}.{number}.jsonl"
        if not aside.exists():
            rows.rename(aside)
        number += 1


async def _practise(
    settings: Settings,
    suite: Suite,
    families: tuple[str, ...],
    seconds: float | None,
    progress: Progress,
) -> None:
    from ..job import only_job
    from ..practice import practise as job
    from ..run import Agent

    with only_job(settings.workspace):
        async with Agent(settings) as agent:
            budget = seconds or settings.practice.seconds
            await job(agent, suite, families, seconds=budget, on_event=progress)


async def _exam(
    settings: Settings,
    suite: Suite,
    families: tuple[str, ...],
    seeds: tuple[int, ...],
    name: str,
    use_library: bool,
    progress: Progress,
) -> list[ExamRow]:
    from ..exam import exam as job
    from ..records import ExamRow, Rows
    from ..run import Agent

    folder = settings.workspace / "exams"
    journal = folder / f"journal-{name}.sqlite"
    async with Agent(
        settings, read_only=True, use_library=use_library, journal_path=journal, screenshots=True
    ) as agent:
        rows = Rows(folder / f"{name}.jsonl", ExamRow)
        return await job(agent, suite, families, seeds, rows, on_event=progress)
