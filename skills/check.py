"""Static checks of a candidate: refusals as sentences, for the proposer and for a person.

Covered: name, description, template, signature, imports, names that reach out of the program,
stored secrets, loops without an end, primitives, tools and data beyond the manifest. Not covered:
what the program does. That is shown by a trial, and the sandbox is what contains it: these checks
are no boundary.
"""

from __future__ import annotations

import ast
import keyword
import re
import string
from collections.abc import Iterator, Sequence, Set

from ..sandbox.primitives import PRIMITIVES
from ..sandbox.secrets import NO_SECRETS, Secrets
from .credentials import secret_refusals
from .manifest import manifest_refusals
from .naming import name_problems
from .skill import Candidate

FILE_MODULES = (
    "bisect base64 bz2 calendar codecs configparser contextlib copy csv dataclasses decimal difflib"
    " enum fnmatch fractions functools glob gzip hashlib heapq html io lzma operator os os.path"
    " pathlib random shutil sqlite3 statistics struct sys tarfile tempfile textwrap time typing"
    " unicodedata uuid xml.etree.ElementTree zipfile zlib zoneinfo"
).split()
"""What a skill that works on files may import besides: data, not processes or the network."""
MODULES = ("re", "json", "datetime", "math", "string", "itertools", "collections")
"""What a skill may import beside `page` and `library`."""
PAGE_NAMES = frozenset(PRIMITIVES) | {"PageError"}
_REACHING = (
    "eval exec open compile getattr setattr delattr globals locals "
    "vars input breakpoint help exit quit memoryview"
)
REACHING = frozenset(_REACHING.split())
"""Built-in functions that reach out of the program or hide what it does."""
LONGEST = 20_000
"""Characters of code."""


def check(candidate: Candidate, secrets: Secrets = NO_SECRETS) -> list[str]:
    """Why this candidate cannot be admitted whatever its trials say; empty when it can.

    `secrets` are those of the agent: their values may stand nowhere in it.
    """
    reasons = name_problems(candidate.name)
    if candidate.function in PAGE_NAMES:
        reasons.append(f"name {candidate.name!r} is that of a primitive: choose another")
    reasons += description_problems(candidate.description) + _template(candidate)
    if secrets.shows("\n".join((candidate.code, candidate.template.text, candidate.description))):
        reasons.append("it holds the value of a secret: name its placeholder")
    if len(candidate.code) > LONGEST:
        return [*reasons, f"the code has {len(candidate.code)} characters: at most {LONGEST}"]
    try:
        tree = ast.parse(candidate.code)
    except SyntaxError as error:
        return [*reasons, f"line {error.lineno}: not valid Python: {error.msg}"]
    except (ValueError, RecursionError, MemoryError) as error:
        return [*reasons, f"the code cannot be read as Python: {error}"]
    # A skill that works on files needs more of the standard library than one that has a page.
    origins = candidate.manifest.origins
    on_files = bool(origins) and all(origin.startswith("files:") for origin in origins)
    reasons += _module(tree, candidate) + _loops(tree)
    reasons += _imports(tree, (*MODULES, *FILE_MODULES) if on_files else MODULES)
    reasons += _reach(tree, REACHING - {"open"} if on_files else REACHING)
    reasons += secret_refusals(tree, secrets) + manifest_refusals(tree, candidate)
    return reasons


def description_problems(text: str) -> list[str]:
    """Why this is no description of a skill, as sentences; empty when it is one."""
    if not text.strip() or len(text) > 1024:
        return [f"the description has {len(text)} characters: 1 to 1024 that say what and when"]
    if not all(character.isprintable() or character.isspace() for character in text):
        return ["the description holds characters that cannot be printed"]
    return []


def _template(candidate: Candidate) -> list[str]:
    slots = [slot.name for slot in candidate.template.slots]
    bad = [name for name in slots if not name.isidentifier() or keyword.iskeyword(name)]
    reasons = [f"slot {name!r} is no Python name" for name in bad]
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(candidate.template.text)]
    except ValueError as error:
        return [*reasons, f"the template {candidate.template.text!r} is not closed: {error}"]
    named = {field for field in fields if field is not None}
    if len(set(slots)) < len(slots) or named != set(slots):
        reasons.append(
            f"the template {candidate.template.text!r} names {_list(sorted(named))} and its slots"
            f" are {_list(slots)}: each slot stands in the text, once in the list"
        )
    return reasons


