"""The sandbox contract: what goes in, what comes back, and what a page looks like from outside."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of them."""

Serve = Callable[[str, dict[str, Json]], Awaitable[Json]]
"""Answers one primitive call made by code inside: `await serve(primitive, args)`.

Raises `PrimitiveFailed`, `PrimitiveRefused` or `EpisodeOver`; code inside then sees
`PageError(message)` raised by the call. Any other exception aborts the run.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. All enforced by the host or the kernel, never by the code inside."""

    seconds: float = 30.0
    memory_mb: int = 256
    processes: int = 16
    output_bytes: int = 64_000
    """Standard output and error kept; more than this ends the run."""
    file_mb: int = 16
    calls: int = 200
    """Primitive calls a run may make."""


@dataclass(frozen=True, slots=True)
class Result:
    """What running one piece of code gave. A failed action is a value."""

    exit_code: int
    output: str = ""
    error: str | None = None
    """One sentence fit for a model or a person: what went wrong and at which line."""
    timed_out: bool = False
    value: Json = None
    called: tuple[str, ...] = ()
    """Names of the library functions that were called."""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class Sandbox(Protocol):
    """A place where code runs with no network, no host files and bounded resources."""

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits = Limits(),
    ) -> Result:
        """Run Python source in a fresh interpreter state.

        `library` maps a module-level function name to the source of the skill that defines it:
        `from library import log_in` works inside for each key. Only `serve` reaches outside.
        """
        ...

    async def close(self) -> None:
        """End every process of this sandbox."""
        ...


@dataclass(frozen=True, slots=True)
class Element:
    """Something in view that a person could act on."""

    role: str
    name: str
    nth: int = 0
    """Position among those in view with equal role and name, from 0."""
    value: str = ""
    checked: bool | None = None
    """None where it cannot be checked; also tells selected and expanded tabs."""
    disabled: bool = False
    options: tuple[str, ...] = ()
    """What a list box offers."""
    row: tuple[str, ...] = ()
    """Texts of the repeated item (table row, list entry, card) that holds it; may be empty."""
    kind: str = ""
    """What marks elements made alike (a class or tag), to count or number them."""
    index: int = 0
    """Position among those in view with equal role and kind, from 0."""
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, top, width, height in CSS pixels."""
    actions: tuple[str, ...] = ("click",)
    """Primitives that apply: click, fill, check, select."""


@dataclass(frozen=True, slots=True)
class View:
    """A page as the agent may see it."""

    url: str
    title: str
    elements: tuple[Element, ...]
    text: str = ""
    """Visible text, shortened."""


def view_to_json(view: View) -> str:
    """Write a view as one line of JSON."""
    return json.dumps(asdict(view), ensure_ascii=False, separators=(",", ":"))


def view_from_json(text: str) -> View:
    """Read back what `view_to_json` wrote. Raises ValueError on anything else."""
    try:
        data = json.loads(text)
        return View(**{**data, "elements": tuple(map(_element, data["elements"]))})
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a view: {error}") from error


def _element(data: dict[str, Any]) -> Element:
    tuples = {key: tuple(data.get(key, ())) for key in ("options", "row", "box", "actions")}
    return Element(**{**data, **tuples})
