"""From successful trajectories to candidates, and through their trials into the library.

Goals of one form are anti-unified into a template; the moves of each success are shortened by
re-execution, then explained in general terms (`generalise.py`); a model may propose further
programs. Nothing here admits: the best candidate goes to trial, and the library decides.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..memory.trajectory import Task, Trajectory
from ..sandbox.secrets import Secrets
from . import NotAdmitted
from .candidates import Shortened, candidate_of, name_for
from .check import check
from .generalise import programs
from .library import SkillLibrary
from .manifest import Tools, least
from .merge import combine
from .shorten import shorten
from .skill import Candidate, SkillVersion, Template, TrialReport
from .template import forms, parse, template_of
from .tools import tools_of
from .trial import Arena, Baseline, screen, trial
from .written import of_files, written

MOST_SOURCES = 4
"""Trajectories of one form that are generalised together."""
GOALS = 12
"""Sibling goals read, to see what varies in goals of one form."""
SCREENING = 5
"""Sibling tasks of the first, short re-execution."""
SCREENED = 24
"""Candidates given a first, short re-execution."""

Memo = dict[str, Shortened]
Say = Callable[[str], None]
Propose = Callable[[Trajectory, Template], Awaitable[list[str]]]
"""Asks a model for programs: a source trajectory and its template in, Python sources out."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of one form of goals."""

    version: SkillVersion | None
    candidate: Candidate | None
    report: TrialReport | None
    reasons: tuple[str, ...] = ()


async def learn(
    trajectories: Sequence[Trajectory],
    library: SkillLibrary,
    arena: Arena,
    *,
    baseline: Baseline | None = None,
    propose: Propose | None = None,
    say: Say = lambda text: None,
    memo: Memo | None = None,
) -> list[Learnt]:
    """Try to make a skill of each form of goals among successes on one site.

    `memo` keeps what shortening found, by trajectory, from one call to the next.
    """
    memo = {} if memo is None else memo
    clean = [
        t for t in trajectories if t.outcome.success and not t.taint and t.task.reset == "full"
    ]
    found = []
    for template, group in await _groups(clean, arena):
        if of_files(group[0]):
            candidates = await written(template, group, arena, tools_of(library))
            ask = None
        else:
            for trajectory in group:
                if trajectory.id not in memo:
                    say(f"shortening what solved: {trajectory.task.goal}")
                    memo[trajectory.id] = await shorten(trajectory, arena)
            shortened = [memo[t.id] for t in group]
            candidates = _explained(template, group, shortened)
            ask = propose and functools.partial(
                _proposed, template, group, shortened, propose, library.secrets
            )
        found.append(
            await _learn_form(template, group, candidates, library, arena, baseline, ask, say)
        )
    return found


async def _groups(
    clean: Sequence[Trajectory], arena: Arena
) -> list[tuple[Template, list[Trajectory]]]:
    """Successes by the form of their goals, with the template that sibling goals confirm."""
    if not clean:
        return []
    goals = [t.task.goal for t in clean]
    async for sibling in arena.siblings(clean[-1].task):
        goals.append(sibling.goal)
        if len(goals) >= GOALS + len(clean):
            break
    groups = []
    for form in forms(goals):
        template = template_of(form)
        if template is None:
            continue
        members = [t for t in clean if parse(template, t.task.goal) is not None]
        if members:
            groups.append((template, members[-MOST_SOURCES:]))
    return groups


def _explained(
    template: Template, group: list[Trajectory], shortened: list[Shortened]
) -> list[Candidate]:
    """Candidates that explain the moves of all successes of one form in general terms."""
    options = []
    for trajectory, (moves, _) in zip(group, shortened, strict=True):
        binding = parse(template, trajectory.task.goal)
        assert binding is not None
        options.append(programs(moves, binding))
    return [
        candidate
        for program in combine(options)
        if (candidate := candidate_of(template, program, group, shortened)) is not None
    ]


async def _learn_form(
    template: Template,
    group: list[Trajectory],
    offered: list[Candidate],
    library: SkillLibrary,
    arena: Arena,
    baseline: Baseline | None,
    ask: Callable[[], Awaitable[list[Candidate]]] | None,
    say: Say,
) -> Learnt:
    refused = {rejected.candidate.digest for rejected in library.rejected()}
    candidates = [candidate for candidate in offered if candidate.digest not in refused]
    say(f"{len(candidates)} candidates for: {template.text}")
    tools = tools_of(library)
    best = await _best(candidates[:SCREENED], group, arena, tools)
    # A model costs far more than re-execution: it is asked when more than one success is at hand.
    if best is None and ask is not None and len(group) > 1:
        proposed = [candidate for candidate in await ask() if candidate.digest not in refused]
        best = await _best(proposed, group, arena, tools)
        candidates += proposed
    if best is None:
        first = candidates[0] if candidates else None
        reason = (
            "no candidate solved its own source and a sibling task again"
            if candidates
            else "what solved it could not be put in general terms"
        )
        if first is not None:
            report = TrialReport(first.digest, (), group[0].task.reset)
            await library.reject(first, report, [reason])
        return Learnt(None, first, None, (reason,))
    say(f"trying {best.name} on further tasks")
    source = next(t.task for t in group if t.id == best.sources[0])
    report = await trial(best, source, arena, library.gates, baseline, tools)
    try:
        return Learnt(await library.admit(best, report), best, report)
    except NotAdmitted as refused:
        await library.reject(best, report, refused.reasons)
        return Learnt(None, best, report, tuple(refused.reasons))


async def _best(
    candidates: Sequence[Candidate], group: list[Trajectory], arena: Arena, tools: Tools
) -> Candidate | None:
    """The first candidate with the most passes in a short screening; None if none passes two."""
    siblings: list[Task] = []
    async for task in arena.siblings(group[0].task):
        siblings.append(task)
        if len(siblings) >= SCREENING:
            break
    best: Candidate | None = None
    most = 1
    for candidate in candidates:
        sources = [t.task for t in group if t.id in candidate.sources]
        passed = await screen(candidate, sources[:1], arena, siblings, tools)
        if passed > most:
            best, most = candidate, passed
        if passed >= 1 + len(siblings):
            break
    return best


async def _proposed(
    template: Template,
    group: list[Trajectory],
    shortened: Sequence[Shortened],
    propose: Propose,
    secrets: Secrets,
) -> list[Candidate]:
    """Programs a model wrote for the newest source, as far as they pass the static checks."""
    name = name_for(template)
    found: list[Candidate] = []
    for code in await propose(group[-1], template):
        candidate = Candidate(
            name=name,
            description=f"Use when the goal reads: {template.text}"[:1024],
            template=template,
            code=code,
            manifest=least(
                code,
                [t.task.url for t in group],
                [move for moves, _ in shortened for move in moves],
            ),
            how="model",
            sources=tuple(t.id for t in group),
        )
        if not check(candidate, secrets):
            found.append(candidate)
    return found
