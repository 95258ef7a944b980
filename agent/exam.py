"""An exam: seeds never practised on, one attempt a task, the check asked once at the end.

The agent is opened read-only, with a journal of its own; nothing it does is evidence or a lesson.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..memory.trajectory import Trajectory
from .events import Event
from .records import ExamRow, Rows
from .run import Agent
from .suites.base import Suite


async def exam(
    agent: Agent,
    suite: Suite,
    families: Sequence[str],
    seeds: Sequence[int],
    rows: Rows[ExamRow],
    *,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[ExamRow]:
    """Take the exam; tasks with a row already are not taken again. Returns all its rows."""
    taken = {(row.family, row.seed): row for row in rows.read()}
    wanted = [(family, seed) for seed in seeds for family in families]
    done = sum(pair in taken for pair in wanted)
    on_event(Event("progress", "", {"done": done, "total": len(wanted)}))
    for family, seed in wanted:
        if (family, seed) in taken:
            continue
        task = await agent.task(suite, family, seed)
        trajectory = await agent.attempt(task, suite, credit=False)
        row = row_of(family, seed, trajectory)
        rows.append(row)
        taken[(family, seed)] = row
        done += 1
        on_event(
            Event(
                "progress",
                f"{family} seed {seed}: {'solved' if row.success else 'not solved'}",
                {"done": done, "total": len(wanted), "success": row.success,
                 "direct": row.direct, "seconds": row.seconds},
            )
        )  # fmt: skip
    return [taken[pair] for pair in wanted]


def row_of(family: str, seed: int, trajectory: Trajectory) -> ExamRow:
    """The figures of one attempt."""
    first = trajectory.steps[0] if trajectory.steps else None
    direct = first.skills[0] if first and first.skills and not first.model_calls else ""
    return ExamRow(
        family=family,
        seed=seed,
        success=bool(trajectory.outcome.success),
        model_calls=trajectory.model_calls,
        tokens=trajectory.tokens,
        seconds=round(trajectory.seconds, 3),
        trajectory=trajectory.id,
        direct=direct,
        reason=trajectory.outcome.reason,
    )
