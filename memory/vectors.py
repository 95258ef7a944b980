"""Vectors on disk: the only chromadb import, behind a thread of its own.

Chroma breaks under several writing processes, and even its readers write: see `generations` for who
may open what. Nothing here is precious: whoever owns the texts rebuilds it.

Covered: another embedder's vectors, a missing or damaged folder, a writer killed at any moment. Not
covered: exact search (Chroma's graph is approximate above some thousands of entries), and the copy
that a killed reader leaves in the temporary folder.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import EmbedderMismatch, MemoryFault
from .generations import Generations

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")
Metadata = Mapping[str, Any]
Entries = dict[str, dict[str, Any]]

COLLECTION = "vectors"
BATCH = 1000
"""Entries a request; Chroma refuses more than some thousands."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry found, with its cosine to the query."""

    id: str
    score: float
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What one write does: drop these, then add or replace those."""

    drop: Sequence[str] = ()
    ids: Sequence[str] = ()
    vectors: Sequence[Sequence[float]] = ()
    metadatas: Sequence[Metadata] = field(default=())


class VectorIndex:
    """Vectors of one embedder in one folder. Nothing is opened before the first call."""

    def __init__(self, path: Path, embedder_id: str, dimension: int, writable: bool) -> None:
        self.path = path
        self.writable = writable
        self._embedder_id = embedder_id
        self._dimension = dimension
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        self._folder = Generations(path)
        self._client: Client | None = None
        self._reading: Collection | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._copied = -1

    @property
    def generation(self) -> int:
        """Grows with every write, by whatever process; 0 for an empty index."""
        return self._folder.current

    @property
    def mark(self) -> str:
        """What the last writer said the index reflects; empty when it did not say."""
        return str(self._folder.state().get("mark", ""))

    async def revise(
        self, plan: Callable[[Entries], Change], mark: str = "", fresh: bool = False
    ) -> None:
        """Under the lock, ask `plan` what to change given the entries, and change it.

        `fresh` starts from an empty folder, as does one that a killed writer left. Raises
        EmbedderMismatch, MemoryFault.
        """
        await self._submit(lambda: self._revise(plan, mark, fresh))

    async def upsert(
        self,
        ids: Sequence[str],
        vectors: Sequence[Sequence[float]],
        metadatas: Sequence[Metadata] = (),
    ) -> None:
        """Add or replace entries. Raises EmbedderMismatch, MemoryFault."""
        await self.revise(lambda _: Change((), ids, vectors, metadatas))

    async def delete(self, ids: Sequence[str]) -> None:
        """Drop entries; unknown ids do nothing."""
        await self.revise(lambda _: Change(drop=ids))

    async def query(
        self, vector: Sequence[float], k: int, where: dict[str, Any] | None = None
    ) -> list[Hit]:
        """The `k` nearest entries, nearest first; fewer when there are fewer."""

        def work(held: Collection) -> list[Hit]:
            wanted = min(k, held.count())
            if wanted <= 0:
                return []
            found = held.query(query_embeddings=list(vector), n_results=wanted, where=where)
            distances, metadatas = found["distances"] or [[]], found["metadatas"] or [[]]
            rows = zip(found["ids"][0], distances[0], metadatas[0], strict=True)
            return [Hit(name, 1 - distance, dict(data or {})) for name, distance, data in rows]

        return await self._submit(lambda: self._read(work, []))

    async def entries(self) -> Entries:
        """Every id with its metadata."""
        return await self._submit(lambda: self._read(_entries, {}))

    async def count(self) -> int:
        """How many entries there are."""
        return await self._submit(lambda: self._read(lambda held: int(held.count()), 0))

    async def close(self) -> None:
        """Let go of the files; the next call opens them again."""
        await self._submit(self._release)

    async def _submit(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except (MemoryFault, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                # Chroma's failures share no class, and a panic of its core is no Exception.
                self._release()
                raise MemoryFault(
                    f"the index in {self.path} cannot be used ({error}): delete the folder, it is"
                    " rebuilt from its source"
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _revise(self, plan: Callable[[Entries], Change], mark: str, fresh: bool) -> None:
        if not self.writable:
            raise MemoryFault(f"{self.path} is open for reading only")
        with self._folder.writing(mark, fresh) as place:
            client = _connect(place)
            try:
                held = self._collection(client)
                _apply(held, plan(_entries(held)))
            finally:
                client.close()

    def _read(self, work: Callable[[Collection], T], empty: T) -> T:
        if not (self.path / "chroma.sqlite3").exists():
            self._release()
            return empty
        if self._reading is None or self._copied != self._folder.current:
            self._release()
            self._copy, place, self._copied = self._folder.copy()
            self._client = _connect(place)
            self._reading = self._collection(self._client)
        return work(self._reading)

    def _collection(self, client: Client) -> Collection:
        # No embedding function: Chroma's default one downloads a model.
        found = client.get_or_create_collection(
            COLLECTION,
            embedding_function=None,
            metadata={"embedder": self._embedder_id, "dimension": self._dimension},
            configuration={"hnsw": {"space": "cosine"}},
        )
        held = (found.metadata or {}).get("embedder")
        if held != self._embedder_id:
            raise EmbedderMismatch(
                f"the vectors in {self.path} were made by {held}, not {self._embedder_id}: rebuild"
                " the index, or choose that embedder"
            )
        return found

    def _release(self) -> None:
        self._reading = None
        self._copied = -1
        client, self._client = self._client, None
        copy, self._copy = self._copy, None
        if client is not None:
            client.close()
        if copy is not None:
            copy.cleanup()


def _connect(place: Path) -> Client:
    try:
        import chromadb
        from chromadb.config import Settings
    except ImportError as error:
        raise MemoryFault(f"{error.name} is missing: pip install journeyman") from error
    settings = Settings(anonymized_telemetry=False)
    return cast("Client", chromadb.PersistentClient(path=str(place), settings=settings))


def _entries(held: Collection) -> Entries:
    found = held.get(include=["metadatas"])
    metadatas = found["metadatas"] or []
    return {name: dict(data or {}) for name, data in zip(found["ids"], metadatas, strict=True)}


def _apply(held: Collection, change: Change) -> None:
    if change.drop:
        held.delete(ids=list(change.drop))
    for start in range(0, len(change.ids), BATCH):
        part = slice(start, start + BATCH)
        held.upsert(
            ids=list(change.ids[part]),
            embeddings=[*change.vectors[part]],
            metadatas=[dict(item) for item in change.metadatas[part]] or None,
        )
