"""Flips: what a replacement breaks and what it mends, task by task.

A higher mean can hide that tasks which worked no longer do; whoever relied on those sees only
that. So replacing a skill, an adapter or a base is held to a budget of negative flips.
Source: MUSCLE, arXiv 2407.09435.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import AdapterError

NAMED = 5
"""Tasks that a refusal names at most."""


class Unpaired(AdapterError, ValueError):
    """Two outcome tables that are not of the same tasks."""


@dataclass(frozen=True, slots=True)
class Flips:
    """The tasks whose outcome changed, each sorted, among `total` paired ones."""

    negative: tuple[str, ...]
    """Solved before, not solved after."""
    positive: tuple[str, ...]
    """Not solved before, solved after."""
    total: int
    before: int
    """Tasks solved before."""

    @property
    def after(self) -> int:
        """Tasks solved after."""
        return self.before - len(self.negative) + len(self.positive)

    @property
    def rate(self) -> float:
        """Negative flips as a share of what was solved before, 0 to 1."""
        return len(self.negative) / self.before if self.before else 0.0

    def refusal(self, budget: float, when: str = "") -> str:
        """Why this exceeds `budget`, a share of what was solved before, in words; empty if not.

        `when` says of the tasks what is special, such as " with a foreign word in the goal".
        """
        if self.rate <= budget:
            return ""
        named = ", ".join(self.negative[:NAMED])
        more = f" and {len(self.negative) - NAMED} more" if len(self.negative) > NAMED else ""
        return (
            f"{len(self.negative)} of {self.before} tasks that were solved before are not any more"
            f"{when} ({named}{more}): {budget:.1%} may be lost, so the earlier one stays, although"
            f" {self.after} of {self.total} are solved now and {self.before} were"
        )


def flips(before: Mapping[str, bool], after: Mapping[str, bool]) -> Flips:
    """Compare two outcome tables, task id to solved, of the same tasks. Raises Unpaired."""
    if not before and not after:
        raise Unpaired("there are no outcomes to compare: run the exam before and after")
    odd = sorted(before.keys() ^ after.keys())
    if odd:
        raise Unpaired(
            f"{len(odd)} tasks have an outcome on one side only ({', '.join(odd[:NAMED])}):"
            " run both exams on the same tasks"
        )
    return Flips(
        negative=tuple(sorted(task for task in before if before[task] and not after[task])),
        positive=tuple(sorted(task for task in before if after[task] and not before[task])),
        total=len(before),
        before=sum(map(bool, before.values())),
    )
