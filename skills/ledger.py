"""What the events add up to: names, versions, evidence. A pure fold, no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import LibraryCorrupt
from .adapter import Refused
from .events import Event
from .records import Rejected, refused_from, rejected_from, version_from
from .skill import Evidence, SkillVersion


@dataclass(slots=True)
class Admitted:
    """One admitted version as its event tells it, without its code."""

    about: SkillVersion
    files: dict[str, str]
    """Relative path -> sha256."""
    digest: str
    """The candidate's digest."""
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A name with its versions."""

    current: int
    versions: dict[int, Admitted] = field(default_factory=dict)
    retired: bool = False


@dataclass(slots=True)
class Ledger:
    """The state after some events. `apply` is the only way it changes."""

    entries: dict[str, Entry] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    """Adapters that were not admitted."""
    shape: int = 0
    """Number of the last event that changed what is current."""

    def apply(self, event: Event) -> None:
        """Take one event in. Raises LibraryCorrupt when it is incomplete.

        Passed over: kinds it does not know, and events about a version it does not know (its
        admission was damaged and dropped by `fsck`).
        """
        try:
            self._apply(event)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise LibraryCorrupt(
                f"event {event['n']} ({event['event']}) of the library's log is not complete"
                f" ({error!r}): restore events.jsonl from a copy"
            ) from error

    def _apply(self, event: Event) -> None:
        kind = event["event"]
        if kind == "admitted":
            self._admitted(event)
        elif kind == "outcome":
            self._outcomes(event["evidence"])
        elif kind == "rejected":
            self.rejected.append(rejected_from(event))
        elif kind == "refused":
            self.refused.append(refused_from(event))
        elif kind == "rolled_back":
            entry = self.entries.get(event["name"])
            if entry and event["version"] in entry.versions:
                entry.current, entry.retired = event["version"], False
        elif kind == "retired" and event["name"] in self.entries:
            self.entries[event["name"]].retired = True
        if kind in ("admitted", "rolled_back", "retired"):
            self.shape = event["n"]

    def _admitted(self, event: Event) -> None:
        about = version_from(event["about"], code="")
        entry = self.entries.setdefault(about.name, Entry(about.version))
        entry.versions[about.version] = Admitted(about, event["files"], event["digest"])
        entry.current, entry.retired = about.version, False
        self._outcomes(event["evidence"])

    def _outcomes(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            evidence = Evidence(**record)
            entry = self.entries.get(evidence.name)
            if entry and evidence.version in entry.versions:
                entry.versions[evidence.version].evidence.append(evidence)
