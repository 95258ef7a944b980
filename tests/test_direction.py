"""Which room may import which, and where a heavy import may stand: read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.sandbox import bubblewrap

ROOT = Path(__file__).parents[1]
ROOMS = ("agent", "skills", "memory", "sandbox")
BELOW = {
    "agent": {"skills", "memory", "sandbox"},
    "skills": {"memory", "sandbox"},
    "memory": set(),
    "sandbox": set(),
}
HOMES = {
    "litellm": {"agent/model.py"},
    "langgraph": {"agent/graph.py"},
    "langchain_core": set(),
    "chromadb": {"memory/vectors.py"},
    "playwright": {"sandbox/chromium.py"},
    "docker": {"sandbox/engine.py"},
    "xllamacpp": {"agent/llama.py"},
    "gguf": {"skills/lora/convert.py"},
    "torch": {"skills/lora/extras.py"},
    "transformers": {"skills/lora/extras.py"},
    "peft": {"skills/lora/extras.py"},
    "trl": set(),
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "dill": set(),
}
INSIDE = {name.removesuffix(".py") for name in bubblewrap.INSIDE} | {"boot"}
"""Modules of the sandbox room that are bound into the sandbox."""
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under `if TYPE_CHECKING:`, which run nowhere."""
    guards = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    )
    return {inner for guard in guards for child in guard.body for inner in ast.walk(child)}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names a file imports, relative ones resolved, and whether only for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unrun = typing_only(tree)
    package = ["journeyman", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in unrun
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{stem}.{alias.name}", node in unrun


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for name, _ in imports(path):
        first, _, rest = name.partition(".")
        assert first not in ROOMS, f"{name}: write journeyman.{name}, or a relative import"
        other = rest.partition(".")[0]
        if first == "journeyman" and other != room:
            assert other in BELOW[room], f"{room} does not know {other}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_heavy_or_unsafe_import_stays_in_its_home(path: Path) -> None:
    for name, only_typing in imports(path):
        allowed = HOMES.get(name.partition(".")[0])
        if allowed is not None and not only_typing:
            assert name_of(path) in allowed, f"{name} belongs in {sorted(allowed) or 'no file'}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_text_is_executed_in_this_process(path: Path) -> None:
    if name_of(path) == "sandbox/inside.py":
        return  # runs inside the sandbox only, as the next test sees to
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec"}, f"line {node.lineno}"


def test_only_what_runs_inside_imports_what_executes_text() -> None:
    for path in FILES:
        if name_of(path) not in ("sandbox/runner.py", "sandbox/child.py"):
            for name, _ in imports(path):
                assert not name.startswith("journeyman.sandbox.inside"), name_of(path)


@pytest.mark.parametrize("module", sorted(INSIDE | {"confine"}))
def test_what_runs_inside_needs_only_the_standard_library(module: str) -> None:
    for name, _ in imports(ROOT / "sandbox" / f"{module}.py"):
        first = name.partition(".")[0]
        if first == "journeyman":
            assert name.split(".")[2] in INSIDE, name
        else:
            assert first in sys.stdlib_module_names | INSIDE, name
