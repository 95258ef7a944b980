"""The sandbox contract: what goes in, what comes back, and what a page looks like from outside."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from . import PrimitiveRefused

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of them."""

Serve = Callable[[str, dict[str, Json]], Awaitable[Json]]
"""Answers one primitive call made by code inside: `await serve(primitive, args)`.

Raises `PrimitiveFailed`, `PrimitiveRefused` or `EpisodeOver`; code inside then sees
`PageError(message)` raised by the call. Any other exception aborts the run.
"""


async def no_page(primitive: str, args: dict[str, Json]) -> Json:
    """Serves a run that has no page: every call is refused."""
    raise PrimitiveRefused("there is no page here")


Backend = Literal["auto", "bubblewrap", "docker", "landlock"]
"""What may be asked to isolate code; `choice.py` says what `auto` is."""


class Capability(StrEnum):
    """What a backend can hold beyond the least that each must; `conformance.py` tests each."""

    HIDES_PROCESSES = "processes of the host do not exist inside"
    HIDES_FILES = "files of the host do not exist inside, rather than being refused"
    BOUNDS_SPACE = "the kernel bounds the size of all files together"
    COMMANDS = "programs of the system can be run"


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


@dataclass(frozen=True, slots=True)
class File:
    """A file's content, and whether it may be run as a program."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """The files that came out of a sandbox. Paths are relative, with `/`, and name no parent."""

    files: Mapping[str, File]
    left_out: Mapping[str, str]
    """Path -> why it did not come: a link, a device, too large, an odd name."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that lies in a sandbox's work area at one moment."""

    files: Mapping[str, File]
    folders: frozenset[str]
    links: Mapping[str, str]
    """Path -> target, which means something inside only."""
    digest: str
    """sha256 over paths, kinds, modes and contents."""


class Runs(Protocol):
    """What runs Python source."""

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


class Sandbox(Runs, Protocol):
    """A place where code runs with no network, no host files and bounded resources.

    Files lie in its work area, where code starts; they stay from run to run, until a run has to be
    ended with the whole sandbox. No process stays.
    """

    losses: int
    """How often the files were lost in that way."""

    async def execute(self, command: Sequence[str], *, limits: Limits = Limits()) -> Result:
        """Run a program with its arguments in the work area; no shell unless it is named."""
        ...

    async def put(self, files: Mapping[str, bytes | File]) -> None:
        """Write files into the work area. Raises ValueError for a path that leaves it."""
        ...

    async def export(self) -> Export:
        """The files of the work area. Nothing runs inside meanwhile."""
        ...

    async def snapshot(self) -> Snapshot:
        """Keep the work area as it is now. Raises `StateUnknown` where it cannot be."""
        ...

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring the work area back, proved by digest. Raises `StateUnknown` when it is not."""
        ...

    async def close(self) -> None:
        """End every process of this sandbox; its files go with it."""
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
