"""Programs over primitives as values, so that they can be compared, merged, then written as Python.

A text in a program is a `Text`: a constant, a slot of the goal, or the item of a loop. Statements
are calls, loops over a list, a search among alike elements, a place in a paged list, a guarded
block, and a block that clears the way when a call fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..sandbox.primitives import PRIMITIVES
from .skill import Slot, function_name
from .template import Binding, Value


@dataclass(frozen=True, slots=True)
class Text:
    """A constant, or the value of a variable (a slot, or `item` inside a loop)."""

    constant: str = ""
    variable: str = ""

    def source(self) -> str:
        return self.variable or json.dumps(self.constant, ensure_ascii=False)

    def placeholder(self) -> str:
        """The form kept in conditions: slots in braces, literal braces doubled."""
        if self.variable:
            return "{" + self.variable + "}"
        return self.constant.replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True, slots=True)
class Place:
    """A locator with open texts."""

    role: str
    parts: tuple[tuple[str, Text], ...] = ()
    """(name | starts | ends | contains | row | kind, text), in the vocabulary's order."""
    nth: int = 0

    def arguments(self, *extra: str, nth: str = "") -> str:
        parts = dict(self.parts)
        words = [json.dumps(self.role)]
        if "name" in parts:
            words.append(parts.pop("name").source())
            words += extra
        words += [f"{key}={text.source()}" for key, text in parts.items()]
        number = nth or (str(self.nth) if self.nth else "")
        if number:
            words.append(f"nth={number}")
        return ", ".join(words)

    def locator(self) -> dict[str, Any]:
        """As JSON, with slots in braces."""
        nth = {"nth": self.nth} if self.nth else {}
        return {"role": self.role, **{key: text.placeholder() for key, text in self.parts}, **nth}

    def variables(self) -> set[str]:
        return {text.variable for _, text in self.parts if text.variable}


@dataclass(frozen=True, slots=True)
class Do:
    """One call."""

    primitive: str
    place: Place
    extra: tuple[Text, ...] = ()
    on: bool = True

    def lines(self) -> list[str]:
        extra = [text.source() for text in self.extra]
        key = next(iter(PRIMITIVES[self.primitive].extra), "")
        named = any(part == "name" for part, _ in self.place.parts)
        if extra and not named:
            words = [self.place.arguments(), *(f"{key}={text}" for text in extra)]
        else:
            words = [self.place.arguments(*extra)]
        if self.primitive == "check" and not self.on:
            words.append("on=False")
        return [f"{self.primitive}({', '.join(words)})"]


@dataclass(frozen=True, slots=True)
class Press:
    """One key."""

    key: str

    def lines(self) -> list[str]:
        return [f"press({json.dumps(self.key)})"]


@dataclass(frozen=True, slots=True)
class Each:
    """A call for each item of a list named in the goal; absent ones passed over if `lenient`."""

    slot: str
    body: Do
    lenient: bool = False

    def lines(self) -> list[str]:
        body = self.body.lines()
        if self.lenient:
            body = [f"if visible({self.body.place.arguments()}):", *_indent(body)]
        return [f"for item in {self.slot}:", *_indent(body)]


@dataclass(frozen=True, slots=True)
class Reveal:
    """Click alike elements one after another until another one is in view."""

    among: Place
    wanted: Place

    def lines(self) -> list[str]:
        return [
            f"for index in range(count({self.among.arguments()})):",
            f"    if visible({self.wanted.arguments()}):",
            "        break",
            f"    click({self.among.arguments(nth='index')})",
        ]


@dataclass(frozen=True, slots=True)
class Paged:
    """The n-th of alike elements, counted on over pages that another element turns."""

    slot: str
    among: Place
    turn: Place

    def lines(self) -> list[str]:
        return [
            f"index = {self.slot} - 1",
            f"while index >= count({self.among.arguments()}):",
            f"    index -= count({self.among.arguments()})",
            f"    click({self.turn.arguments()})",
            f"click({self.among.arguments(nth='index')})",
        ]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The n-th of alike elements on this page."""

    slot: str
    among: Place

    def lines(self) -> list[str]:
        return [f"click({self.among.arguments(nth=f'{self.slot} - 1')})"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Steps that are done only where their first element is in view."""

    body: tuple[Do, ...]

    def lines(self) -> list[str]:
        inner = [line for step in self.body for line in step.lines()]
        return [f"if visible({self.body[0].place.arguments()}):", *_indent(inner)]


@dataclass(frozen=True, slots=True)
class Retry:
    """A call; when it fails, other calls clear its way and it is made again."""

    step: Do
    clearing: tuple[Do, ...]

    def lines(self) -> list[str]:
        clearing = [line for step in self.clearing for line in step.lines()]
        again = self.step.lines()
        return ["try:", *_indent(again), "except PageError:", *_indent([*clearing, *again])]


Statement = Do | Press | Each | Reveal | Paged | Numbered | Guard | Retry
Program = tuple[Statement, ...]


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def simple(statements: Program) -> Iterator[Do]:
    """The plain calls inside a program."""
    for statement in statements:
        if isinstance(statement, Do):
            yield statement
        elif isinstance(statement, Each):
            yield statement.body
        elif isinstance(statement, Guard):
            yield from statement.body
        elif isinstance(statement, Retry):
            yield statement.step
            yield from statement.clearing


def constructs(program: Program) -> tuple[str, ...]:
    """The general constructs a program uses, for its provenance."""
    found = [type(step).__name__.lower() for step in program if not isinstance(step, Do | Press)]
    for step in simple(program):
        found += ["relative" for key, text in step.place.parts if key == "row" and text.variable]
        found += [
            "predicate" for key, _ in step.place.parts if key in ("starts", "ends", "contains")
        ]
        found += ["lift" for text in step.extra if text.variable]
        found += ["lift" for _, text in step.place.parts if text.variable]
    return tuple(dict.fromkeys(found))


def used(program: Program) -> tuple[str, ...]:
    """Primitives the written code calls."""
    code = "\n".join(line for step in program for line in step.lines())
    return tuple(name for name in PRIMITIVES if f"{name}(" in code)


def write(name: str, slots: tuple[Slot, ...], program: Program, doc: str) -> str:
    """Write a program as a module with one public function."""
    types = {"text": "str", "word": "str", "list": "list[str]", "ordinal": "int"}
    body = [line for step in program for line in step.lines()]
    names = list(used(program)) + (["PageError"] if any("except" in line for line in body) else [])
    parameters = ", ".join(f"{slot.name}: {types[slot.kind]}" for slot in slots)
    lines = [
        f'"""{doc}"""',
        "",
        f"from page import {', '.join(sorted(names))}",
        "",
        "",
        f"def {function_name(name)}({parameters}) -> None:",
        f'    """{doc}"""',
        *_indent(body or ["return"]),
    ]
    return "\n".join(lines) + "\n"


def invocation(function: str, binding: Binding | Mapping[str, Value]) -> str:
    """The action that calls a skill: `from library import log_in` and one call."""
    words = []
    for name, value in binding.items():
        plain = list(value) if isinstance(value, tuple) else value
        words.append(f"{name}={json.dumps(plain, ensure_ascii=False)}")
    return f"from library import {function}\n{function}({', '.join(words)})"
