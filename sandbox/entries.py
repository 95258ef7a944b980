"""What lies in a work area, as values: told by a runner and checked, or of a snapshot.

Covered: paths that leave the area, entries of odd shape, a tree that cannot be. Not covered:
whether contents are what was told, which `files.py` sees to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from . import StateUnknown
from .base import Json, Snapshot

PATH = 1000

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the work area, as the runner tells it."""

    path: str
    kind: Kind
    executable: bool
    size: int
    told: str
    """A file's sha256, a link's target, why anything else cannot be kept."""


def refuse_path(path: str) -> str | None:
    """Say why a path may not name a file of a work area, or None."""
    parts = path.split("/")
    if not path or len(path) > PATH or path.startswith("/") or "\\" in path:
        return "a path is relative, of at most 1000 characters, and has no backslash"
    if any(part in ("", ".", "..") or len(part) > 200 for part in parts):
        return "no part of a path is empty, a dot, two dots or longer than 200 characters"
    if not path.isprintable():
        return "a path has no control characters"
    return None


def entries_of(snapshot: Snapshot) -> list[Entry]:
    """What a survey of the snapshot's state tells, parents first."""
    files = [
        Entry(path, "file", f.executable, len(f.data), hashlib.sha256(f.data).hexdigest())
        for path, f in snapshot.files.items()
    ]
    folders = [Entry(path, "folder", False, 0, "") for path in snapshot.folders]
    links = [Entry(path, "link", False, 0, target) for path, target in snapshot.links.items()]
    return sorted([*files, *folders, *links], key=lambda entry: entry.path.split("/"))


def folders_of(paths: Iterable[str]) -> set[str]:
    """The folders on the way to some paths."""
    return {parent for path in paths for parent in parents(path)}


def digest_of(entries: list[Entry] | tuple[Entry, ...]) -> str:
    """sha256 over paths, kinds, modes and contents."""
    lines = sorted([e.path, e.kind, e.executable, e.size, e.told] for e in entries)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def entry_of(told: Json) -> Entry:
    match told:
        case [str(path), "file" | "folder" | "link" | "other" as kind, bool(runs), size, str(more)]:
            named = kind == "other" or refuse_path(path) is None
            if named and type(size) is int and 0 <= size < 1 << 40 and len(more) <= 1000:
                return Entry(path[:PATH], kind, runs, size, more)
    raise StateUnknown("the sandbox's runner told of a file in an odd way")


def consistent(entries: list[Entry]) -> tuple[Entry, ...]:
    """The entries, when no path is told twice and only folders hold others."""
    kinds = {entry.path: entry.kind for entry in entries if entry.kind != "other"}
    named = [entry.path for entry in entries if entry.kind != "other"]
    if len(kinds) < len(named) or any(
        kinds.get(parent) != "folder" for path in named for parent in parents(path)
    ):
        raise StateUnknown("the sandbox's runner told of files that cannot all be there")
    return tuple(entries)


def parents(path: str) -> list[str]:
    """The folders on the way to a path, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


EMPTY = Snapshot({}, frozenset(), {}, digest_of([]))
