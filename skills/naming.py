"""Names of skills, and giving a program another one."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable

from .skill import function_name

LONGEST = 64
PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def name_problems(name: str) -> list[str]:
    """Why this is no name for a skill, as sentences; empty when it is one."""
    if not PATTERN.fullmatch(name) or len(name) > LONGEST:
        return [
            f"name {name!r}: a skill's name has 1 to {LONGEST} characters of a-z, 0-9 and single"
            " hyphens inside"
        ]
    function = function_name(name)
    if not function.isidentifier() or keyword.iskeyword(function):
        return [f"name {name!r} gives the function name {function!r}, which Python does not allow"]
    return []


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """The name itself, or with the first of -2, -3, ... that is free."""
    candidate, number = name, 1
    while taken(candidate):
        number += 1
        candidate = f"{name[: LONGEST - len(str(number)) - 1].rstrip('-')}-{number}"
    return candidate


def rename_function(code: str, old: str, new: str) -> str:
    """The same program with its public function called `new`; strings and comments stay."""
    lines = code.encode().splitlines(keepends=True)
    places: list[tuple[int, int]] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and node.id == old:
            places.append((node.lineno - 1, node.col_offset))
        elif isinstance(node, ast.FunctionDef) and node.name == old:
            line = lines[node.lineno - 1]
            found = re.compile(rb"def\s+").match(line, node.col_offset)
            if found is None:
                raise ValueError(f"line {node.lineno} does not begin with `def {old}`")
            places.append((node.lineno - 1, found.end()))
    for row, column in sorted(places, reverse=True):
        end = column + len(old.encode())
        lines[row] = lines[row][:column] + new.encode() + lines[row][end:]
    return b"".join(lines).decode()
