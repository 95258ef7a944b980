"""Workers kept warm and lent out: started, and tried, before anyone asks for them.

A worker is lent for one task. With `reuse` its walls then serve another task: its files are deleted
and proved gone by digest, its program begins anew, and it must look as on its first day; without,
it is ended and another is started. Either happens after the lease, while nobody waits for it.

Covered: a bounded number, first come first served; nothing stays of the task before (files,
processes, environment, modules, memory, limits and priorities of the runner); a worker that had to
be ended, or is not as new, is replaced; a lease that is over can no longer be used. Not covered:
what tasks at work at the same time can learn from one another's load.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from . import SandboxError, SandboxUnavailable
from .base import Json, Limits, Result, Sandbox, Serve, no_page
from .worker import Launcher, Worker

IDLE_SECONDS = 30.0
CLOSED = "the pool of sandboxes is closed: async with Pool(...) as pool"
TRIAL = Limits(seconds=10.0)
LOOK = """
import contextlib, os, resource, sys
with contextlib.suppress(OSError):
    os.utime(".", (0, 0))
runner = os.getppid()
area = os.stat(".")
kinds = sorted({getattr(resource, name) for name in dir(resource) if name[:7] == "RLIMIT_"})
{
    "files": os.listdir("."),
    "area": [area.st_mode, area.st_uid, area.st_gid, *os.listxattr(".")],
    "environment": dict(os.environ),
    "modules": sorted(sys.modules),
    "limits": [resource.getrlimit(kind) for kind in kinds],
    "priority": [os.getpriority(os.PRIO_PROCESS, runner), os.sched_getscheduler(runner)],
    "cores": sorted(os.sched_getaffinity(runner)),
}
"""
"""What a task could have changed of its sandbox, seen from inside."""


@dataclass(frozen=True, slots=True)
class _Lent:
    """A worker that is ready for a task, and how it looked on its first day."""

    worker: Worker
    born: Json


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the next to ask is given, a worker or why there is none; sets `back` when done."""

    given: _Lent | Exception
    back: asyncio.Event = field(default_factory=asyncio.Event)


class Pool:
    """`size` workers of one kind: `async with Pool(launcher) as pool, pool.lease() as sandbox:`."""

    def __init__(
        self,
        launcher: Launcher,
        limits: Limits | None = None,
        *,
        size: int = 8,
        reuse: bool = False,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Those that wait are tried again every `idle_seconds`."""
        if size < 1:
            raise ValueError(f"a pool holds at least one worker, not {size}")
        self._launcher, self._limits = launcher, limits or Limits()
        self._size, self._reuse, self._idle_seconds = size, reuse, idle_seconds
        self._offers: asyncio.Queue[_Offer] = asyncio.Queue()
        # A queue alone lets a newcomer pass one who has been woken; a lock keeps the order.
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False

    async def __aenter__(self) -> Self:
        """Return when one worker is ready; the others follow. Raises `SandboxUnavailable`."""
        places = [await self._start(), *[None] * (self._size - 1)]
        self._tasks = [asyncio.create_task(self._tend(place)) for place in places]
        self._tasks.append(asyncio.create_task(self._watch()))
        self._open = True
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every worker, those lent out too; who waits for one is told."""
        self._open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._offers.put_nowait(_Offer(SandboxUnavailable(CLOSED)))

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Sandbox]:
        """A sandbox for one task, as new. Raises `SandboxUnavailable`."""
        offer = await self._next()
        try:
            if isinstance(offer.given, Exception):
                raise offer.given
            yield offer.given.worker
        finally:
            offer.back.set()

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Run Python source in a sandbox that has run nothing else."""
        async with self.lease() as sandbox:
            return await sandbox.run(
                code, serve=serve, library=library, limits=limits or self._limits
            )

    async def _next(self) -> _Offer:
        if not self._open:
            raise SandboxUnavailable(CLOSED)
        async with self._turn:
            while True:
                offer = await self._offers.get()
                if not self._open:
                    # The next in line is to be told too.
                    self._offers.put_nowait(offer)
                    raise SandboxUnavailable(CLOSED)
                if isinstance(offer.given, Exception) or offer.given.worker.idle():
                    return offer
                offer.back.set()

    async def _tend(self, place: _Lent | None) -> None:
        """Keep one place filled: a worker that is ready, lent, and as new again, or another."""
        try:
            while True:
                try:
                    place = place or await self._start()
                    offer = _Offer(place)
                except Exception as error:
                    # Whoever asks next is told, and then another start is tried.
                    offer = _Offer(error)
                self._offers.put_nowait(offer)
                await offer.back.wait()
                if place is not None:
                    place = await self._as_new(place)
        finally:
            if place is not None:
                await place.worker.retire()

    async def _start(self) -> _Lent:
        worker = Worker(self._launcher, self._limits)
        try:
            return _Lent(worker, await _look(worker))
        except BaseException:
            await worker.retire()
            raise

    async def _as_new(self, lent: _Lent) -> _Lent | None:
        """The walls of a worker that is back, for another task; None when it had to be ended."""
        heir, kept = lent.worker, None
        try:
            if self._reuse and heir.idle() and not heir.losses:
                with suppress(SandboxError):
                    heir = await heir.renewed()
                    if await _look(heir) == lent.born:
                        kept = _Lent(heir, lent.born)
        finally:
            if kept is None:
                await heir.retire()
        return kept

    async def _watch(self) -> None:
        """Try those that wait, now and then, so that nobody is given one that has died."""
        while True:
            await asyncio.sleep(self._idle_seconds)
            for _ in range(self._offers.qsize()):
                if not self._offers.empty():
                    await self._try(self._offers.get_nowait())

    async def _try(self, offer: _Offer) -> None:
        with suppress(SandboxError):
            match offer.given:
                case _Lent(worker, born) if worker.idle() and await _look(worker) == born:
                    self._offers.put_nowait(offer)
                    return
        offer.back.set()


async def _look(worker: Worker) -> Json:
    """See the worker run something. Raises `SandboxUnavailable` when it does not."""
    result = await worker.run(LOOK, serve=no_page, limits=TRIAL)
    if not result.ok:
        raise SandboxUnavailable(f"the sandbox does not serve: {result.error}")
    return result.value
