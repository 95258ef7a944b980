"""Manifests: the least that a program needs, and what of a program is beyond its manifest.

A manifest bounds all that happens in one call of the skill, the skills it calls included: it runs
alone in its sandbox, so the host knows whose calls it serves without asking what is inside.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from ..sandbox.bounds import DATA, DataClass, handled
from ..sandbox.policy import origin_of
from ..sandbox.primitives import PRIMITIVES
from ..sandbox.secrets import PLACEHOLDER
from .moves import Move
from .skill import Candidate, Condition, Manifest, function_name

Tools = Callable[[Manifest], Mapping[str, str]]
"""The functions and sources of the skills that a manifest names, and of those they name."""


def no_tools(manifest: Manifest) -> Mapping[str, str]:
    """For a room without a library."""
    return {}


def least(
    code: str,
    begun: Iterable[str],
    moves: Iterable[Move],
    pre: tuple[Condition, ...] = (),
    post: tuple[Condition, ...] = (),
) -> Manifest:
    """What the code names, and what its sources used: where they began and were, and which data."""
    tree = _parsed(code)
    primitives = tuple(name for name in PRIMITIVES if name in _used(tree, "page"))
    done = list(moves)
    urls = [*begun, *(move.before.url for move in done)]
    classes = [_needed(tree, primitives), *(handled(move.primitive, move.args) for move in done)]
    return Manifest(
        origins=tuple(sorted({origin(url) for url in urls if origin_of(url) is not None})),
        primitives=primitives,
        pre=pre,
        post=post,
        tools=tuple(sorted(name.replace("_", "-") for name in _used(tree, "library"))),
        data=max(classes, key=DATA.index),
    )


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def imported(code: str) -> tuple[str, ...]:
    """The functions that the code uses of the library, sorted."""
    return tuple(sorted(_used(_parsed(code), "library")))


def manifest_refusals(tree: ast.Module, candidate: Candidate) -> list[str]:
    """What the code uses and the manifest does not name, and what it names that is not there."""
    manifest = candidate.manifest
    reasons = []
    unknown = [name for name in manifest.primitives if name not in PRIMITIVES]
    if unknown:
        reasons.append(f"the manifest names unknown primitives: {', '.join(unknown)}")
    beyond = sorted(_used(tree, "page") & PRIMITIVES.keys() - set(manifest.primitives))
    if beyond:
        reasons.append(f"the code uses {', '.join(beyond)}, which the manifest does not name")
    tools = _used(tree, "library") - {function_name(name) for name in manifest.tools}
    if tools:
        reasons.append(
            f"the code calls {', '.join(sorted(tools))} of the library, which the manifest does not"
            " name among its tools"
        )
    if manifest.data not in DATA:
        return [*reasons, f"the manifest's data is {manifest.data!r}: it is {', '.join(DATA)}"]
    needed = _needed(tree, manifest.primitives)
    if DATA.index(needed) > DATA.index(manifest.data):
        reasons.append(f"the code handles {needed} data and the manifest allows {manifest.data}")
    return reasons


def _used(tree: ast.Module, module: str) -> set[str]:
    """The names imported from a module that the code uses."""
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {name for alias, name in imported.items() if alias in names}


def _needed(tree: ast.Module, primitives: Iterable[str]) -> DataClass:
    """The class of data that the program handles, as far as its text tells."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    if any(isinstance(text, str) and PLACEHOLDER.search(text) for text in texts):
        return "secret"
    return max((handled(name, {}) for name in primitives), key=DATA.index, default="public")


def _parsed(code: str) -> ast.Module:
    """The code as a tree; an empty one where it is no Python, which `check` then says."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
