"""Where a version stands, derived from its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .adapter import Adapter
from .skill import Evidence, Gates, Status

USUAL = Gates()
RECENT = 20
"""Uses of an adapter that its status looks back on."""


def wilson_lower(successes: int, trials: int, z: float = 1.96) -> float:
    """Lower end of the Wilson score interval of a rate (95 %, two-sided); 0 of 0 is 0."""
    if trials == 0:
        return 0.0
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - spread) / (1 + z * z / trials))


def status_of(
    evidence: Iterable[Evidence], gates: Gates = USUAL, adapter: Adapter | None = None
) -> Status:
    """Derive where an admitted version stands from its outcomes, oldest first.

    A version that has exceeded its manifest is quarantined until a person has reviewed it. An
    adapter is not expected to solve all: it is degraded when its recent uses are, beyond chance,
    worse than what the base solved of its held-out tasks without it.
    """
    outcomes = list(evidence)
    if adapter is not None and _worse(outcomes, adapter):
        return Status.DEGRADED
    for item in reversed(outcomes):
        if item.kind == "review" and item.success:
            break
        if item.kind == "excess":
            return Status.QUARANTINED
    tail = outcomes[-gates.degrade_after :] if adapter is None else []
    if len(tail) == gates.degrade_after and not any(item.success for item in tail):
        return Status.DEGRADED
    passed = sum(item.success for item in outcomes)
    if wilson_lower(passed, len(outcomes)) >= gates.trust:
        return Status.TRUSTED
    return Status.VERIFIED


def _worse(outcomes: Sequence[Evidence], adapter: Adapter) -> bool:
    uses = [item.success for item in outcomes if item.kind == "use"][-RECENT:]
    upper = 1 - wilson_lower(len(uses) - sum(uses), len(uses))
    return bool(uses) and upper < adapter.before
