"""Prompts are template files; a name that a template misses is an error, never an empty text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "prompts"),
        undefined=StrictUndefined,
        keep_trailing_newline=False,
        # Prompts are plain text for a model; escaping would change what a page says.
        autoescape=False,
    )


def render(name: str, **values: Any) -> str:
    """Fill the prompt template `name`."""
    return _environment().get_template(f"{name}.j2").render(**values)
