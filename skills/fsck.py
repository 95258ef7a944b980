"""Looks over the library on disk, and mends what can be mended without losing anything."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import LibraryCorrupt, SkillError
from .adapter import file_digest
from .events import Event
from .folder import BESIDE, free_folder
from .ledger import Ledger
from .publish import outdated, publish
from .store import SkillStore


def fsck(store: SkillStore, mend: bool = False) -> list[str]:
    """What is wrong, as sentences. With `mend`: torn and unreadable lines are cut from the log (the
    old one is kept), left-over folders are moved to `orphans/`, and `skills/` is made anew.

    Without `mend` nothing is locked, and what another process is writing now may be reported.
    """
    if not mend:
        return _look(store, mend=False)
    with store.writing():
        try:
            return _look(store, mend=True)
        except OSError as error:
            raise SkillError(f"the library {store.root} cannot be mended: {error}") from error


def _look(store: SkillStore, mend: bool) -> list[str]:
    found = _log(store, mend)
    try:
        ledger = store.ledger()
    except LibraryCorrupt as error:
        # Without the log nothing says which folder belongs.
        return [*found, str(error)]
    found += _folders(store, ledger, mend) + _refused(store, ledger, mend)
    for name, entry in sorted(ledger.entries.items()):
        for version in sorted(entry.versions):
            try:
                store.load(name, version)
            except LibraryCorrupt as error:
                current = " (current: quarantined)" if version == entry.current else ""
                found.append(f"{error}{current}")
    found += [f"skills/{name} is not a copy of what is current" for name in outdated(store)]
    if mend:
        publish(store, force=True)
    return found


def _log(store: SkillStore, mend: bool) -> list[str]:
    found = []
    damaged = store.log.damaged(_sound)
    if damaged:
        lines = ", ".join(map(str, damaged))
        found.append(f"{store.log.path} is damaged in line {lines}: no event can be read there")
    if store.log.torn():
        found.append(
            f"{store.log.path} ends in the middle of a line: a writer was killed before it was done"
        )
    if mend and found:
        store.log.mend(_sound)
    return found


def _sound(event: Event) -> bool:
    try:
        Ledger().apply(event)
    except LibraryCorrupt:
        return False
    return True


def _folders(store: SkillStore, ledger: Ledger, mend: bool) -> list[str]:
    found = []
    for place in sorted(store.versions.glob("*/*")) if store.versions.is_dir() else []:
        name, version = place.parent.name, place.name
        if version.startswith(BESIDE):
            found.append(f"{place} is unfinished: a writer was killed before it was done")
            if mend:
                shutil.rmtree(place)
            continue
        entry = ledger.entries.get(name)
        if entry and version.isdigit() and int(version) in entry.versions:
            continue
        found.append(f"{place} belongs to no event: it was never admitted and is not served")
        if mend:
            _move(place, store.root / "orphans" / f"{name}-{version}")
    return found


def _refused(store: SkillStore, ledger: Ledger, mend: bool) -> list[str]:
    found = []
    known = {item.folder: item for item in ledger.refused}
    parent = store.root / "refused"
    for place in sorted(parent.iterdir()) if parent.is_dir() else []:
        if place.name.startswith(BESIDE):
            found.append(f"{place} is unfinished: a writer was killed before it was done")
            if mend:
                shutil.rmtree(place)
        elif place.name not in known:
            found.append(f"{place} is of no refusal: a writer was killed before it was done")
            if mend:
                _move(place, store.root / "orphans" / place.name)
    for name, item in known.items():
        # One that is gone was deleted to free space: it served nobody.
        held = {file: parent / name / file for file in item.files if (parent / name).is_dir()}
        if any(not path.is_file() or file_digest(path) != item.files[file]
               for file, path in held.items()):  # fmt: skip
            found.append(f"{parent / name} is not as it was refused (it is not served anyway)")
    return found


def _move(place: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    place.rename(free_folder(target.parent, target.name))
