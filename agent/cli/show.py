"""`journeyman report` and `journeyman weights`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from . import Refused
from .options import Model, Workspace, settings_of


def report(context: typer.Context, workspace: Workspace = None) -> None:
    """Write report.json and report.html of a workspace, and show the table.

    \b
    Examples:
      journeyman report
      journeyman report --workspace demo-workspace
    """
    from ..report import build_from

    settings = settings_of(context, workspace=workspace)
    asyncio.run(build_from(settings.workspace, settings))
    print_report(settings.workspace)


def print_report(folder: Path) -> None:
    """Show the exam table, what was learnt, and where the report lies."""
    from rich.console import Console

    from ..records import ExamRow, Rows
    from ..report import exam_table

    console = Console(highlight=False)
    before = Rows(folder / "exams" / "before.jsonl", ExamRow).read()
    after = Rows(folder / "exams" / "after.jsonl", ExamRow).read()
    if before or after:
        console.print(exam_table(before, after))
    for name in ("report.html", "report.json"):
        console.print(f"{folder.resolve() / name}", markup=False, soft_wrap=True)


def weights(
    context: typer.Context,
    model: Model = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the file is.")] = False,
) -> None:
    """Find, fetch if need be, and verify the embedded model's weights.

    \b
    Examples:
      journeyman weights
      journeyman weights --model local/qwen2.5-coder-0.5b
    """
    from ..weights import weights_path

    settings = settings_of(context, model)
    if not settings.model.name.startswith("local/"):
        raise Refused(
            f"{settings.model.name} is not an embedded model and needs no weights: name one that"
            " begins with local/"
        )
    name = settings.model.name.removeprefix("local/")
    bar = _Bar(quiet)
    try:
        path = weights_path(name, settings.model.weights, bar.tell)
    finally:
        bar.close()
    print(path)


class _Bar:
    """One bar a job; without a terminal, a line every tenth."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True, highlight=False, quiet=quiet)
        self._what, self._tenth = "", 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )

    def tell(self, what: str, done: int, total: int) -> None:
        """Take in how far it is."""
        fresh = what != self._what
        self._what = what
        if self._console.is_terminal and not self._console.quiet:
            if fresh:
                self._bar.start()
                self._bar.add_task(what, total=total)
            self._bar.update(self._bar.task_ids[-1], completed=done)
        elif fresh or done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            self._console.print(f"{what}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    def close(self) -> None:
        """Leave the screen as it is."""
        if self._bar.live.is_started:
            self._bar.stop()
