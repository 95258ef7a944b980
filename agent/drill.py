"""Drill: further practice tasks done before weights are trained, so that they learn from enough.

A mastered family rests after a few direct runs, which is all a program needs; an adapter needs
dozens. What is mastered is done again without a model call; and what the model can do by itself is
asked of it, since its right answers are rehearsed. Stopped at any point, both go on from the
journal.
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
    tried, solved = await _so_far(agent, families)
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


async def rehearse(
    agent: Agent,
    suite: Suite,
    families: Sequence[str],
    tasks: int,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
) -> dict[str, int]:
    """Have the model itself, without skills or adapters, try so many practice tasks of each family.

    Returns how many of each it has solved; they are rehearsed with whatever is trained later.
    """
    tried, solved = await _so_far(agent, families, agent.model.name)
    for family in families:
        for seed in range(tasks):
            if seed in tried[family]:
                continue
            task = await agent.task(suite, family, seed)
            done = await agent.attempt(task, suite, credit=False, direct=False, mix={})
            tried[family].add(seed)
            if done.outcome.success:
                solved[family].add(seed)
            tried_now = sum(map(len, tried.values()))
            on_event(Event("progress", family, {"done": tried_now, "total": tasks * len(families)}))
    return {family: len(seeds) for family, seeds in solved.items()}


async def _so_far(
    agent: Agent, families: Sequence[str], model: str | None = None
) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Practice seeds of each family that were tried, and those solved; by one model, if named."""
    await agent.open()
    tried: dict[str, set[int]] = {family: set() for family in families}
    solved: dict[str, set[int]] = {family: set() for family in families}
    for one in await agent.journal.all(finished=True):
        family, seed = one.task.family, one.task.seed
        if family not in tried or seed is None or seed >= TRIAL_SEEDS:
            continue
        if model is None or (one.model == model and one.model_calls):
            tried[family].add(seed)
            if one.outcome.success:
                solved[family].add(seed)
    return tried, solved
