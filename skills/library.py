"""The library of skills: the only writer, and the only gate.

Everything else proposes. Writing runs in one thread of its own under the store's lock; reading is a
look at the log's cached sum and may be done from anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from ..memory.embed import Embedder, default_embedder
from ..sandbox.secrets import NO_SECRETS, Secrets
from . import SkillError
from .adapter import AdapterCandidate, AdapterGates, GateReport, Refused
from .admission import admit, admit_adapter
from .fsck import fsck
from .index import SkillIndex
from .records import Rejected
from .skill import Candidate, Evidence, Gates, Skill, SkillVersion, Status, TrialReport
from .status import USUAL
from .store import SkillStore

T = TypeVar("T")

USUAL_ADAPTER = AdapterGates()
SERVED = (Status.VERIFIED, Status.TRUSTED)
"""What `find` may return."""


class SkillLibrary:
    """Skills by name and by goal. Opened for reading only, it writes nothing at all."""

    def __init__(
        self,
        store: SkillStore,
        embedder: Embedder | None,
        gates: Gates,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self.store = store
        self.gates = gates
        self.secrets = secrets
        """Their values may stand in no skill."""
        self._embedder = embedder
        self._index: SkillIndex | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")

    @classmethod
    def open(
        cls,
        root: str | Path,
        embedder: Embedder | None = None,
        read_only: bool = False,
        gates: Gates = USUAL,
        secrets: Secrets = NO_SECRETS,
    ) -> SkillLibrary:
        """Open the library in `root`; a missing folder is an empty library.

        Without an embedder the default one is loaded at the first search.
        """
        return cls(SkillStore(Path(root), read_only), embedder, gates, secrets)

    @property
    def read_only(self) -> bool:
        return self.store.read_only

    async def admit(self, candidate: Candidate, report: TrialReport) -> SkillVersion:
        """Make the candidate a skill, or a new version of its parent's.

        A name that is taken gets -2, -3, ...; the function is renamed with it. Raises NotAdmitted
        with every reason, LibraryReadOnly, SkillError.
        """
        return await self._write(
            lambda: admit(self.store, candidate, report, self.gates, self.secrets)
        )

    async def admit_adapter(
        self, candidate: AdapterCandidate, report: GateReport, gates: AdapterGates = USUAL_ADAPTER
    ) -> SkillVersion:
        """Make the adapter a skill, or a new version of its parent's; its files are copied.

        Raises NotAdmitted with every reason, LibraryReadOnly, SkillError.
        """
        return await self._write(
            lambda: admit_adapter(self.store, candidate, report, gates, self.secrets)
        )

    async def refuse_adapter(
        self, candidate: AdapterCandidate, report: GateReport | None, reasons: Sequence[str]
    ) -> None:
        """Keep that an adapter was refused, with its files and its exam; it is never served."""
        await self._write(lambda: self.store.refuse(candidate, report, reasons))

    async def reject(
        self, candidate: Candidate, report: TrialReport | None, reasons: Sequence[str]
    ) -> None:
        """Keep that a candidate was refused, with its code and its trial."""
        event = {
            "event": "rejected",
            "candidate": asdict(candidate),
            "report": asdict(report) if report else None,
            "reasons": list(reasons),
        }
        # It may have been refused for a secret in it.
        hidden = self.secrets.hide_json(event) if self.secrets else event
        await self._write(lambda: self.store.append([hidden]))

    async def record(self, evidence: Evidence) -> None:
        """Keep an outcome of a version. Raises SkillNotFound."""
        await self.record_many([evidence])

    async def record_many(self, evidence: Sequence[Evidence]) -> None:
        """Keep outcomes, all or none. Raises SkillNotFound."""
        now = time.time()
        stamped = [item if item.at else replace(item, at=now) for item in evidence]
        if stamped:
            await self._write(lambda: self.store.record(stamped))

    async def rollback(self, name: str, version: int) -> Skill:
        """Make an earlier version current; a retired skill comes back. Raises LibraryCorrupt."""

        def work() -> Skill:
            # Looked at first: neither an unknown nor a damaged version may become current.
            self.get(name, version)
            event = {"event": "rolled_back", "name": name, "version": version}
            self.store.append([event])
            return self.get(name)

        return await self._write(work)

    async def retire(self, name: str) -> None:
        """Take a skill out of service; its folders and evidence stay. Raises SkillNotFound."""

        def work() -> None:
            self.store.skill(name, self.gates)
            self.store.append([{"event": "retired", "name": name}])

        await self._write(work)

    def skills(self, include_retired: bool = False) -> list[Skill]:
        """Every skill by name, programs and adapters, quarantined ones too (without code where it
        is not as admitted)."""
        found = [self.store.skill(name, self.gates) for name in self.store.names()]
        return [item for item in found if include_retired or item.status is not Status.RETIRED]

    def get(self, name: str, version: int | None = None) -> Skill:
        """One skill, at its current or the given version. Raises SkillNotFound, LibraryCorrupt."""
        skill = self.store.skill(name, self.gates, version)
        self.store.load(name, skill.current.version)
        return skill

    def rejected(self) -> list[Rejected]:
        """Every candidate that was refused, oldest first."""
        return self.store.rejected()

    def refused(self) -> list[Refused]:
        """Every adapter that was refused, oldest first."""
        return self.store.refused()

    def adapters(self, base: str = "") -> list[Skill]:
        """The adapters in service, of one base (sha256 of its weights) where it is given."""
        return [
            item
            for item in self.skills()
            if item.current.adapter is not None
            and item.status in SERVED
            and base in ("", item.current.adapter.base)
        ]

    def adapter_folder(self, name: str, version: int | None = None) -> Path:
        """Where an adapter's files are, as they were admitted. Raises SkillNotFound, SkillError."""
        current = self.get(name, version).current
        if current.adapter is None:
            raise SkillError(f"{name} is a program and has no weights")
        return self.store.folder(name, current.version) / name / "adapter"

    def gate_report(self, name: str, version: int | None = None) -> GateReport:
        """The exam that admitted an adapter. Raises SkillNotFound, SkillError."""
        return self.store.gate_report(name, self.get(name, version).current.version)

    async def embedder(self) -> Embedder:
        """What texts are compared with; the default one is loaded at first use."""
        if self._embedder is None:
            self._embedder = await asyncio.to_thread(default_embedder)
        return self._embedder

    def trials(self, name: str, version: int | None = None) -> TrialReport:
        """What admitted a version. Raises SkillNotFound, LibraryCorrupt."""
        return self.store.trials(name, self.get(name, version).current.version)

    def digest(self) -> str:
        """sha256 over the log: equal digests, equal libraries."""
        return self.store.digest()

    async def find(self, goal: str, k: int = 3) -> list[Skill]:
        """At most `k` programs in service that fit the goal best, best first."""
        return [skill for skill, _ in await self.ranked(goal, k)]

    async def ranked(self, goal: str, k: int = 3) -> list[tuple[Skill, float]]:
        """The same, each with a score of at most 1."""
        served = {
            item.name: item
            for item in self.skills()
            if item.status in SERVED and item.kind == "program"
        }
        if not served:
            return []
        idle = len(self.store.names()) - len(served)
        hits = await (await self._search()).find(self.store, goal, k + idle)
        return [(served[name], score) for name, score in hits if name in served][:k]

    async def reindex(self) -> None:
        """Throw the index away and make it again from the store."""
        if self.read_only:
            return
        await (await self._search()).rebuild(self.store)

    def fsck(self, mend: bool = False) -> list[str]:
        """What is wrong on disk, as sentences; `mend` puts right what can be, losing nothing."""
        return fsck(self.store, mend)

    async def close(self) -> None:
        """Wait for what is being written and let go of the files."""
        if self._index is not None:
            await self._index.close()
        await asyncio.to_thread(self._thread.shutdown)

    async def _search(self) -> SkillIndex:
        if self._index is None:
            embedder = await self.embedder()
            # Another task may have been first while the embedder was loaded.
            if self._index is None:
                path = self.store.root / "index"
                self._index = SkillIndex(path, embedder, writable=not self.read_only)
        return self._index

    async def _write(self, work: Callable[[], T]) -> T:
        def locked() -> T:
            with self.store.writing():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, locked)
