"""What exam and practice rows add up to: figures a family, totals, the learning curve. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from .records import ExamRow, PracticeRow

MASTERED = 0.9
"""Share of the exam's seeds that must succeed, with no model call at all, to call it mastered."""
WINDOW = 20
"""Attempts over which the curve's success rate is taken."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One exam, of one family or of all."""

    tasks: int = 0
    solved: int = 0
    model_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Median of a task."""

    @property
    def rate(self) -> float:
        """Share of the tasks that succeeded; 0 of 0 is 0."""
        return self.solved / self.tasks if self.tasks else 0.0

    @property
    def mastered(self) -> bool:
        """Solved as code: nearly every seed right, and no model asked."""
        return self.tasks > 0 and self.rate >= MASTERED and self.model_calls == 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A family, or all of them, before and after."""

    family: str
    before: Figures
    after: Figures


@dataclass(frozen=True, slots=True)
class Point:
    """The learning curve at one moment of practice."""

    at: float
    """Seconds of practice so far."""
    families: int
    """Families with a skill admitted by then."""
    rate: float | None
    """Success over the last attempts; None before the first one."""
    note: str = ""
    """What happened here, for a reader who points at it."""


def figures(rows: Sequence[ExamRow]) -> Figures:
    """Add up the rows of one exam."""
    return Figures(
        tasks=len(rows),
        solved=sum(row.success for row in rows),
        model_calls=sum(row.model_calls for row in rows),
        tokens=sum(row.tokens for row in rows),
        seconds=median(row.seconds for row in rows) if rows else 0.0,
    )


def first_rows(rows: Iterable[ExamRow]) -> list[ExamRow]:
    """One row a task, the first one: a second attempt at an exam task does not count."""
    held: dict[tuple[str, int], ExamRow] = {}
    for row in rows:
        held.setdefault((row.family, row.seed), row)
    return list(held.values())


def compare(before: Sequence[ExamRow], after: Sequence[ExamRow]) -> list[Comparison]:
    """Each family before and after, in the order they were first examined."""
    families = dict.fromkeys(row.family for row in (*before, *after))
    return [
        Comparison(
            family,
            figures([row for row in before if row.family == family]),
            figures([row for row in after if row.family == family]),
        )
        for family in families
    ]


def curve(rows: Sequence[PracticeRow]) -> list[Point]:
    """Families with an admitted skill, and the recent success rate, over practice time."""
    admitted: set[str] = set()
    recent: list[bool] = []
    points = [Point(0.0, 0, None)]
    for row in sorted(rows, key=lambda row: row.at):
        note = ""
        if row.kind == "attempt":
            recent = [*recent, row.success][-WINDOW:]
        elif row.kind == "admitted" and row.family not in admitted:
            admitted.add(row.family)
            note = f"{row.family}: {row.skill or 'a skill'} admitted"
        rate = sum(recent) / len(recent) if recent else None
        points.append(Point(row.at, len(admitted), rate, note))
    return points
