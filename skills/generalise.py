"""From what was done once to programs that may do it again elsewhere, without a model.

Each move is explained in every way the goal and the page allow: its target is what the goal names,
or stands in the row the goal names, or begins with what the goal quotes, or is the n-th of its
kind, or is always the same. A program is one choice of explanation for each move. Programs that
explain several trajectories come first (the version space shrinks with each: anti-unification);
trials decide.

Source: ASI, arXiv 2504.06821 (induce from success, admit on re-execution); the constructs are ours.
Covered: constructs named in `program.py`. Not covered: arithmetic, text composed anew, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from ..sandbox.base import Element, View
from ..sandbox.locators import locate, locator_of, matches
from .explain import alike, places, texts
from .moves import Move
from .program import (
    Do,
    Each,
    Numbered,
    Paged,
    Place,
    Press,
    Program,
    Retry,
    Reveal,
    Statement,
    Text,
)
from .template import Binding

MAX_PROGRAMS = 40
TURNS = ("next", "next page", ">", "›", "»", "→", "more", "older")
"""Names of what turns to the next page of a list, on the web at large."""


def programs(moves: Sequence[Move], binding: Binding) -> list[Program]:
    """Every program that explains the moves for this goal, plainest general explanation first."""
    segments = list(_segments(list(moves), binding))
    if any(not options for options in segments):
        return []
    # Few departures from the first choice come before many.
    ranked = sorted(
        islice(product(*(range(len(options)) for options in segments)), 4000),
        key=lambda choice: (sum(c > 0 for c in choice), sum(choice)),
    )
    found: dict[Program, None] = {}
    for choice in ranked:
        program: list[Statement] = []
        for options, index in zip(segments, choice, strict=True):
            program += options[index]
        found.setdefault(tuple(program))
        if len(found) >= MAX_PROGRAMS:
            break
    return list(found)


def _segments(moves: list[Move], binding: Binding) -> Iterator[list[list[Statement]]]:
    """Cut moves into pieces, each with its possible explanations."""
    index = 0
    while index < len(moves):
        for construct in (_retry, _each, _paged, _reveal):
            options, length = construct(moves, index, binding)
            if options:
                yield options
                index += length
                break
        else:
            yield [[step] for step in _plain(moves[index], binding)]
            index += 1


Options = tuple[list[list[Statement]], int]
NONE: Options = ([], 0)


def _plain(move: Move, binding: Binding) -> list[Statement]:
    if move.primitive == "press":
        return [Press(str(move.args["key"]))]
    target = move.target
    if target is None:
        return []
    steps: list[Statement] = []
    if move.primitive == "click":
        steps += [Numbered(slot, alike(target)) for slot in _ordinal_slots(target.index, binding)]
    extras: list[tuple[Text, ...]] = [()]
    for key in ("text", "option", "file"):
        if key in move.args:
            extras = [(text,) for text in texts(str(move.args[key]), binding)]
    open_places = list(places(move.before, target, binding))
    on = bool(move.args.get("on", True))
    steps += [Do(move.primitive, place, extra, on) for extra, place in product(extras, open_places)]
    return steps


def _ordinal_slots(position: int, binding: Binding) -> list[str]:
    return [name for name, held in binding.items() if held == position + 1]


def _each(moves: list[Move], index: int, binding: Binding) -> Options:
    """A loop over the items of a list that the goal names, where the moves do just these."""
    first = moves[index]
    for slot, held in binding.items():
        if not isinstance(held, tuple):
            continue
        done: list[str] = []
        for move in moves[index:]:
            target = move.target
            if target is None or move.primitive != first.primitive or target.name not in held:
                break
            done.append(target.name)
        if done and set(done) == set(held) and first.target is not None:
            place = Place(first.target.role, (("name", Text(variable="item")),))
            body = Do(first.primitive, place, (), bool(first.args.get("on", True)))
            return [[Each(slot, body)], [Each(slot, body, lenient=True)]], len(done)
    return NONE


def _reveal(moves: list[Move], index: int, binding: Binding) -> Options:
    """Clicks among alike elements that end when the next target has come into view."""
    first = moves[index].target
    if first is None or moves[index].primitive != "click":
        return NONE
    end = index
    while end < len(moves) and _is_alike(moves[end], first):
        end += 1
    if end >= len(moves) or moves[end].target is None:
        return NONE
    wanted, last = moves[end].target, moves[end - 1]
    assert wanted is not None
    peers = sum(e.role == first.role and e.kind == first.kind for e in last.before.elements)
    locator = locator_of(moves[end].before, wanted)
    if peers < 2 or locate(last.before, locator) is not None:
        return NONE
    among = [Place(first.role), alike(first)]
    named = [p for p in places(moves[end].before, wanted, binding) if p.variables()]
    options: list[list[Statement]] = [[Reveal(group, place)] for place in named for group in among]
    options += [[step for move in moves[index:end] for step in _plain(move, binding)[:1]]]
    return options, end - index


def _is_alike(move: Move, first: Element) -> bool:
    target = move.target
    return (
        move.primitive == "click"
        and target is not None
        and (target.role, target.kind) == (first.role, first.kind)
    )


def _paged(moves: list[Move], index: int, binding: Binding) -> Options:
    """Clicks that turn pages, then a click on the n-th, counted over the pages, of its kind."""
    for end in range(index, len(moves)):
        move = moves[end]
        target = move.target
        if target is None or move.primitive != "click":
            return NONE
        turned = moves[index:end]
        among = {"role": target.role, "kind": target.kind}
        if any(t.target is None or matches(t.target, among) for t in turned):
            continue
        if not all(_count(t.before, among) for t in turned):
            continue  # What brought up the first of them has turned no page.
        skipped = sum(_count(t.before, among) for t in turned)
        slots = _ordinal_slots(skipped + target.index, binding)
        turns = _turns(move.before, turned)
        if slots and turns and _count(move.before, among) > 1:
            group = alike(target)
            options: list[list[Statement]] = [
                [Paged(slot, group, turn)] for slot in slots for turn in turns
            ]
            if not turned:
                options += [[step] for step in _plain(move, binding)[:2]]
            return options, len(turned) + 1
    return NONE


def _count(view: View, locator: dict[str, str]) -> int:
    return sum(matches(element, dict(locator)) for element in view.elements)


def _turns(view: View, turned: Sequence[Move]) -> list[Place]:
    """What may turn the page: what was clicked for it each time, or what is named for it."""
    clicked = [move.target for move in turned if move.target is not None]
    views = [*(move.before for move in turned), view]
    # On the last page nothing turns any more: an earlier one shows what did.
    found = [e for seen in views for e in seen.elements if e.name.lower() in TURNS]
    if clicked and all(c.name == clicked[0].name for c in clicked):
        found = [clicked[0], *found]
    places = [Place(element.role, (("name", Text(element.name)),)) for element in found]
    return list(dict.fromkeys(places))[:2]


def _retry(moves: list[Move], index: int, binding: Binding) -> Options:
    """A call that failed, what cleared its way, and the same call again.

    Whatever else was done before trying again follows as steps of its own.
    """
    failed = moves[index]
    if not failed.error:
        return NONE
    for end in range(index + 1, len(moves)):
        again = moves[end]
        if again.primitive != failed.primitive or again.args != failed.args or again.error:
            continue
        between = moves[index + 1 : end]
        # What came up after the failure is the obstacle; if nothing did, all of it may be.
        in_the_way = [m for m in between if _appeared(m, failed.before)] or between
        clearing = [step for m in in_the_way for step in _plain(m, binding)[:1]]
        way = tuple(step for step in clearing if isinstance(step, Do))
        if not way or len(way) < len(clearing):
            return NONE
        rest = [s for m in between if m not in in_the_way for s in _plain(m, binding)[:1]]
        steps = [step for step in _plain(again, binding) if isinstance(step, Do)]
        return [[Retry(step, way), *rest] for step in steps], end - index + 1
    return NONE


def _appeared(move: Move, before: View) -> bool:
    target = move.target
    return target is not None and locate(before, locator_of(move.before, target)) is None
