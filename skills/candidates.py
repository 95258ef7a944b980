"""A program becomes a candidate: named, with its conditions and what it may touch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..memory.trajectory import Trajectory
from ..sandbox.base import view_from_json
from .conditions import unmet
from .manifest import least
from .merge import slots_used
from .moves import Move
from .program import Do, Each, Program, Retry, Reveal, constructs, write
from .skill import Candidate, Condition, Template
from .template import parse

Shortened = tuple[list[Move], str]
"""The moves that are needed, and the view at their end."""


def candidate_of(
    template: Template,
    program: Program,
    group: list[Trajectory],
    shortened: Sequence[Shortened],
) -> Candidate | None:
    """Name a program, state its conditions and manifest; None if a slot of the goal goes unused."""
    if {slot.name for slot in template.slots} - slots_used(program):
        return None
    sources = tuple(t.id for t in group)
    goal = template.text.replace("{{", "{").replace("}}", "}")
    doc = f"Do what is asked by: {goal}".replace("\\", "/").replace('"""', "'''")
    if doc.endswith('"'):
        doc += " "
    name = name_for(template)
    code = write(name, template.slots, program, doc)
    return Candidate(
        name=name,
        description=f"Use when the goal reads: {goal}"[:1024],
        template=template,
        code=code,
        manifest=least(
            code,
            [t.task.url for t in group],
            [move for moves, _ in shortened for move in moves],
            pre=_preconditions(template, program, group, shortened),
            post=_postconditions(template, program, group, shortened),
        ),
        sources=sources,
        constructs=constructs(program),
    )


def name_for(template: Template) -> str:
    """An Agent Skills name from the words of a template."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"\{\w+\}", " ", template.text).lower())
    name = "-".join(words[:9])[:60].strip("-")
    return name if name and not name[0].isdigit() else f"do-{name}".strip("-")


def _needed(program: Program) -> list[Condition]:
    """What a program's first statements act on, as conditions on the start."""
    found = []
    for step in program:
        if isinstance(step, Do):
            locator = step.place.locator()
        elif isinstance(step, Retry):
            locator = step.step.place.locator()
        elif isinstance(step, Each):
            locator = {"role": step.body.place.role}
            if not step.lenient:
                locator["name"] = "{" + step.slot + "}"
        elif isinstance(step, Reveal):
            locator = step.among.locator()
        else:
            continue
        found.append(Condition("present", locator))
    return found


def _preconditions(
    template: Template,
    program: Program,
    group: list[Trajectory],
    shortened: Sequence[Shortened],
) -> tuple[Condition, ...]:
    """Of what the program needs, that which every source had in view at its start."""
    starts = [
        (moves[0].before, parse(template, t.task.goal) or {})
        for t, (moves, _) in zip(group, shortened, strict=True)
        if moves
    ]
    held = [
        condition
        for condition in _needed(program)
        if all(unmet((condition,), view, binding) is None for view, binding in starts)
    ]
    return tuple(_unique(held))


def _unique(conditions: Sequence[Condition]) -> list[Condition]:
    unique: list[Condition] = []
    for condition in conditions:
        if condition not in unique:
            unique.append(condition)
    return unique


def _postconditions(
    template: Template,
    program: Program,
    group: list[Trajectory],
    shortened: Sequence[Shortened],
) -> tuple[Condition, ...]:
    """That the element acted on last is gone, where it was gone at the end of every source."""
    last = next((step for step in reversed(program) if isinstance(step, Do)), None)
    if last is None:
        return ()
    condition = Condition("absent", last.place.locator())
    for trajectory, (_, end) in zip(group, shortened, strict=True):
        binding = parse(template, trajectory.task.goal) or {}
        if not end or unmet((condition,), view_from_json(end), binding) is not None:
            return ()
    return (condition,)
