"""Practise: attempt tasks on practice seeds, learn of each success, until all is mastered.

Families take turns. One that its skills solve directly several times in a row rests; one that fails
often has longer pauses. Stopped at any point, it goes on from the journal and the rows.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..memory.trajectory import Task, Trajectory
from .events import Event
from .records import PracticeRow, Rows
from .run import Agent
from .suites.base import TRIAL_SEEDS, Suite

MASTERED = 6
"""Direct successes in a row on fresh seeds after which a family rests."""


@dataclass
class Progress:
    """What practice knows of one family."""

    seed: int = 0
    streak: int = 0
    fails: int = 0

    @property
    def rests(self) -> bool:
        return self.streak >= MASTERED


async def practise(
    agent: Agent,
    suite: Suite,
    families: Sequence[str],
    *,
    seconds: float,
    on_event: Callable[[Event], None] = lambda event: None,
) -> None:
    """Practise until the seconds are spent or every family rests."""
    await agent.open()
    rows = Rows(agent.workspace / "practice.jsonl", PracticeRow)
    progress, spent = _restore(rows, families)
    session = _Session(agent, suite, rows, on_event, seconds, spent)
    while session.left() > 0:
        open_families = [family for family in families if not progress[family].rests]
        if not open_families:
            break
        # The least tried first, failures counting double: no hopeless family starves the rest.
        family = min(open_families, key=lambda f: progress[f].seed + 2 * progress[f].fails)
        await session.turn(family, progress[family])
        session.report(families, progress)


class _Session:
    """One sitting: the clock, the rows, and a turn of one family."""

    def __init__(
        self,
        agent: Agent,
        suite: Suite,
        rows: Rows[PracticeRow],
        tell: Callable[[Event], None],
        seconds: float,
        spent: float,
    ) -> None:
        self._agent, self._suite, self._rows, self._tell = agent, suite, rows, tell
        self._seconds, self._before, self._start = seconds, spent, time.perf_counter()

    def spent(self) -> float:
        return self._before + time.perf_counter() - self._start

    def left(self) -> float:
        return self._seconds - self.spent()

    async def turn(self, family: str, progress: Progress) -> None:
        """One task: attempt it, and learn where it was solved by the model."""
        # Past the last practice seed the first comes again: trials and exams keep theirs.
        seed, progress.seed = progress.seed, (progress.seed + 1) % TRIAL_SEEDS
        task = await self._agent.task(self._suite, family, seed)
        trajectory = await self._agent.attempt(
            task, self._suite, attempts=self._agent.settings.practice.attempts
        )
        solved = bool(trajectory.outcome.success)
        direct = solved and trajectory.model_calls == 0
        progress.streak = progress.streak + 1 if direct else 0
        progress.fails += not solved
        self._row("attempt", family, seed, solved, trajectory)
        if solved and not direct:
            await self._learn(family, task)

    async def _learn(self, family: str, task: Task) -> None:
        solved = await self._agent.journal.all(finished=True, success=True, limit=400)
        alike = [t for t in solved if t.task.family == family and t.model_calls and t.task.goal]
        found = await self._agent.learn_from(
            alike[-8:], self._suite, say=lambda text: self._tell(Event("learn", text))
        )
        for learnt in found:
            kind = "admitted" if learnt.version is not None else "rejected"
            name = learnt.version.name if learnt.version is not None else ""
            self._row(
                kind, family, -1, learnt.version is not None, None, name, "; ".join(learnt.reasons)
            )

    def _row(
        self,
        kind: str,
        family: str,
        seed: int,
        success: bool,
        trajectory: Trajectory | None,
        skill: str = "",
        reason: str = "",
    ) -> None:
        row = PracticeRow(
            at=round(self.spent(), 2),
            family=family,
            seed=seed,
            kind=kind,
            success=success,
            model_calls=trajectory.model_calls if trajectory else 0,
            tokens=trajectory.tokens if trajectory else 0,
            seconds=round(trajectory.seconds, 3) if trajectory else 0.0,
            trajectory=trajectory.id if trajectory else "",
            skill=skill,
            reason=reason or (trajectory.outcome.reason if trajectory else ""),
        )
        self._rows.append(row)
        words = {"attempt": "solved" if success else "not solved", "admitted": f"admitted {skill}",
                 "rejected": f"rejected: {reason}"}  # fmt: skip
        self._tell(Event("progress", f"{family}: {words[kind]}", {"row": row}))

    def report(self, families: Sequence[str], progress: dict[str, Progress]) -> None:
        resting = sum(progress[family].rests for family in families)
        self._tell(
            Event(
                "progress",
                f"{resting} of {len(families)} families mastered",
                {"done": min(self.spent(), self._seconds), "total": self._seconds},
            )
        )


def _restore(rows: Rows[PracticeRow], families: Sequence[str]) -> tuple[dict[str, Progress], float]:
    """Where an earlier sitting stopped."""
    progress: dict[str, Progress] = defaultdict(Progress)
    spent = 0.0
    for row in rows.read():
        spent = max(spent, row.at)
        if row.kind != "attempt" or row.family not in families:
            continue
        one = progress[row.family]
        one.seed = (row.seed + 1) % TRIAL_SEEDS
        direct = row.success and row.model_calls == 0
        one.streak = one.streak + 1 if direct else 0
        one.fails += not row.success
    return progress, spent
