"""A person's word on an attempt, kept where later attempts find it."""

from __future__ import annotations

from dataclasses import dataclass

from ..memory.journal import Journal
from ..memory.lessons import Lessons
from ..memory.trajectory import Outcome


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said."""

    worked: bool
    correction: str = ""
    """How it should have been done."""


async def keep(
    word: Word, trajectory_id: str, journal: Journal, lessons: Lessons | None
) -> list[str]:
    """Change the outcome, and make a lesson of a correction; says what came of it."""
    trajectory = await journal.get(trajectory_id)
    said = word.correction or ("it worked" if word.worked else "it did not")
    outcome = Outcome(word.worked, "person", said)
    await journal.finish(
        trajectory_id, outcome, trajectory.seconds, trajectory.taint, trajectory.final_view,
        trajectory.extra,
    )  # fmt: skip
    told = ["kept as a success" if word.worked else "kept as a failure"]
    if word.correction and lessons is not None:
        lesson = await lessons.add(word.correction, trajectory.task.goal, "plan", trajectory_id)
        told.append(f"remembered for goals like this: {lesson.text}")
    if word.worked and trajectory.task.reset != "full":
        told.append(
            "no skill is made of it: this start cannot be reset, so nothing can be tried again"
        )
    return told
