"""The public face: what it lists is there, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys

import journeyman

HEAVY = {"torch", "chromadb", "playwright", "transformers", "litellm", "langgraph", "xllamacpp"}


def test_every_listed_name_is_there_and_nothing_else_is_public() -> None:
    listed = set(journeyman.__all__)
    for name in listed:
        assert getattr(journeyman, name) is not None
    assert listed <= set(dir(journeyman))
    ours = {
        name
        for name, value in vars(journeyman).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("journeyman")
    }
    assert ours <= listed


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(journeyman, "no_such_thing")


def loaded_by(code: str) -> set[str]:
    """Top-level modules in memory after running `code` in a fresh process."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import journeyman") & HEAVY


def test_the_listed_names_load_nothing_heavy() -> None:
    assert not loaded_by("from journeyman import *") & HEAVY


def test_the_command_line_starts_without_anything_heavy() -> None:
    assert not loaded_by("import journeyman.agent.cli") & HEAVY
