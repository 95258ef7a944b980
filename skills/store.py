"""The library on disk: one event log and one folder a version. The single truth, append-only.

    events.jsonl               a synced line is the commit
    versions/<name>/<n>/       written, synced and renamed into place before its event
    refused/<name>-<digest>/   files of an adapter that was not admitted; never served
    skills/<name>/             derived: a copy of the current version's Agent Skills folder

A crash between folder and event leaves a folder that no event names: it is never served, and its
number is not used again. A folder that was changed by hand is not served either; the rest is.
Covered: kill at any instruction, full disk, several processes (a file lock per write). Not covered:
file systems without locks or without atomic rename.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from . import LibraryCorrupt, LibraryReadOnly, SkillError, SkillNotFound
from .adapter import AdapterCandidate, GateReport, Refused
from .events import Event, EventLog, sync_folder
from .folder import (
    free_folder,
    keep_files,
    listing,
    read_folder,
    read_gate,
    read_trials,
    write_folder,
)
from .ledger import Ledger
from .publish import publish
from .records import Rejected, trial_evidence, version_record
from .skill import Evidence, Gates, Skill, SkillVersion, Status, TrialReport
from .status import status_of

PATIENCE = 60.0
"""Seconds to wait for another writer."""

_Signature = dict[str, tuple[int, int, int, int]]


class SkillStore:
    """Reads from any thread; writes inside `with store.writing():` only."""

    def __init__(self, root: Path, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self.versions = root / "versions"
        self.log = EventLog(root / "events.jsonl")
        self._ledger = Ledger()
        self._guard = threading.RLock()
        self._loaded: dict[Path, tuple[_Signature, SkillVersion | LibraryCorrupt]] = {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the library's lock, with every event read. Raises LibraryReadOnly, SkillError."""
        if self.read_only:
            raise LibraryReadOnly(
                f"the library {self.root} is open for reading only: open it without read_only=True"
            )
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True, exist_ok=True)
                sync_folder(self.root.parent)
            lock = FileLock(self.root / ".lock", timeout=PATIENCE)
            lock.acquire(poll_interval=0.01)
        except Timeout as error:
            raise SkillError(
                f"another process has held {self.root / '.lock'} for {PATIENCE:.0f} s: end it first"
            ) from error
        except OSError as error:
            raise SkillError(f"the library {self.root} cannot be written: {error}") from error
        try:
            yield
        finally:
            lock.release()

    def ledger(self) -> Ledger:
        """What all events so far add up to. Raises LibraryCorrupt."""
        with self._guard:
            anew, events = self.log.read()
            if anew:
                self._ledger = Ledger()
            for event in events:
                self._ledger.apply(event)
            return self._ledger

    def digest(self) -> str:
        """sha256 over the log."""
        with self._guard:
            self.ledger()
            return self.log.digest

    def names(self) -> list[str]:
        """Every name ever admitted."""
        with self._guard:
            return sorted(self.ledger().entries)

    def skill(self, name: str, gates: Gates, version: int | None = None) -> Skill:
        """A name as it stands, at its current or the given version. Raises SkillNotFound.

        The code of a quarantined one is empty: what its folder holds is not what was admitted.
        """
        entry = self.ledger().entries.get(name)
        if entry is None:
            raise SkillNotFound(f"there is no skill {name!r} in {self.root}")
        number = entry.current if version is None else version
        if number not in entry.versions:
            held = ", ".join(map(str, entry.versions))
            raise SkillNotFound(f"skill {name!r} has no version {number}: there are {held}")
        evidence = tuple(entry.versions[number].evidence)
        try:
            current = self.load(name, number)
            status = status_of(evidence, gates, current.adapter)
        except LibraryCorrupt:
            current, status = entry.versions[number].about, Status.QUARANTINED
        if entry.retired:
            status = Status.RETIRED
        return Skill(name, current, status, tuple(sorted(entry.versions)), evidence)

    def load(self, name: str, version: int) -> SkillVersion:
        """A version whose files are as admitted. Raises LibraryCorrupt."""
        place = self.folder(name, version)
        try:
            state = listing(place)
        except OSError:
            state = {}
        with self._guard:
            held = self._loaded.get(place)
            if held is None or held[0] != state:
                files = self.ledger().entries[name].versions[version].files
                try:
                    held = (state, read_folder(place, files))
                except LibraryCorrupt as error:
                    held = (state, error)
                self._loaded[place] = held
        if isinstance(held[1], LibraryCorrupt):
            raise LibraryCorrupt(str(held[1]))
        return held[1]

    def folder(self, name: str, version: int) -> Path:
        """Where a version's folder stands."""
        return self.versions / name / str(version)

    def trials(self, name: str, version: int) -> TrialReport:
        """What admitted a program. Raises LibraryCorrupt, SkillError for an adapter."""
        if self.load(name, version).adapter is not None:
            raise SkillError(f"{name} is an adapter: it has an exam and no trials")
        return read_trials(self.folder(name, version))

    def gate_report(self, name: str, version: int) -> GateReport:
        """What admitted an adapter. Raises LibraryCorrupt, SkillError for a program."""
        if self.load(name, version).adapter is None:
            raise SkillError(f"{name} is a program: it has trials and no exam of an adapter")
        return read_gate(self.folder(name, version))

    def rejected(self) -> list[Rejected]:
        """Every candidate that was not admitted, oldest first."""
        with self._guard:
            return list(self.ledger().rejected)

    def refused(self) -> list[Refused]:
        """Every adapter that was not admitted, oldest first."""
        with self._guard:
            return list(self.ledger().refused)

    def free_version(self, name: str) -> int:
        """A number that neither an event nor a left-over folder uses."""
        entry = self.ledger().entries.get(name)
        place = self.versions / name
        left = [item.name for item in place.iterdir()] if place.is_dir() else []
        found = [int(item) for item in left if item.isdigit()]
        return max([*found, *(entry.versions if entry else ())], default=0) + 1

    def add(
        self,
        version: SkillVersion,
        report: TrialReport | GateReport,
        digest: str,
        adapter: AdapterCandidate | None = None,
    ) -> SkillVersion:
        """Write a version's folder, then its event with its trials as evidence; then it exists.

        The files of an adapter are copied. Raises SkillError where they have changed since.
        """
        place = self.folder(version.name, version.version)
        with _said(place):
            final, files = write_folder(place, version, report, adapter)
        evidence = trial_evidence(final.name, final.version, report, final.created)
        event = {
            "event": "admitted",
            "about": version_record(final),
            "files": files,
            "digest": digest,
            "evidence": [asdict(item) for item in evidence],
        }
        self.append([event])
        return final

    def refuse(
        self, candidate: AdapterCandidate, report: GateReport | None, reasons: Sequence[str]
    ) -> None:
        """Keep that an adapter was not admitted, with its files under `refused/`."""
        name = f"{candidate.name}-{candidate.digest[:12]}"
        place = free_folder(self.root / "refused", name)
        with _said(place):
            files = keep_files(place, candidate.folder, candidate.files)
        refused = Refused(
            candidate.name, candidate.description, candidate.about, candidate.digest,
            tuple(reasons), report, place.name, files, time.time(),
        )  # fmt: skip
        self.append([{"event": "refused", **asdict(refused)}])

    def record(self, evidence: Sequence[Evidence]) -> None:
        """Append outcomes of known versions, as one event. Raises SkillNotFound."""
        entries = self.ledger().entries
        for item in evidence:
            if item.name not in entries or item.version not in entries[item.name].versions:
                raise SkillNotFound(f"there is no skill {item.name!r} version {item.version}")
        self.append([{"event": "outcome", "evidence": [asdict(item) for item in evidence]}])

    def append(self, events: Sequence[Event]) -> None:
        """Commit events; they are synced to the disk when this returns."""
        with self._guard:
            self.ledger()
            self.log.append([{"at": time.time(), **event} for event in events])
            self.ledger()
        publish(self)


@contextmanager
def _said(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SkillError(
            f"{place} could not be written ({error}): free some space or check its permissions;"
            " nothing in the library was changed"
        ) from error
