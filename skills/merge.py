"""Programs of several trajectories made one: ranked by how many they explain, aligned, hoisted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from .program import Do, Guard, Program, Retry, Statement


def hoisted(program: Program) -> Program | None:
    """The same program with its clearing tried at every filling or choosing call.

    What gets in the way once may get in the way elsewhere. None when nothing was cleared.
    """
    retries = [step for step in program if isinstance(step, Retry)]
    if not retries:
        return None
    clearing = retries[0].clearing
    return tuple(
        Retry(step, clearing) if isinstance(step, Do) and step.primitive != "click" else step
        for step in program
    )


def with_optional(short: Program, long: Program) -> Program | None:
    """Align two programs: what only the longer has becomes a guarded block. None if they differ."""
    merged: list[Statement] = []
    at, block = 0, list[Do]()
    for step in long:
        if at < len(short) and step == short[at]:
            if block:
                merged.append(Guard(tuple(block)))
            block, at = [], at + 1
            merged.append(step)
        elif isinstance(step, Do):
            block.append(step)
        else:
            return None
    if at < len(short) or len(long) == len(short):
        return None
    if block:
        merged.append(Guard(tuple(block)))
    return tuple(merged)


def combine(found: Sequence[Sequence[Program]]) -> list[Program]:
    """Order the programs of several trajectories: those that explain most of them first."""
    support: dict[Program, int] = {}
    rank: dict[Program, int] = {}
    for programs_of_one in found:
        for position, program in enumerate(programs_of_one):
            support[program] = support.get(program, 0) + 1
            rank[program] = min(rank.get(program, position), position)
    ordered = sorted(support, key=lambda program: (-support[program], rank[program]))
    extra: list[Program] = []
    for program in ordered[:10]:
        lifted = hoisted(program)
        if lifted is not None:
            extra.append(lifted)
    firsts = [options[0] for options in found if options]
    for short, long in product(firsts, firsts):
        merged = with_optional(short, long)
        if merged is not None:
            extra.append(merged)
    return list(dict.fromkeys([*extra, *ordered]))


def slots_used(program: Program) -> set[str]:
    """The slots a program really uses."""
    names: set[str] = set()
    for step in program:
        slot = getattr(step, "slot", None)
        if slot is not None:
            names.add(slot)
        for field in ("place", "among", "wanted", "turn"):
            place = getattr(step, field, None)
            if place is not None:
                names |= place.variables()
        if isinstance(step, Do):
            names |= {text.variable for text in step.extra if text.variable}
        if isinstance(step, Retry):
            names |= slots_used((step.step, *step.clearing))
        if isinstance(step, Guard):
            names |= slots_used(step.body)
    return names - {"item"}
