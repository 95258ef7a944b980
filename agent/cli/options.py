"""What several commands take, and the settings that come of it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import Refused

if TYPE_CHECKING:
    from ..config import Settings

Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="local/… or any litellm name, such as gpt-4o."),
]
Workspace = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="FOLDER", help="Where library, memory and runs are kept."),
]
SuiteName = Annotated[
    str, typer.Option("--suite", metavar="NAME", help="Where the tasks come from.")
]
Families = Annotated[
    str,
    typer.Option("--families", metavar="A,B", help="Families of the suite; all when not given."),
]

MOST_SEEDS = 10_000


@dataclass(frozen=True, slots=True)
class Common:
    """Options given before the command's name."""

    model: str | None = None
    workspace: Path | None = None


def settings_of(
    context: typer.Context,
    model: str | None = None,
    workspace: Path | None = None,
    default: Path | None = None,
    **more: Any,
) -> Settings:
    """The settings with what the command line says; a command's own option wins.

    `default` is the workspace where neither the command line nor the settings name one. `more`
    holds dotted keys with two underscores for the dot. Raises ConfigError.
    """
    from ..config import Settings, load_settings

    common = context.find_object(Common) or Common()
    given: dict[str, Any] = {key.replace("__", "."): value for key, value in more.items()}
    given |= {"model.name": model or common.model, "workspace": workspace or common.workspace}
    given = {key: value for key, value in given.items() if value is not None}
    settings = load_settings(given=given)
    if default is not None and settings.workspace == Settings().workspace:
        settings = load_settings(given={**given, "workspace": default})
    folder = settings.workspace
    if folder.exists() and not folder.is_dir():
        raise Refused(f"the workspace {folder} is a file: name a folder with --workspace")
    return settings


def seeds_of(text: str) -> tuple[int, ...]:
    """`7`, `10000-10002` or `1,4,8-9`. Raises Refused."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise Refused(f"--seeds is a number or a range such as 10000-10002, not {part!r}")
        if last - first + len(seeds) >= MOST_SEEDS:
            raise Refused(f"--seeds {text} names more than {MOST_SEEDS} seeds: name fewer")
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


def near(word: str, known: list[str], what: str) -> str:
    """`no family is called 'x'; did you mean a, b?`: the start of a refusal."""
    close = difflib.get_close_matches(word, known, 3, 0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"there is {_some(known)}"
    return f"no {what} is called {word!r}; {hint}" if known else f"no {what} is called {word!r}"


def _some(known: list[str]) -> str:
    return ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
