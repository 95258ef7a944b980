"""Drill: further practice tasks done by what is mastered, so that weights learn from enough.

A mastered family rests after a few direct runs, which is all a program needs; an adapter needs
dozens. These cost no model call. Stopped at any point, it goes on from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .events import Event
from .run import Agent
from .suites.base import TRIAL_SEEDS, Suite

PATIENCE = 3
"""Tasks in a row that no skill does before a family is left as it is."""


async def drill(
    agent: Agent,
    suite: Suite,
    families: Sequence[str],
    tasks: int,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
) -> dict[str, int]:
    """Have each family solved on so many practice seeds, as far as skills do it directly.

    Returns on how many each is solved now, attempts of the model's among them.
    """
    await agent.open()
    tried: dict[str, set[int]] = {family: set() for family in families}
    solved: dict[str, set[int]] = {family: set() for family in families}
    for one in await agent.journal.all(finished=True):
        family, seed = one.task.family, one.task.seed
        if family in tried and seed is not None and seed < TRIAL_SEEDS:
            tried[family].add(seed)
            if one.outcome.success:
                solved[family].add(seed)
    for family in families:
        missed = 0
        fresh = (seed for seed in range(TRIAL_SEEDS) if seed not in tried[family])
        while len(solved[family]) < tasks and missed < PATIENCE:
            seed = next(fresh, None)
            if seed is None:
                break
            task = await agent.task(suite, family, seed)
            done = await agent.attempt(task, suite, ask=False)
            missed = 0 if done.outcome.success else missed + 1
            if done.outcome.success:
                solved[family].add(seed)
            done_now = sum(map(len, solved.values()))
            on_event(Event("progress", family, {"done": done_now, "total": tasks * len(families)}))
    return {family: len(seeds) for family, seeds in solved.items()}
