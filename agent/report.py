"""The report of a workspace: `report.json`, a self-contained `report.html`, a terminal table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import AgentError
from .records import ExamRow, PracticeRow, Rows
from .report_figures import Figures, compare, figures, first_rows
from .report_findings import Findings, as_json, gather

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from ..memory.journal import Journal
    from ..skills.library import SkillLibrary
    from .config import Settings


class NothingToReport(AgentError, LookupError):
    """The workspace holds no exam, no practice and no skill."""


async def build(
    workspace: Path,
    *,
    before: Sequence[ExamRow],
    after: Sequence[ExamRow],
    library: SkillLibrary,
    journals: Sequence[Journal],
    practice: Sequence[PracticeRow],
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Write `report.json` and `report.html` into the workspace; returns what the first holds."""
    findings = await gather(
        workspace,
        before=before,
        after=after,
        library=library,
        journals=journals,
        practice=practice,
        settings=settings.model_dump(mode="json") if settings else {},
    )
    return write(findings)


def write(findings: Findings) -> dict[str, Any]:
    """Write both files, each whole or not at all."""
    from .report_html import render

    data = as_json(findings)
    _replace(findings.workspace / "report.json", json.dumps(data, indent=1) + "\n")
    _replace(findings.workspace / "report.html", render(findings))
    return data


async def build_from(workspace: Path, settings: Settings | None = None) -> dict[str, Any]:
    """Build the report from what a workspace holds. Raises NothingToReport."""
    from ..memory.journal import Journal
    from ..skills.library import SkillLibrary

    before = Rows(workspace / "exams" / "before.jsonl", ExamRow).read()
    after = Rows(workspace / "exams" / "after.jsonl", ExamRow).read()
    practice = Rows(workspace / "practice.jsonl", PracticeRow).read()
    if not (before or after or practice or (workspace / "library").exists()):
        raise NothingToReport(
            f"{workspace} holds no exam, no practice and no skill: run `journeyman demo` or"
            " `journeyman practise` first, or name another folder with --workspace"
        )
    exams = workspace.glob("exams/journal-*.sqlite")
    # A journal's checkpoints lie beside it, under a name with one suffix more.
    paths = [workspace / "journal.sqlite", *sorted(p for p in exams if len(p.suffixes) == 1)]
    library = SkillLibrary.open(workspace / "library", read_only=True)
    journals: list[Journal] = []
    try:
        for path in paths:
            if path.exists():
                journals.append(await Journal.open(path, read_only=True))
        return await build(
            workspace,
            before=before,
            after=after,
            library=library,
            journals=journals,
            practice=practice,
            settings=settings,
        )
    finally:
        for journal in journals:
            await journal.close()
        await library.close()


def exam_table(before: Sequence[ExamRow], after: Sequence[ExamRow]) -> Table:
    """Success, model calls, tokens and median seconds a family, before and after, for rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_footer=True, header_style="dim")
    before, after = first_rows(before), first_rows(after)
    rows = compare(before, after)
    totals = (figures(before), figures(after))
    # Text, not str: a family's name is data, and rich would read [brackets] in it as markup.
    table.add_column("family", footer="all")
    for title, show in _COLUMNS.items():
        table.add_column(title, justify="right", footer=_change(*totals, show))
    table.add_column("")
    for row in rows:
        cells = [_change(row.before, row.after, show) for show in _COLUMNS.values()]
        badge = Text("mastered", style="green") if row.after.mastered else Text()
        table.add_row(Text(row.family), *cells, badge)
    return table


def arms_table(arms: Mapping[str, Sequence[ExamRow]]) -> Table:
    """Several exams side by side: solved, model calls and median seconds of each."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("family")
    for name in arms:
        for title in (name, "calls", "s"):
            table.add_column(Text(title), justify="right")
    families = dict.fromkeys(row.family for rows in arms.values() for row in rows)
    for family in (*families, None):
        cells: list[str] = []
        for rows in arms.values():
            sum_ = figures([row for row in rows if family in (None, row.family)])
            cells += [f"{sum_.solved}/{sum_.tasks}", f"{sum_.model_calls}", f"{sum_.seconds:.2f}"]
        table.add_row(Text("all" if family is None else family), *cells)
    return table


_COLUMNS: dict[str, Callable[[Figures], str]] = {
    "solved": lambda item: f"{item.solved}/{item.tasks}",
    "model calls": lambda item: f"{item.model_calls}",
    "tokens": lambda item: f"{item.tokens:,}",
    "median s": lambda item: f"{item.seconds:.2f}",
}


def _change(old: Figures, new: Figures, show: Callable[[Figures], str]) -> Text:
    from rich.text import Text

    if not old.tasks:
        return Text(show(new))
    if not new.tasks:
        return Text(f"{show(old)} →", style="dim")
    return Text.assemble((f"{show(old)} → ", "dim"), show(new))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A page's text may hold half a surrogate pair, which UTF-8 cannot.
        beside.write_bytes(text.encode("utf-8", "replace"))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
