"""Texts found by meaning: a vector index that follows its source and can always be thrown away.

The source hands over all its texts by id; what the index lacks is embedded, what it has too much is
dropped. Where the index may not be written (an exam), is another embedder's or is damaged, the
missing vectors are made in memory instead: the same hits, only slower.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from . import MemoryFault
from .embed import Embedder
from .generations import Busy
from .vectors import Change, Entries, VectorIndex


class DerivedIndex:
    """An index over `id -> text`."""

    def __init__(self, path: Path, embedder: Embedder, writable: bool) -> None:
        self._embedder = embedder
        self._index = VectorIndex(path, embedder.id, embedder.dimension, writable)
        self._memory: dict[str, list[float]] = {}
        """Vectors by text, of what the index on disk lacks."""

    async def search(
        self, items: Mapping[str, str], query: str, k: int, mark: str = ""
    ) -> list[tuple[str, float]]:
        """The `k` ids whose texts are nearest to the query, with the cosine, nearest first.

        `mark` names the state of the source (made from the items where empty): while it equals the
        index's, nothing is compared.
        """
        if not items or k <= 0:
            return []
        mark = mark or _mark(items)
        vector = (await asyncio.to_thread(self._embedder.embed, [query]))[0]
        scores: dict[str, float] = {}
        missing = list(items)
        try:
            held, scores = await self._on_disk(items, vector, k, mark)
            missing = [name for name in items if name not in held]
        except MemoryFault:
            # The index is derived: a search does not fail for want of it.
            pass
        texts = list({items[name] for name in missing} - self._memory.keys())
        vectors = await asyncio.to_thread(self._embedder.embed, texts)
        self._memory |= dict(zip(texts, vectors, strict=True))
        for name in missing:
            near = self._memory[items[name]]
            scores[name] = sum(a * b for a, b in zip(vector, near, strict=True))
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]

    async def rebuild(self, items: Mapping[str, str], mark: str = "") -> None:
        """Throw the index away and make it again. Raises MemoryFault when it may not be written."""
        mark = mark or _mark(items)
        await self._index.revise(lambda held: self._plan(items, held), mark, fresh=True)

    async def close(self) -> None:
        """Let go of the files."""
        await self._index.close()

    async def _on_disk(
        self, items: Mapping[str, str], vector: list[float], k: int, mark: str
    ) -> tuple[set[str], dict[str, float]]:
        """The ids that the index holds, and the scores of the nearest of them."""
        try:
            held, strangers = await self._follow(items, mark)
            hits = await self._index.query(vector, k + strangers)
        except Busy:
            raise
        except MemoryFault:
            if not self._index.writable:
                raise
            # Damaged, or another embedder's: it can be thrown away.
            await self.rebuild(items, mark)
            held = set(items)
            hits = await self._index.query(vector, k)
        return held, {hit.id: hit.score for hit in hits if hit.id in held}

    async def _follow(self, items: Mapping[str, str], mark: str) -> tuple[set[str], int]:
        """Bring the index up to the source: the ids it holds now, and how many strangers."""
        # The count too: an emptied file reads as an index of nothing, whatever its mark says.
        if self._index.mark == mark and await self._index.count() == len(items):
            return set(items), 0
        if self._index.writable:
            await self._index.revise(lambda held: self._plan(items, held), mark)
            return set(items), 0
        entries = await self._index.entries()
        missing = set(_missing(items, entries))
        held = set(items) - missing
        return held, len(entries) - len(held)

    def _plan(self, items: Mapping[str, str], held: Entries) -> Change:
        missing = _missing(items, held)
        return Change(
            drop=[name for name in held if name not in items],
            ids=missing,
            vectors=self._embedder.embed([items[name] for name in missing]),
            metadatas=[{"text": _digest(items[name])} for name in missing],
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _mark(items: Mapping[str, str]) -> str:
    return _digest("\0".join(part for item in items.items() for part in item))


def _missing(items: Mapping[str, str], held: Entries) -> list[str]:
    """Ids that the index lacks, or holds with another text."""
    return [name for name, text in items.items() if held.get(name, {}).get("text") != _digest(text)]
