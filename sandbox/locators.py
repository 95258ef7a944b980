"""Locators on a recorded view: which elements one means, and which one means an element.

The same rules as `view.js` applies to the living page, on what was seen of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .base import Element, View

Locator = dict[str, Any]

# What Python and a browser call white space differs; this is all of both.
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff]+")


def fold(text: str) -> str:
    """Collapse white space and control characters, as a reader does (and as `view.js` does)."""
    return _SPACE.sub(" ", text).strip(" ")


def matches(element: Element, locator: Locator) -> bool:
    """Whether the element is one of those meant, `nth` aside."""
    return all(_TESTS[key](element, value) for key, value in locator.items())


_TESTS: dict[str, Callable[[Element, Any], bool]] = {
    "role": lambda element, wanted: element.role == wanted,
    "name": lambda element, wanted: element.name == fold(wanted),
    "starts": lambda element, wanted: element.name.startswith(wanted),
    "ends": lambda element, wanted: element.name.endswith(wanted),
    "contains": lambda element, wanted: wanted in element.name,
    "kind": lambda element, wanted: element.kind == wanted,
    "row": lambda element, wanted: fold(wanted) in element.row,
    "nth": lambda element, wanted: True,
}


def locate(view: View, locator: Locator) -> Element | None:
    """The one element a locator means, or None when it is not in view."""
    hits = [element for element in view.elements if matches(element, locator)]
    nth = locator.get("nth", 0)
    return hits[nth] if nth < len(hits) else None


def locator_of(view: View, element: Element) -> Locator:
    """The plainest locator that means this element: its row tells equals apart, else its number."""
    plain: Locator = {"role": element.role, "name": element.name}
    equals = [item for item in view.elements if matches(item, plain)]
    if len(equals) == 1:
        return plain
    for text in element.row:
        if sum(text in item.row for item in equals) == 1:
            return {**plain, "row": text}
    return {**plain, "nth": element.nth} if element.nth else plain


def describe(locator: dict[str, Any]) -> str:
    """Name a locator as a person would: `button "Submit"`."""
    parts = [str(locator.get("role", "element"))]
    if "name" in locator:
        parts.append(f'"{locator["name"]}"')
    words = {"starts": "starting with", "ends": "ending with", "contains": "containing"}
    parts += [f'{text} "{locator[key]}"' for key, text in words.items() if key in locator]
    if "kind" in locator:
        parts.append(f"of kind {locator['kind']}")
    if "row" in locator:
        parts.append(f'in the row of "{locator["row"]}"')
    if locator.get("nth"):
        parts.append(f"(number {locator['nth'] + 1})")
    return " ".join(parts)
