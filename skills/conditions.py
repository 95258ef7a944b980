"""Pre- and postconditions of a skill, decided on a view without a model."""

from __future__ import annotations

from itertools import product
from typing import Any

from ..sandbox.base import View
from ..sandbox.locators import Locator, locate
from .skill import Condition
from .template import Binding


def instantiate(locator: dict[str, Any], binding: Binding) -> list[Locator]:
    """Fill the slots of a locator: one locator, or one for each item of a list."""
    keys = [key for key, text in locator.items() if isinstance(text, str)]
    choices = []
    for key in keys:
        text = locator[key]
        lists = [name for name, value in binding.items()
                 if isinstance(value, tuple) and text == "{" + name + "}"]  # fmt: skip
        if lists:
            choices.append(list(binding[lists[0]]))  # type: ignore[arg-type]
        else:
            choices.append([text.format_map(binding)])
    rest = {key: value for key, value in locator.items() if key not in keys}
    return [{**dict(zip(keys, texts, strict=True)), **rest} for texts in product(*choices)]


def startable(conditions: tuple[Condition, ...], view: View) -> bool:
    """Whether the conditions hold as far as can be told before the slots are known."""
    known = (
        Condition(c.kind, {k: v for k, v in c.locator.items() if "{" not in str(v)})
        for c in conditions
    )
    return unmet(tuple(known), view, {}) is None


def unmet(conditions: tuple[Condition, ...], view: View, binding: Binding) -> str | None:
    """Say which condition does not hold on the view, or None when all do."""
    for condition in conditions:
        for locator in instantiate(condition.locator, binding):
            here = locate(view, locator) is not None
            if here != (condition.kind == "present"):
                words = ", ".join(f"{key}={value!r}" for key, value in locator.items())
                state = "is not in view" if condition.kind == "present" else "is still in view"
                return f"the element with {words} {state}"
    return None