def _module(tree: ast.Module, candidate: Candidate) -> list[str]:
    """Only imports, constants and functions at the top; one of them public and as declared."""
    reasons = []
    public: list[ast.FunctionDef] = []
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            public += [] if node.name.startswith("_") else [node]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            if not _constant(node.value):
                reasons.append(f"line {node.lineno}: only constants may be set outside a function")
        elif not isinstance(node, ast.Import | ast.ImportFrom) and not (
            place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            reasons.append(
                f"line {node.lineno}: a skill holds imports, constants and functions, nothing that"
                " runs when it is imported"
            )
    if [node.name for node in public] != [candidate.function]:
        reasons.append(
            f"the code defines {_list([node.name for node in public])}: a skill has one public"
            f" function, {candidate.function}; begin helpers' names with _"
        )
        return reasons
    return reasons + _signature(public[0], [slot.name for slot in candidate.template.slots])


def _signature(function: ast.FunctionDef, slots: list[str]) -> list[str]:
    reasons = []
    if not ast.get_docstring(function):
        reasons.append(f"{function.name} needs a docstring that says what it does")
    if function.decorator_list:
        reasons.append(f"{function.name} has a decorator: a skill's function stands plain")
    args = function.args
    if args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs:
        reasons.append(f"{function.name} takes plain parameters only: no *, ** or /")
    names = [arg.arg for arg in args.args]
    if sorted(names) != sorted(slots):
        reasons.append(
            f"{function.name} takes {_list(names)} and the template's slots are {_list(slots)}:"
            " they must be the same"
        )
    bare = [arg.arg for arg in args.args if arg.annotation is None]
    if bare:
        reasons.append(f"{function.name}: annotate {_list(bare)} with a type")
    return reasons


def _imports(tree: ast.Module, allowed: Sequence[str]) -> list[str]:
    reasons = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        plain = isinstance(node, ast.Import)
        for module in modules:
            if module in allowed or (module in ("page", "library") and not plain):
                continue
            reasons.append(
                f"line {node.lineno}: imports {module}: a skill may import from page and from"
                f" library by name, and {', '.join(allowed)}"
            )
        names = [alias.name for alias in node.names]
        if "*" in names:
            reasons.append(f"line {node.lineno}: imports *: name what is used")
        elif modules == ["page"] and not plain:
            wrong = [name for name in names if name not in PAGE_NAMES]
            if wrong:
                reasons.append(
                    f"line {node.lineno}: page has no {_list(wrong)}; there are"
                    f" {', '.join(sorted(PAGE_NAMES))}"
                )
    return reasons


def _reach(tree: ast.Module, reaching: Set[str]) -> list[str]:
    """Ways out of the program by name: dunders, private attributes, built-ins that reach."""
    reasons = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.ClassDef | ast.Global):
            reasons.append(f"line {node.lineno}: a skill is made of plain functions")
        elif isinstance(node, ast.Name):
            if node.id in reaching or (node.id.startswith("__") and node.id.endswith("__")):
                reasons.append(f"line {node.lineno}: {node.id} is not allowed in a skill")
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("_") or node.attr in ("sys", "os", "builtins", "modules"):
                reasons.append(f"line {node.lineno}: .{node.attr} is not allowed in a skill")
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"__\w+__", node.value)
        ):
            reasons.append(f"line {node.lineno}: a text with __names__ is not allowed in a skill")
    return reasons


def _loops(tree: ast.Module) -> list[str]:
    return [
        f"line {node.lineno}: `while {ast.unparse(node.test)}` has no way out: loop over a range,"
        " or break"
        for node in ast.walk(tree)
        if isinstance(node, ast.While) and _always(node.test) and not any(_exits(node.body))
    ]


def _always(test: ast.expr) -> bool:
    try:
        return bool(ast.literal_eval(test))
    except (ValueError, TypeError, SyntaxError):
        return False


def _exits(body: list[ast.stmt], own: bool = True) -> Iterator[ast.stmt]:
    """Statements that leave the loop: its own break, or a return or raise anywhere inside."""
    for node in body:
        if isinstance(node, ast.Return | ast.Raise) or (own and isinstance(node, ast.Break)):
            yield node
        elif not isinstance(node, ast.FunctionDef):
            inner = own and not isinstance(node, ast.While | ast.For)
            for part in ("body", "orelse", "finalbody"):
                yield from _exits(getattr(node, part, []), inner)
            for handler in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
                yield from _exits(handler.body, inner)


def _constant(value: ast.expr | None) -> bool:
    if value is None:
        return True
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _list(names: list[str]) -> str:
    return ", ".join(names) if names else "nothing"
