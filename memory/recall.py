"""Successful attempts at goals like this one.

The journal is the source; the index over its goals is derived and can be deleted. Attempts that are
tainted by page content, or failed, are never recalled.
"""

from __future__ import annotations

from pathlib import Path

from .derived import DerivedIndex
from .embed import Embedder
from .journal import Journal
from .trajectory import Trajectory


class Recall:
    """Finds trajectories of a journal by their goals; never writes the journal."""

    def __init__(self, journal: Journal, index: str | Path, embedder: Embedder) -> None:
        self._journal = journal
        self._index = DerivedIndex(Path(index), embedder, writable=not journal.read_only)

    async def similar(self, goal: str, k: int = 3) -> list[Trajectory]:
        """The `k` successful trajectories whose goals are nearest, nearest first."""
        return [trajectory for trajectory, _ in await self.ranked(goal, k)]

    async def ranked(self, goal: str, k: int = 3) -> list[tuple[Trajectory, float]]:
        """The same, each with the cosine of its goal to this one."""
        goals = dict(await self._journal.goals())
        hits = await self._index.search(goals, goal, k)
        return [(await self._journal.get(name), score) for name, score in hits]

    async def rebuild(self) -> None:
        """Throw the index away and make it again from the journal."""
        await self._index.rebuild(dict(await self._journal.goals()))

    async def close(self) -> None:
        """Let go of the index's files."""
        await self._index.close()
