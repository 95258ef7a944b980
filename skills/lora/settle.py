"""One reply for each prompt: duplicates go, and of different replies the better founded one stays.

Each attempt has one vote at a prompt. The reply that more than half of the attempts gave is kept.
Where none has that many, the reply of the attempt that needed fewest steps is kept, then the
shorter one. Where nothing decides even so, none is kept: the prompt is contradictory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import Contradictory
from .sample import Sample

NAMED = 3
"""Goals that a refusal names at most."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Samples with one reply a prompt, in the order of their digests, and what was left out."""

    samples: tuple[Sample, ...]
    duplicates: int
    """Samples that said again what another says."""
    outvoted: int
    """Samples with another reply than the one kept."""
    contradictory: tuple[str, ...]
    """Goals of the prompts of which no reply was kept."""

    def require(self, bound: float) -> None:
        """Raise Contradictory if more than `bound` (a share, 0 to 1) of the prompts are."""
        prompts = len(self.samples) + len(self.contradictory)
        if len(self.contradictory) <= bound * prompts:
            return
        named = "; ".join(dict.fromkeys(self.contradictory[:NAMED]))
        raise Contradictory(
            f"{len(self.contradictory)} of {prompts} prompts have different replies that nothing"
            f" decides between ({named}), {bound:.0%} are allowed: practise these more, so that"
            " one reply prevails, or leave attempts out"
        )


def settle(samples: Iterable[Sample], steps: Mapping[str, int]) -> Settled:
    """Choose one reply a prompt. `steps`: trajectory id to the steps it took.

    The result does not depend on the order of the samples.
    """
    groups: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        groups[sample.key][sample.reply].append(sample)
    kept: list[Sample] = []
    duplicates = outvoted = 0
    contradictory: list[str] = []
    for replies in groups.values():
        chosen = _chosen(replies, steps)
        if chosen is None:
            contradictory.append(min(s.goal for group in replies.values() for s in group))
        else:
            same = replies[chosen]
            kept.append(min(same, key=lambda s: (s.kind, s.task, s.trajectory, s.digest)))
            duplicates += len(same) - 1
        outvoted += sum(len(group) for reply, group in replies.items() if reply != chosen)
    kept.sort(key=lambda sample: sample.digest)
    return Settled(tuple(kept), duplicates, outvoted, tuple(sorted(contradictory)))


def _chosen(replies: Mapping[str, Sequence[Sample]], steps: Mapping[str, int]) -> str | None:
    voters = {reply: {s.trajectory for s in group} for reply, group in replies.items()}
    everyone = set().union(*voters.values())
    for reply, votes in voters.items():
        if 2 * len(votes) > len(everyone) and len(votes) > _next(voters, reply):
            return reply
    ranks = {
        reply: (min(steps.get(name, 0) for name in votes), len(reply))
        for reply, votes in voters.items()
    }
    best = min(ranks.values())
    first = [reply for reply, rank in ranks.items() if rank == best]
    return first[0] if len(first) == 1 else None


def _next(voters: Mapping[str, set[str]], reply: str) -> int:
    """Votes of the strongest other reply; an attempt that was asked twice may have two."""
    return max((len(votes) for other, votes in voters.items() if other != reply), default=0)
