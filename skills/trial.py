"""Re-execution: a candidate is run, through the skill, from a reset start, on tasks with a check.

Declares what it needs of the outside as protocols (`Arena`, `Episode`, `Baseline`), so that this
room does not know the agent. Source: ASI, arXiv 2504.06821.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ..memory.trajectory import Call, Outcome, Task
from ..sandbox import PrimitiveFailed
from ..sandbox.base import Result, View, view_to_json
from ..sandbox.bounds import EVERYTHING, Bounds
from . import SkillError
from .conditions import unmet
from .manifest import Tools, no_tools
from .program import invocation
from .skill import (
    Candidate,
    Condition,
    Gates,
    SkillVersion,
    TrialReport,
    TrialRun,
    function_name,
)
from .status import wilson_lower
from .template import Binding, parse

MOST_RUNS = 30
"""Runs after which a candidate that is not yet trusted stays as it is."""
MOST_SIBLINGS = 120
"""Sibling tasks looked at for goals the candidate's template takes."""


class Episode(Protocol):
    """One attempt at a task, from its reset start."""

    async def run(
        self,
        code: str,
        library: Mapping[str, str] | None = None,
        bounds: Bounds = EVERYTHING,
    ) -> Result:
        """Run code in the sandbox on this episode's page, within these bounds."""
        ...

    def excesses(self) -> tuple[str, ...]:
        """The calls so far that were refused for being beyond the bounds of their run."""
        ...

    async def view(self, quiet: float | None = None) -> View:
        """See the page, once it has been still for `quiet` seconds; at once for 0."""
        ...

    def calls(self) -> tuple[Call, ...]:
        """The primitive calls made so far, each with the view before it."""
        ...

    async def verdict(self) -> Outcome:
        """Let the check decide. Nothing may be run afterwards."""
        ...


class Arena(Protocol):
    """Where tasks can be begun anew."""

    def open(self, task: Task) -> AbstractAsyncContextManager[Episode]:
        """Begin the task from its start, in a sandbox and on a page of its own."""
        ...

    def siblings(self, task: Task) -> AsyncIterator[Task]:
        """Further practice tasks of the same kind, never an exam's."""
        ...


Baseline = Callable[[Task], Awaitable[Outcome]]
"""The same task without the skill."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What running a skill on an episode gave."""

    ok: bool
    reason: str = ""
    """Why not, in a sentence."""
    called: bool = False
    began: bool = False
    """Whether anything was done: False when a precondition kept it from starting."""
    excess: str = ""
    """The first call beyond the manifest, which was refused."""


async def execute(
    skill: Candidate | SkillVersion,
    binding: Binding,
    episode: Episode,
    *,
    tools: Tools = no_tools,
    checked: bool = False,
) -> Execution:
    """Run one skill: preconditions on the page, the code in the sandbox, then postconditions.

    It runs alone, with its tools, within its manifest: a call beyond it is no success, whatever the
    code makes of the refusal. With `checked` the preconditions have just been found to hold.
    """
    function = function_name(skill.name)
    missing = None if checked else await _unmet(skill.manifest.pre, episode, binding)
    if missing is not None:
        return Execution(False, f"before it started, {missing}")
    try:
        library = {**tools(skill.manifest), function: skill.code}
    except SkillError as missing:
        return Execution(False, str(missing))
    before = len(episode.excesses())
    result = await episode.run(invocation(function, binding), library, skill.manifest.bounds)
    called = function in result.called
    beyond = episode.excesses()[before:]
    if beyond:
        return Execution(False, beyond[0], called, began=True, excess=beyond[0])
    if not result.ok:
        return Execution(False, result.error or "it failed", called, began=True)
    left = await _unmet(skill.manifest.post, episode, binding)
    if left is not None:
        return Execution(False, f"after it ended, {left}", called, began=True)
    return Execution(True, "", called, began=True)


async def _unmet(
    conditions: tuple[Condition, ...], episode: Episode, binding: Binding
) -> str | None:
    """What does not hold, once the page has had the time to become still."""
    try:
        if not conditions or unmet(conditions, await episode.view(0), binding) is None:
            return None
        return unmet(conditions, await episode.view(), binding)
    except PrimitiveFailed as silent:
        return str(silent)


async def try_once(
    candidate: Candidate, task: Task, arena: Arena, source: bool, tools: Tools = no_tools
) -> TrialRun | None:
    """One re-execution; None where the candidate does not take the task."""
    binding = parse(candidate.template, task.goal)
    if binding is None:
        return None
    start = time.perf_counter()
    async with arena.open(task) as episode:
        opened = hashlib.sha256(view_to_json(await episode.view()).encode()).hexdigest()
        execution = await execute(candidate, binding, episode, tools=tools)
        if not execution.began and not source:
            return None
        outcome = await episode.verdict()
        success = bool(outcome.success) and not execution.excess
        return TrialRun(
            task_id=task.id,
            goal=task.goal,
            seed=task.seed,
            success=success,
            called=execution.called,
            # The check decides; what the skill itself noticed explains a failure.
            reason="" if success else execution.reason or outcome.reason,
            seconds=time.perf_counter() - start,
            steps=len(episode.calls()),
            source=source,
            digest=opened,
        )


async def screen(
    candidate: Candidate,
    sources: list[Task],
    arena: Arena,
    siblings: list[Task],
    tools: Tools = no_tools,
) -> int:
    """How many tasks a candidate solves before its first failure, sources first."""
    passed = 0
    for task in [*sources, *siblings]:
        run = await try_once(candidate, task, arena, task in sources, tools)
        if run is None:
            continue
        if not (run.success and run.called):
            break
        passed += 1
    return passed


async def trial(
    candidate: Candidate,
    source: Task,
    arena: Arena,
    gates: Gates,
    baseline: Baseline | None = None,
    tools: Tools = no_tools,
) -> TrialReport:
    """Re-execute on the source and on siblings until the candidate is trusted, or has failed.

    Ends at the first failure among the source and the first `gates.siblings` siblings. Later
    failures are counted against the arm without the skill, on the same tasks.
    """
    runs: list[TrialRun] = []
    tasks: list[Task] = []

    async def add(task: Task, is_source: bool) -> bool:
        run = await try_once(candidate, task, arena, is_source, tools)
        if run is None:
            return not is_source
        runs.append(run)
        tasks.append(task)
        return run.success and run.called

    if await add(source, True):
        looked = 0
        async for task in arena.siblings(source):
            looked += 1
            passed = await add(task, False)
            good = sum(run.success and run.called for run in runs)
            if not passed and len(runs) <= gates.siblings + 1:
                break
            if good > gates.siblings and wilson_lower(good, len(runs)) >= gates.trust:
                break
            if len(runs) >= MOST_RUNS or looked >= MOST_SIBLINGS:
                break
    without: int | None = None
    failed = [run for run in runs if not (run.success and run.called)]
    if failed and len(runs) > gates.siblings + 1 and baseline is not None:
        without = 0
        for task in tasks:
            without += bool((await baseline(task)).success)
    return TrialReport(candidate.digest, tuple(runs), source.reset, without)
