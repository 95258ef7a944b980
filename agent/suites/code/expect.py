"""What files should hold: checks that read what anyone may have written, and execute nothing.

Covered: a missing file, one too large, bytes that are no UTF-8, numbers of any length, nesting of
any depth: each is a sentence. Line ends (LF, CRLF) and blank lines at the end do not matter; a
number is right when it is right to the cent, however it is written. Not covered: archives and
databases, which a probe reads (`base.py`).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .base import LARGEST, Check, Files
from .records import Cell, Records

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,24})?")
HALF_A_CENT = Decimal("0.005")
DEEPEST = 20

Row = Sequence[Cell]


class Unfit(ValueError):
    """A file is not what it should be; the message is the verdict."""


def _checked(look: Callable[[Files], None]) -> Check:
    def check(files: Files) -> str | None:
        try:
            look(files)
        except Unfit as unfit:
            return str(unfit)
        return None

    return check


def anything(files: Files) -> None:
    """Passes whatever is there: for chores that a probe alone decides."""


def all_of(*checks: Check) -> Check:
    """The first verdict that is not None."""

    def check(files: Files) -> str | None:
        return next((wrong for one in checks if (wrong := one(files)) is not None), None)

    return check


def number(name: str, expected: int | Decimal) -> Check:
    """The file holds this number alone."""

    def look(files: Files) -> None:
        found = _text(files, name).strip()
        if not _NUMBER.fullmatch(found):
            raise Unfit(f"{name} should hold one number and nothing else")
        if not alike(found, expected):
            raise Unfit(f"the number in {name} is not right")

    return _checked(look)


def lines(name: str, expected: Sequence[Cell]) -> Check:
    """The file holds these lines."""

    def look(files: Files) -> None:
        found = [line.rstrip() for line in _text(files, name).rstrip().splitlines()]
        _compare(name, "line", [[line] for line in found], [[cell] for cell in expected])

    return _checked(look)


def fields(name: str, expected: Sequence[Row]) -> Check:
    """The file holds lines of these words and numbers, with white space between them."""

    def look(files: Files) -> None:
        _compare(name, "line", [line.split() for line in _text(files, name).splitlines()], expected)

    return _checked(look)


def table(
    name: str, header: Sequence[str] | None, rows: Sequence[Row], delimiter: str = ","
) -> Check:
    """The file holds this header (any, where it is None) and these rows of cells."""

    def look(files: Files) -> None:
        text = io.StringIO(_text(files, name), newline="")
        try:
            found = [row for row in csv.reader(text, delimiter=delimiter, strict=True) if row]
        except csv.Error as error:
            raise Unfit(f"{name} cannot be read as rows of cells") from error
        _compare_table(name, found, header, rows)

    return _checked(look)


def markdown(name: str, header: Sequence[str], rows: Sequence[Row]) -> Check:
    """The file holds this Markdown table."""

    def look(files: Files) -> None:
        found = []
        for line in filter(None, map(str.strip, _text(files, name).splitlines())):
            if not (len(line) > 1 and line.startswith("|") and line.endswith("|")):
                raise Unfit(f"every line of the table in {name} should begin and end with |")
            found.append([cell.strip() for cell in line[1:-1].split("|")])
        rule = found.pop(1) if len(found) > 1 else []
        if len(rule) != len(header) or not all(re.fullmatch(":?-+:?", cell) for cell in rule):
            raise Unfit(f"the second line of {name} should be the rule of a Markdown table")
        _compare_table(name, found, header, rows)

    return _checked(look)


def records(name: str, expected: Records, delimiter: str = ",") -> Check:
    """The file holds these records under their header."""
    return table(name, expected.header, expected.rows, delimiter)


def json_value(name: str, expected: Any) -> Check:
    """The file holds this JSON value; the order of an object's keys does not matter."""

    def look(files: Files) -> None:
        text = _text(files, name)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unfit(f"{name} cannot be read as JSON") from error
        differs = unlike(found, expected)
        if differs is not None:
            raise Unfit(f"the JSON in {name} is not right: {differs}")

    return _checked(look)


def same(files: Mapping[str, bytes], sentence: str) -> Check:
    """These files are there, byte for byte; `sentence` says so of any that is not."""

    def look(found: Files) -> None:
        for path, data in files.items():
            if found.get(path) != data:
                raise Unfit(sentence.format(path=path))

    return _checked(look)


def alike(found: str, expected: Cell) -> bool:
    """Whether a cell that was written says what is expected."""
    if isinstance(expected, str):
        return found == expected
    if not _NUMBER.fullmatch(found.strip()):
        return False
    off = abs(Decimal(found.strip()) - expected)
    return off == 0 if isinstance(expected, int) else off < HALF_A_CENT


def unlike(found: Any, expected: Any, depth: int = 0) -> str | None:
    """Say how a JSON value differs in kind from what is expected, or None where it does not."""
    if isinstance(expected, bool) or expected is None or isinstance(found, bool):
        return None if found is expected else "a value is another"
    if isinstance(expected, int | float):
        # An integer may be too long to become a float; comparing it is safe, subtracting is not.
        near = isinstance(found, int | float) and -1e15 < found < 1e15
        return None if near and abs(found - expected) < 0.005 else "a number is another"
    if type(found) is not type(expected) or depth > DEEPEST:
        return f"where a {_kind(expected)} should be there is a {_kind(found)}"
    if isinstance(expected, str):
        return None if found == expected else "a text is another"
    if len(found) != len(expected):
        return f"a {_kind(expected)} has {_more(len(found), len(expected))} entries than it should"
    if isinstance(expected, dict):
        if found.keys() != expected.keys():
            return "an object has other keys"
        pairs = [(found[key], expected[key]) for key in expected]
    else:
        pairs = list(zip(found, expected, strict=True))
    return next((wrong for pair in pairs if (wrong := unlike(*pair, depth + 1))), None)


def _text(files: Files, name: str) -> str:
    data = files.get(name)
    if data is None:
        raise Unfit(f"{name} is missing")
    if len(data) > LARGEST:
        raise Unfit(f"{name} is far larger than it should be")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unfit(f"{name} is not UTF-8 text") from error


def _compare_table(
    name: str, found: Sequence[Sequence[str]], header: Sequence[str] | None, rows: Sequence[Row]
) -> None:
    if not found or (header is not None and list(found[0]) != list(header)):
        raise Unfit(f"the header of {name} is not right")
    _compare(name, "row", found[1:], rows)


def _compare(name: str, word: str, found: Sequence[Sequence[str]], expected: Sequence[Row]) -> None:
    if len(found) != len(expected):
        raise Unfit(f"{name} has {_more(len(found), len(expected))} {word}s than it should")
    for place, (one, other) in enumerate(zip(found, expected, strict=True), 1):
        if len(one) != len(other) or not all(map(alike, one, other)):
            raise Unfit(f"{word} {place} of {name} is not right")


def _more(found: int, expected: int) -> str:
    return "more" if found > expected else "fewer"


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "truth value", type(None): "null"}
    return names.get(type(value), "number")
