"""What a target or a text may be in terms of the goal: the explanations of one call."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..sandbox.base import Element, View
from ..sandbox.locators import locator_of
from .program import Place, Text
from .template import Binding


def texts(value: str, binding: Binding) -> list[Text]:
    slots = [Text(variable=name) for name, held in binding.items() if held == value]
    return [*slots, Text(value)]


def places(view: View, target: Element, binding: Binding) -> Iterator[Place]:
    named = {name: held for name, held in binding.items() if isinstance(held, str) and held}
    for slot, held in named.items():
        if target.name == held:
            yield Place(target.role, (("name", Text(variable=slot)),))
    for slot, held in named.items():
        if held in target.row and target.name != held:
            yield Place(target.role, (("name", Text(target.name)), ("row", Text(variable=slot))))
    yield from _predicates(target, named)
    locator = locator_of(view, target)
    if "row" not in locator:
        yield Place(target.role, (("name", Text(target.name)),), int(locator.get("nth", 0)))
    yield Place(target.role, (("kind", Text(target.kind)),), target.index)


def _predicates(target: Element, named: dict[str, str]) -> Iterator[Place]:
    name = target.name
    starts = [slot for slot, held in named.items() if name.startswith(held) and name != held]
    ends = [slot for slot, held in named.items() if name.endswith(held) and name != held]
    for first, last in product(starts, ends):
        if first != last:
            parts = (("starts", Text(variable=first)), ("ends", Text(variable=last)))
            yield Place(target.role, parts)
    yield from (Place(target.role, (("starts", Text(variable=slot)),)) for slot in starts)
    yield from (Place(target.role, (("ends", Text(variable=slot)),)) for slot in ends)
    for slot, held in named.items():
        if held in name and slot not in starts and slot not in ends:
            yield Place(target.role, (("contains", Text(variable=slot)),))


def alike(target: Element) -> Place:
    return Place(target.role, (("kind", Text(target.kind)),))
