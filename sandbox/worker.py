"""One warm process that runs code, whichever backend started it: a fork for each run.

A backend is a `Launcher`: it starts `runner.py` behind its own walls and gives back the pipes. All
else is the same for every backend and stands here. Covered: one run at a time, time, the memory
guard, a worker that misbehaves is ended and the next run starts another. Files in the work area
stay from run to run, until a run has to be ended with its worker. Not covered: isolation, which is
the launcher's; `canary.py` tries it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from . import SandboxUnavailable, StateUnknown, canary, protocol
from .base import Capability, Export, File, Limits, Result, Serve, Snapshot, no_page
from .entries import EMPTY
from .files import Files, RunnerLost
from .guard import MustEnd, bounded
from .talk import Talk, begin_anew
from .whole import whole


class Launched(Protocol):
    """A runner that has said it is ready, and its pipes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def running(self) -> bool:
        """Whether its first process lives."""
        ...

    async def over_memory(self, megabytes: int) -> None:
        """Return once all its processes together have needed more than this."""
        ...

    def starved(self) -> bool:
        """Whether the kernel has ended one of its processes because they needed more memory."""
        ...

    async def end(self) -> None:
        """Kill every process of it and return when none is left. May be called twice."""
        ...


class Launcher(Protocol):
    """A way to isolate: hashable, so that what the canary proved of it is remembered."""

    @property
    def name(self) -> str:
        """`bubblewrap`, `docker`, `landlock`."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it claims, and the conformance suite holds it to."""
        ...

    async def start(self, limits: Limits) -> Launched:
        """Start a runner. Raises `SandboxUnavailable` saying what to install or to allow."""
        ...


GIVEN_BACK = "this sandbox was given back: ask for another"
_proved: set[tuple[Launcher, Limits]] = set()
"""The kinds of sandbox that the canary has passed in this process."""


class Worker:
    """Implements `Sandbox` on a launcher; the process is started at the first run and kept warm."""

    def __init__(self, launcher: Launcher, limits: Limits | None = None) -> None:
        self.launcher = launcher
        self._limits = limits or Limits()
        self._launched: Launched | None = None
        self._files: Files | None = None
        self._lock = asyncio.Lock()
        self._runs = 0
        self.losses = 0
        """How often the files were lost with an ended process."""
        self._retired = False

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Run Python source in a fresh interpreter state; `limits` default to the sandbox's.

        Raises `SandboxUnavailable` where isolation cannot be had, and what `serve` raises beyond
        its three errors.
        """
        async with self._held():
            return await self._bounded(code, serve, dict(library or {}), limits or self._limits)

    async def execute(self, command: Sequence[str], *, limits: Limits | None = None) -> Result:
        """Run a program with its arguments in the work area; no shell unless it is named."""
        async with self._held():
            return await self._bounded("", no_page, {}, limits or self._limits, command)

    async def put(self, files: Mapping[str, bytes | File]) -> None:
        """Write files into the work area. Raises ValueError for a path, else `StateUnknown`."""
        async with self._area() as area:
            await area.put(files)

    async def export(self) -> Export:
        """The files of the work area, as many as one sandbox may hold."""
        async with self._area() as area:
            return await area.export(self._limits.file_mb << 20)

    async def snapshot(self) -> Snapshot:
        """Keep the work area as it is now. Raises `StateUnknown` naming what cannot be kept."""
        async with self._area() as area:
            return await area.snapshot(self._limits.file_mb << 20)

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring the work area back, proved by digest. Raises `StateUnknown` when it is not."""
        async with self._area() as area:
            await area.restore(snapshot)

    async def close(self) -> None:
        """End every process of this sandbox. The next run starts it anew."""
        await self._end()

    def idle(self) -> bool:
        """Whether it is started, lives, and is not in use."""
        return self._launched is not None and self._launched.running() and not self._lock.locked()

    async def retire(self) -> None:
        """End it for good: whoever still asks for a run is refused."""
        self._retired = True
        await self._end()

    async def renewed(self) -> Worker:
        """Retire this one, and give its walls to a new worker: no file, no memory of what ran.

        Raises `StateUnknown` when the files or the runner cannot be made as new.
        """
        heir = Worker(self.launcher, self._limits)
        async with self._area() as area:
            self._retired = True
            await area.restore(EMPTY)
            launched = self._launched
            assert launched is not None
            await begin_anew(launched.reader, launched.writer)
            heir._launched, heir._files = launched, Files(launched.reader, launched.writer)
            self._launched = None
        return heir

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Have the sandbox for oneself, ready; what goes wrong in a way unforeseen ends it."""
        async with self._lock:
            try:
                await self._ready()
                yield
            except BaseException:
                await self._end()
                raise

    @asynccontextmanager
    async def _area(self) -> AsyncIterator[Files]:
        """Have the work area for oneself. A request that was refused ends nothing."""
        async with self._lock:
            try:
                await self._ready()
                assert self._files is not None
                yield self._files
            except RunnerLost:
                await self._end()
                raise
            except (StateUnknown, ValueError):
                raise
            except BaseException:
                await self._end()
                raise

    async def _ready(self) -> None:
        """Have a runner that lives, of a kind that the canary has passed."""
        if self._retired:
            raise SandboxUnavailable(GIVEN_BACK)
        if self._launched is not None and self._launched.running():
            return
        await self._end()
        self._launched = await self.launcher.start(self._limits)
        if self._retired:
            await self._end()
            raise SandboxUnavailable(GIVEN_BACK)
        self._files = Files(self._launched.reader, self._launched.writer)
        # What the kernel allows does not change under a running process: the first sandbox of a
        # kind is proved, and a kind that failed is never in the set.
        kind = (self.launcher, self._limits)
        if kind not in _proved:
            await canary.prove(_Unlocked(self), self.launcher.capabilities)
            _proved.add(kind)

    async def _bounded(
        self,
        code: str,
        serve: Serve,
        library: dict[str, str],
        limits: Limits,
        command: Sequence[str] = (),
    ) -> Result:
        """Carry out one run within its limits."""
        launched = self._launched
        assert launched is not None
        self._runs += 1
        run = str(self._runs)
        try:
            request = protocol.run_line(run, code, library, limits, command)
        except ValueError as error:
            return Result(1, error=str(error))
        talk = Talk(launched.reader, launched.writer, run, serve, limits)
        try:
            return await bounded(talk, request, limits, launched)
        except MustEnd as broken:
            await self._end()
            return broken.result

    async def _end(self) -> None:
        launched, self._launched = self._launched, None
        if launched is not None:
            self.losses += 1
            await whole(launched.end())


class _Unlocked:
    """The sandbox as its own canary sees it: started, and inside the lock."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        return await self._worker._bounded(code, serve, dict(library or {}), limits or Limits())
