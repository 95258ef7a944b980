"""The derived folder `skills/`: a plain Agent Skills directory with the current versions.

Made from the store after every write, and whole again after the next one if this process is killed
in the middle. Nothing here is read by Journeyman.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import LibraryCorrupt
from .folder import BESIDE

if TYPE_CHECKING:
    from .ledger import Ledger
    from .skill import SkillVersion

STATE = ".published.json"


class Versions(Protocol):
    """What is published: a store of versions."""

    root: Path

    def ledger(self) -> Ledger: ...
    def folder(self, name: str, version: int) -> Path: ...
    def load(self, name: str, version: int) -> SkillVersion: ...


def publish(store: Versions, force: bool = False) -> None:
    """Bring `skills/` up to the store. A failure is left to the next write: it is only a copy."""
    with contextlib.suppress(OSError):
        _publish(store, store.root / "skills", force)


def outdated(store: Versions) -> list[str]:
    """Names whose copy in `skills/` is missing, different, or should not be there."""
    target = store.root / "skills"
    wanted = _wanted(store)
    names = wanted.keys() | {item.name for item in _folders(target)}
    return sorted(
        name
        for name in names
        if name not in wanted or _contents(target / name) != _contents(wanted[name])
    )


def _publish(store: Versions, target: Path, force: bool) -> None:
    shape = store.ledger().shape
    held = _state(target)
    if held.get("shape") == shape and not force:
        return
    wanted = {name: str(source) for name, source in _wanted(store).items()}
    done = {} if force else held.get("sources", {})
    kept = {name: source for name, source in wanted.items() if done.get(name) == source}
    target.mkdir(parents=True, exist_ok=True)
    # First say which copies stay: a kill from here on must not leave a changed one listed.
    _save_state(target, {"shape": 0, "sources": kept})
    for item in _folders(target, all_of_them=True):
        if item.name not in kept:
            shutil.rmtree(item)
    for name, source in wanted.items():
        if not (target / name).exists():
            beside = target / f"{BESIDE}{name}"
            shutil.copytree(source, beside, ignore=shutil.ignore_patterns("__pycache__"))
            os.rename(beside, target / name)
    _save_state(target, {"shape": shape, "sources": wanted})


def _wanted(store: Versions) -> dict[str, Path]:
    """Name -> the folder to copy, of every skill that may be served."""
    found = {}
    for name, entry in store.ledger().entries.items():
        if entry.retired:
            continue
        try:
            store.load(name, entry.current)
        except LibraryCorrupt:
            continue
        found[name] = store.folder(name, entry.current) / name
    return found


def _folders(target: Path, all_of_them: bool = False) -> list[Path]:
    if not target.is_dir():
        return []
    folders = [item for item in target.iterdir() if item.is_dir()]
    return [item for item in folders if all_of_them or not item.name.startswith(BESIDE)]


def _contents(folder: Path) -> dict[str, bytes]:
    files = (item for item in folder.rglob("*") if item.is_file())
    return {
        str(item.relative_to(folder)): item.read_bytes()
        for item in files
        if "__pycache__" not in item.parts
    }


def _save_state(target: Path, state: dict[str, object]) -> None:
    beside = target / f".{STATE}.{os.getpid()}"
    beside.write_text(json.dumps(state), encoding="utf-8")
    os.replace(beside, target / STATE)


def _state(target: Path) -> dict[str, Any]:
    try:
        state = json.loads((target / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
