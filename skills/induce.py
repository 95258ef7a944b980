"""From successful trajectories to candidates, and through their trials into the library.

Goals of one form are anti-unified into a template; the moves of each success are shortened by
re-execution, then explained in general terms (`generalise.py`); a model may propose further
programs. Nothing here admits: the best candidate goes to trial, and the library decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..memory.trajectory import Call, Task, Trajectory
from ..sandbox.base import view_to_json
from ..sandbox.primitives import PRIMITIVES
from . import NotAdmitted
from .candidates import Shortened, candidate_of, name_for, origin
from .check import check
from .generalise import programs
from .library import SkillLibrary
from .merge import combine
from .moves import Move, live, moves_of
from .skill import Candidate, Manifest, SkillVersion, Template, TrialReport
from .template import forms, parse, template_of
from .trial import Arena, Baseline, screen, trial

MOST_SOURCES = 4
"""Trajectories of one form that are generalised together."""
GOALS = 12
"""Sibling goals read, to see what varies in goals of one form."""
STILL = 0.35
"""Seconds a page must be still before a call that is re-executed to be explained."""
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
        shortened = []
        for trajectory in group:
            if trajectory.id not in memo:
                say(f"shortening what solved: {trajectory.task.goal}")
                memo[trajectory.id] = await shorten(trajectory, arena)
            shortened.append(memo[trajectory.id])
        found.append(
            await _learn_form(template, group, shortened, library, arena, baseline, propose, say)
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


async def _learn_form(
    template: Template,
    group: list[Trajectory],
    shortened: list[Shortened],
    library: SkillLibrary,
    arena: Arena,
    baseline: Baseline | None,
    propose: Propose | None,
    say: Say,
) -> Learnt:
    options = []
    for trajectory, (moves, _) in zip(group, shortened, strict=True):
        binding = parse(template, trajectory.task.goal)
        assert binding is not None
        options.append(programs(moves, binding))
    refused = {rejected.candidate.digest for rejected in library.rejected()}
    candidates = [
        candidate
        for program in combine(options)
        if (candidate := candidate_of(template, program, group, shortened)) is not None
        and candidate.digest not in refused
    ]
    say(f"{len(candidates)} candidates for: {template.text}")
    best = await _best(candidates[:SCREENED], group, arena)
    # A model costs far more than re-execution: it is asked when more than one success is at hand.
    if best is None and propose is not None and len(group) > 1:
        written = [c for c in await _written(template, group, propose) if c.digest not in refused]
        best = await _best(written, group, arena)
        candidates += written
    if best is None:
        first = candidates[0] if candidates else None
        reason = (
            "no candidate solved its own source and a sibling task again"
            if candidates
            else "the moves could not be explained in general terms"
        )
        if first is not None:
            report = TrialReport(first.digest, (), group[0].task.reset)
            await library.reject(first, report, [reason])
        return Learnt(None, first, None, (reason,))
    say(f"trying {best.name} on further tasks")
    source = next(t.task for t in group if t.id == best.sources[0])
    report = await trial(best, source, arena, library.gates, baseline)
    try:
        return Learnt(await library.admit(best, report), best, report)
    except NotAdmitted as refused:
        await library.reject(best, report, refused.reasons)
        return Learnt(None, best, report, tuple(refused.reasons))


async def _best(
    candidates: Sequence[Candidate], group: list[Trajectory], arena: Arena
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
        passed = await screen(candidate, sources[:1], arena, siblings)
        if passed > most:
            best, most = candidate, passed
        if passed >= 1 + len(siblings):
            break
    return best


async def shorten(trajectory: Trajectory, arena: Arena) -> Shortened:
    """Drop calls without which the task is still solved, by re-executing the rest.

    Returns the moves left, with the views of the shortest run, and the view at its end.
    """
    calls = [call for step in trajectory.steps for call in step.calls]
    moves = live(moves_of(calls, trajectory.final_view))
    kept = list(range(len(moves)))
    shortest = (moves, trajectory.final_view)
    replayed = await _replay([moves[i] for i in kept], trajectory.task, arena)
    if replayed is None:
        return shortest
    shortest = replayed
    index = 0
    while index < len(kept) and len(kept) > 1:
        fewer = kept[:index] + kept[index + 1 :]
        replayed = await _replay([moves[i] for i in fewer], trajectory.task, arena)
        if replayed is None:
            index += 1
        else:
            kept, shortest = fewer, replayed
    return shortest


async def _replay(moves: Sequence[Move], task: Task, arena: Arena) -> Shortened | None:
    """Make the same calls from the start; what was seen on the way if that solved the task."""
    async with arena.open(task) as episode:
        for move in moves:
            # Each call must see what a person would have waited for: views explain the moves.
            await episode.view(STILL)
            words = ", ".join(f"{key}={value!r}" for key, value in move.args.items())
            result = await episode.run(f"{move.primitive}({words})")
            if not result.ok and not move.error:
                break
        end = view_to_json(await episode.view())
        calls: tuple[Call, ...] = episode.calls()
        if not (await episode.verdict()).success:
            return None
    return moves_of(calls, end), end


async def _written(
    template: Template,
    group: list[Trajectory],
    propose: Propose,
) -> list[Candidate]:
    """Programs a model wrote for the newest source, as far as they pass the static checks."""
    name = name_for(template)
    found: list[Candidate] = []
    for code in await propose(group[-1], template):
        primitives = tuple(p for p in PRIMITIVES if f"{p}(" in code)
        candidate = Candidate(
            name=name,
            description=f"Use when the goal reads: {template.text}"[:1024],
            template=template,
            code=code,
            manifest=Manifest(tuple(sorted({origin(t.task.url) for t in group})), primitives),
            how="model",
            sources=tuple(t.id for t in group),
        )
        if not check(candidate):
            found.append(candidate)
    return found
