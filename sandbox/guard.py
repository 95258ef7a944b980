"""Holds one run to its time and memory, from outside.

Covered: what the host does for a run counts as its time; a run out of time is asked to stop, so
that its sandbox and its files stay. Not covered: ending a sandbox, which `MustEnd` asks for.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from .base import Limits, Result
from .talk import RunBroken, Talk

GRACE_SECONDS = 0.5


class Guarded(Protocol):
    """What is asked of a runner's processes."""

    async def over_memory(self, megabytes: int) -> None: ...

    def starved(self) -> bool: ...


class MustEnd(Exception):
    """The run cannot be ended but with its sandbox; `result` is what it gave."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error)
        self.result = result


async def bounded(talk: Talk, request: bytes, limits: Limits, processes: Guarded) -> Result:
    """Serve a run to its end. Raises `MustEnd`, and what its host's calls let out."""
    # First the guard, which may have to tell the kernel of this run's limit.
    guard = asyncio.ensure_future(processes.over_memory(limits.memory_mb))
    served = asyncio.ensure_future(talk.converse(request))
    too_large = Result(
        137, error=f"the action used more than {limits.memory_mb} MB and was stopped"
    )
    try:
        await asyncio.wait(
            {served, guard}, timeout=limits.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if guard.done() and not served.done():
            guard.result()
            raise MustEnd(too_large)
        if processes.starved():
            raise MustEnd(too_large)
        served.cancel()
        await asyncio.wait({served})
        if not served.cancelled():
            return served.result()
        return await _timed_out(talk, limits)
    except RunBroken as broken:
        gone = too_large if processes.starved() else Result(137, error=str(broken))
        raise MustEnd(gone) from broken
    finally:
        served.cancel()
        guard.cancel()
        await asyncio.gather(served, guard, return_exceptions=True)


async def _timed_out(talk: Talk, limits: Limits) -> Result:
    error = f"the action ran longer than {limits.seconds:g} s and was stopped"
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            done = await talk.stop()
    except (TimeoutError, RunBroken) as silent:
        raise MustEnd(Result(124, error=error, timed_out=True)) from silent
    return Result(124, done.output, error, timed_out=True, called=done.called)
