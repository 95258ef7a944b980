"""Attempts made of plain values, and prompts as an agent would have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from journeyman.memory.trajectory import Outcome, Step, Task, Trajectory

SKILL = "SKILL "
"""How the line begins that offers a skill in these prompts."""


class PlainPrompts:
    """Implements `Prompts` without templates."""

    def system(self, trajectory: Trajectory) -> str:
        return "You act."

    def strip(self, prompt: str) -> str:
        return "".join(
            line for line in prompt.splitlines(keepends=True) if not line.startswith(SKILL)
        )

    def revision(self, trajectory: Trajectory, step: Step) -> str:
        return f"Wrong: {step.error or trajectory.outcome.reason}."


def tell(
    name: str,
    task: str,
    steps: Sequence[tuple[Any, ...]],
    success: bool | None = True,
    *,
    judge: Any = "check",
    taint: str = "",
    family: str = "",
    reason: str = "",
) -> Trajectory:
    """An attempt; each step is (prompt, action) or (prompt, action, {field: value})."""
    made = tuple(
        Step(number, action, f"seen after {action}", prompt=prompt, **(more[0] if more else {}))
        for number, (prompt, action, *more) in enumerate(steps, 1)
    )
    return Trajectory(
        name,
        Task(task, f"Do {task}.", family=family),
        made,
        Outcome(success, judge, reason),
        model="m",
        taint=taint,
    )


@pytest.fixture(scope="session")
def attempt() -> Callable[..., Trajectory]:
    return tell


@pytest.fixture(scope="session")
def prompts() -> PlainPrompts:
    return PlainPrompts()
