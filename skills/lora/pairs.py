"""Preference pairs: at the same prompt of the same task, what led to success and what did not.

The two attempts were asked the same and replied the same up to there, so the reply at which they
part is the first that can have decided. A reply that any success gave at that prompt is never the
rejected one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...memory.trajectory import Trajectory
from .sample import Message, Prompts, sha
from .turns import parting, unlearnt


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replies to one prompt, the better one first."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    task: str
    trajectories: tuple[str, str] = ("", "")
    """Ids of the attempt that succeeded and of the one that failed."""

    @property
    def key(self) -> str:
        """Tells prompts apart, as `Sample.key` does."""
        return sha([[message.role, message.content] for message in self.prompt])

    @property
    def digest(self) -> str:
        """Tells pairs apart: sha256 of the prompt and both replies."""
        return sha([[[m.role, m.content] for m in self.prompt], self.chosen, self.rejected])


def pairs(
    right: Sequence[Trajectory], failed: Iterable[Trajectory], prompts: Prompts
) -> list[Pair]:
    """The pairs of these attempts, each once, in the order of their digests."""
    good: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in right:
        for step in one.steps:
            if not unlearnt(step):
                good[one.task.id, prompts.strip(step.prompt)].add(step.action)
    found: dict[str, Pair] = {}
    for bad in failed:
        for one in right:
            place = parting(one.steps, bad.steps, prompts) if one.task.id == bad.task.id else None
            if place is None or unlearnt(one.steps[place]):
                continue
            asked = prompts.strip(one.steps[place].prompt)
            chosen, rejected = one.steps[place].action, bad.steps[place].action
            # A failed reply that called a skill was asked more than the stripped prompt says.
            if rejected in good[one.task.id, asked] or bad.steps[place].skills:
                continue
            messages = (Message("system", prompts.system(one)), Message("user", asked))
            pair = Pair(messages, chosen, rejected, one.task.id, (one.id, bad.id))
            found.setdefault(pair.digest, pair)
    return [found[digest] for digest in sorted(found)]
