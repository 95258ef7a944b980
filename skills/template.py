"""Goal templates: found by anti-unifying goals, matched against a whole goal or not at all.

Covered: literals equal, slots typed, one parse. Not covered: paraphrase; a goal worded otherwise
is left to the model.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from ..sandbox.locators import fold
from ..sandbox.primitives import PRIMITIVES
from .check import REACHING
from .skill import Slot, SlotKind, Template

Value = str | int | tuple[str, ...]
"""What a slot holds: text, an ordinal from 1, or the items of a list."""

ANNOTATIONS: dict[SlotKind, str] = {
    "text": "str",
    "word": "str",
    "list": "list[str]",
    "ordinal": "int",
}
"""How the parameter for a slot is annotated."""

Binding = dict[str, Value]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_ORDINAL = rf"\d+(?:st|nd|rd|th)|{'|'.join(ORDINALS)}"
# A file's name, a path, a date or a number with a point is one word.
_TOKEN = re.compile(r'"[^"]*"|\s+|\w+(?:[./]\w+)*|[^\w\s]')
_HOLE = "\0"
_QUOTED = '"\0"'
"""The hole that stands for one quoted text."""


def tokens(goal: str) -> list[str]:
    """Split a goal into words, white space, marks, and quoted texts (whole)."""
    return _TOKEN.findall(fold(goal))


def _words(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if re.match(r"\w", part)]


def merge(pattern: Sequence[str], goal: Sequence[str]) -> list[str] | None:
    """Generalise a token pattern to take in one more goal; None where they are not of one form.

    A hole must stand for something on both sides, and at least half of the words stay literal.
    """
    matcher = SequenceMatcher(None, pattern, goal, autojunk=False)
    merged: list[str] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            merged += pattern[i1:i2]
        elif any(_quoted(side) for side in (pattern[i1:i2], goal[j1:j2])):
            # A quoted text stands for a quoted text: swallowed with words it would be another form.
            if not (_quoted(pattern[i1:i2]) == _quoted(goal[j1:j2]) == i2 - i1 == j2 - j1 == 1):
                return None
            merged.append(_QUOTED)
        elif tag == "replace" or _HOLE in pattern[i1:i2] or _inside_list(merged, pattern, i2):
            merged.append(_HOLE)
        else:
            return None
    merged = _join(merged)
    literal = _words(merged)
    fixed = _words([part for part in goal if not part.startswith('"')])
    if len(literal) < 2 or 2 * len(literal) < len(fixed):
        return None
    return merged


def _quoted(parts: Sequence[str]) -> int:
    return sum(part.startswith('"') for part in parts)


def _inside_list(merged: list[str], pattern: Sequence[str], at: int) -> bool:
    # One list may be longer than the other: more items beside a hole or a comma are still the hole.
    near = [*merged[-2:], *pattern[at : at + 2]]
    return _HOLE in near or "," in near


def _join(parts: list[str]) -> list[str]:
    """Make one hole of holes that only white space, commas or marks keep apart."""
    joined: list[str] = []
    for part in parts:
        if part == _HOLE:
            back = len(joined)
            while back and not joined[back - 1].strip(" ,'-") and joined[back - 1] != _HOLE:
                back -= 1
            if back and joined[back - 1] == _HOLE:
                del joined[back:]
                continue
        joined.append(part)
    return joined


@dataclass(frozen=True, slots=True)
class Form:
    """What goals of one form share, and the goals it came from."""

    pattern: tuple[str, ...]
    goals: tuple[str, ...]

    def absorb(self, goal: str) -> Form | None:
        merged = merge(self.pattern, tokens(goal))
        return None if merged is None else Form(tuple(merged), (*self.goals, goal))


def forms(goals: Sequence[str]) -> list[Form]:
    """Group goals by form, each with the most literal pattern that covers its goals."""
    found: list[Form] = []
    for goal in dict.fromkeys(map(fold, goals)):
        options = [(form, form.absorb(goal)) for form in found]
        fitting = [(old, new) for old, new in options if new is not None]
        if not fitting:
            found.append(Form(tuple(tokens(goal)), (goal,)))
            continue
        old, new = max(fitting, key=lambda pair: len(_words(pair[1].pattern)))
        found[found.index(old)] = new
    return found


def template_of(form: Form) -> Template | None:
    """Name and type the holes of a form; None where a goal of its own would not parse back."""
    pieces: list[str] = []
    names: list[str] = []
    for part in form.pattern:
        if part not in (_HOLE, _QUOTED):
            pieces.append(part.replace("{", "{{").replace("}", "}}"))
            continue
        names.append(_slot_name("".join(pieces), names))
        pieces.append(f'"{{{names[-1]}}}"' if part == _QUOTED else f"{{{names[-1]}}}")
    text = "".join(pieces)
    loose = Template(text, tuple(Slot(name) for name in names))
    values = [parse(loose, goal) for goal in form.goals]
    if any(value is None for value in values):
        return None
    typed = Template(
        text,
        tuple(
            Slot(
                name,
                _kind([str(value[name]) for value in values if value], f'"{{{name}}}"' in text),
            )
            for name in names
        ),
    )
    return typed if all(parse(typed, goal) is not None for goal in form.goals) else None


_COMMON = frozenset(
    "a an the to of in on at by with and or for from into is are that this it as called named "
    "select enter click press find choose type use open starts ends begins which then".split()
)

# As parameters these would hide what written code calls, or its loop variables, or be refused.
_UNFIT = _COMMON | PRIMITIVES.keys() | REACHING | {"item", "index", "range"}


def _slot_name(before: str, taken: Sequence[str]) -> str:
    words = re.findall(r"[a-z]+", before.lower())
    last = words[-1] if words else ""
    name = last if last and last not in _UNFIT and not keyword.iskeyword(last) else "text"
    base, number = name, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _kind(values: Sequence[str], quoted: bool) -> SlotKind:
    if all(re.fullmatch(_ORDINAL, value) for value in values):
        return "ordinal"
    if not quoted and any("," in value for value in values):
        return "list"
    return "text"


def parse(template: Template, goal: str) -> Binding | None:
    """Bind the whole goal to the template: one unambiguous parse, or None."""
    kinds = {slot.name: slot.kind for slot in template.slots}
    parts = re.split(r"(?<!\{)\{(\w+)\}(?!\})", template.text)
    literals = [part.replace("{{", "{").replace("}}", "}") for part in parts[::2]]
    names = parts[1::2]
    text = fold(goal)

    @cache
    def readings(hole: int, at: int) -> tuple[tuple[str, ...], ...]:
        """How the rest can be laid along the text from here; two ways are as bad as more."""
        start = at + len(literals[hole])
        if not text.startswith(literals[hole], at):
            return ()
        if hole == len(names):
            return ((),) if start == len(text) else ()
        quoted = literals[hole].endswith('"') and literals[hole + 1].startswith('"')
        found: list[tuple[str, ...]] = []
        end = start
        while len(found) < 2 and (end := text.find(literals[hole + 1], end + 1)) > 0:
            if _fits(kinds[names[hole]], quoted, text[start:end]):
                found += [(text[start:end], *rest) for rest in readings(hole + 1, end)]
        return tuple(found[:2])

    found = readings(0, 0)
    if len(found) != 1:
        return None
    return {name: _value(kinds[name], held) for name, held in zip(names, found[0], strict=True)}


def _fits(kind: SlotKind, quoted: bool, text: str) -> bool:
    if kind == "ordinal":
        return re.fullmatch(_ORDINAL, text) is not None
    return '"' not in text if quoted else not (text.startswith(" ") or text.endswith(" "))


def _value(kind: SlotKind, text: str) -> Value:
    if kind == "ordinal":
        return ORDINALS.index(text) + 1 if text in ORDINALS else int(re.sub(r"\D", "", text))
    if kind == "list":
        items = re.split(r",\s*(?:and\s+)?|\s+and\s+", text)
        return tuple(item for item in items if item)
    return text


def specificity(template: Template) -> int:
    """How many literal characters a template demands; of two that match, the higher is meant."""
    return len(re.sub(r"\{\w+\}", "", template.text))
