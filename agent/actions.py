"""What the model reads of a page, and the only replies it can give: calls on what is in view.

The reply grammar (GBNF) offers each element only with the primitives that apply to it, so a small
model cannot invent an element or an action, and what it writes already is skill code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from ..sandbox.base import Element, View
from ..sandbox.locators import Locator, locator_of
from ..sandbox.primitives import PRIMITIVES
from ..skills.skill import SkillVersion

MAX_ELEMENTS = 60
MAX_LINES = 6
MAX_TEXT = 80


def in_view(view: View) -> list[tuple[Element, Locator]]:
    """The elements offered to the model with the locator of each, disabled ones left out."""
    offered = [element for element in view.elements if not element.disabled]
    return [(element, locator_of(view, element)) for element in offered[:MAX_ELEMENTS]]


def quote(text: str) -> str:
    """A Python string literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def call(primitive: str, locator: Locator, *extra: str) -> str:
    """The source of one call: `click("icon", "trash", row="Ada")`."""
    words = [quote(locator["role"])]
    named = {key: value for key, value in locator.items() if key != "role"}
    if "name" in named:
        words += [quote(named.pop("name")), *map(quote, extra)]
    else:
        keys = PRIMITIVES[primitive].extra
        words += [f"{key}={quote(text)}" for key, text in zip(keys, extra, strict=False)]
    words += [f"{key}={quote(v) if isinstance(v, str) else v}" for key, v in named.items()]
    return f"{primitive}({', '.join(words)})"


def describe(element: Element, locator: Locator) -> str:
    """One line on an element: `checkbox "Jam" (not ticked)`."""
    line = f'{element.role} "{element.name}"'
    if "row" in locator:
        line += f' row="{locator["row"]}"'
    if "nth" in locator:
        line += f" nth={locator['nth']}"
    if element.options:
        line += " options: " + " | ".join(element.options[:30])
    if "fill" in element.actions or element.role == "combobox":
        line += f' now "{element.value}"'
    if element.checked is not None:
        words = {"checkbox": ("not ticked", "ticked"), "radio": ("not chosen", "chosen")}
        line += f" ({words.get(element.role, ('closed', 'open'))[element.checked]})"
    return line


def named_in(goal: str, name: str) -> bool:
    """Whether a goal names something: its whole name stands there between word boundaries."""
    if len(name) < 2:
        return False
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", goal) is not None


def appeared(before: str, after: str) -> list[str]:
    """Sentences of page text that were not there before, at most three."""
    fresh = [text for text in re.split(r"(?<=[.?!])\s+", after) if text and text not in before]
    return [text[:120] for text in fresh[:3]]


def listing(view: View, goal: str = "", earlier: View | None = None) -> str:
    """The page as the model reads it, one line an element.

    What has come since the `earlier` view is marked, and so is what the goal names.
    """
    known = {(item.role, item.name) for item in earlier.elements} if earlier else None
    numbered = _numbered(view)
    lines = []
    for element, locator in in_view(view):
        line = describe(element, locator)
        if (element.role, element.kind) in numbered:
            line += f" ({element.kind} {element.index + 1})"
        if named_in(goal, element.name):
            line += "  <- in the goal"
        elif known is not None and (element.role, element.name) not in known:
            line += "  (new)"
        lines.append(line)
    if earlier is not None and sum(line.endswith("(new)") for line in lines) <= 2:
        # Words that come with few controls (a notice, an error) matter; a new page's do not.
        lines += [f"text: {text}" for text in appeared(earlier.text, view.text)]
    hidden = [element for element in view.elements if element.disabled]
    lines += [f'(disabled: {element.role} "{element.name}")' for element in hidden[:5]]
    return "\n".join(lines) or "(nothing to act on)"


def _numbered(view: View) -> set[tuple[str, str]]:
    """Kinds worth numbering: several alike, beside others of the same role that are made otherwise.

    A person sees at once which links are results and which turn the page; a list of names does not
    tell.
    """
    kinds = Counter((item.role, item.kind) for item in view.elements)
    roles = Counter(role for role, _ in kinds)
    return {key for key, many in kinds.items() if many > 1 and roles[key[0]] > 1}


def _terminal(text: str) -> str:
    # GBNF literals know the escapes of C strings; a backslash and a quote must be escaped.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def calls_in_view(view: View) -> list[tuple[str, bool]]:
    """Each legal call as (source up to a free text, whether a free text and the end follow)."""
    legal: list[tuple[str, bool]] = []
    for element, locator in in_view(view):
        if "fill" in element.actions:
            legal.append((call("fill", locator, "\0"), True))
        elif "upload" in element.actions:
            legal.append((call("upload", locator, "\0"), True))
        elif "select" in element.actions:
            legal += [(call("select", locator, option), False) for option in element.options]
        elif "check" in element.actions:
            # What is ticked already can only be unticked.
            if not element.checked:
                legal.append((call("check", locator), False))
            elif element.role == "checkbox":
                legal.append((call("check", {**locator, "on": False}), False))
        elif not (element.role == "tab" and element.checked):
            # A tab that is open already has nothing to click for.
            legal.append((call("click", locator), False))
    return legal


def _skill_call(skill: SkillVersion) -> str:
    kinds = {"list": "texts", "ordinal": "number"}
    arguments = [kinds.get(slot.kind, "text") for slot in skill.template.slots]
    between = f" {_terminal(', ')} ".join(arguments)
    return f"{_terminal(skill.function + '(')} {between} {_terminal(')')}"


def grammar(
    view: View,
    *,
    finish: bool,
    tried: frozenset[str] = frozenset(),
    skills: Sequence[SkillVersion] = (),
    lines: int = MAX_LINES,
) -> str:
    """GBNF for a reply: up to `lines` calls on what is in view, or of skills, or `done()`.

    `tried` holds calls that were already made on this very view: they are not offered again.
    """
    rules = []
    for source, free in calls_in_view(view):
        if source in tried:
            continue
        if free:
            before, after = source.split(quote("\0")) if quote("\0") in source else (source, "")
            rules.append(f"{_terminal(before)} text {_terminal(after)}")
        else:
            rules.append(_terminal(source))
    rules += [_skill_call(skill) for skill in skills]
    if finish or not rules:
        rules.append(_terminal("done()"))
    return (
        f'root ::= line ("\\n" line){{0,{lines - 1}}}\n'
        f"line ::= {' | '.join(dict.fromkeys(rules))}\n"
        f'text ::= "\\"" [^"\\\\\\n]{{0,{MAX_TEXT}}} "\\""\n'
        'texts ::= "[" text (", " text)* "]"\n'
        "number ::= [1-9] [0-9]?\n"
    )
