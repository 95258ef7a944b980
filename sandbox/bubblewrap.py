"""A sandbox made by bubblewrap: one warm process a sandbox, a fork for each run. Linux only.

Covered: no network, no host files but the read-only system under /usr, no view of other processes,
no rights, a system call filter; limits on memory, processes, files, output, calls and time; no
process is left after `close` or after the host's death. Files in /tmp stay from run to run, until a
run has to be killed with its sandbox. Not covered: flaws of the kernel, load that others notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from . import canary, protocol, tree
from .base import Limits, Result, Serve
from .launch import start
from .talk import RunBroken, Talk

GRACE_SECONDS = 0.5
GUARD_SECONDS = 0.05


_proved: set[tuple[str | None, Limits]] = set()
"""The kinds of sandbox that the canary has passed in this process."""


class Bubblewrap:
    """Runs code in a bubblewrap process, which is started at the first run and kept warm."""

    def __init__(self, limits: Limits | None = None, *, executable: str | None = None) -> None:
        self._limits = limits or Limits()
        self._executable = executable
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._runs = 0

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
        async with self._lock:
            try:
                if self._process is None or self._process.returncode is not None:
                    await self._end()
                    self._process = await start(self._executable, self._limits)
                    # What the kernel allows does not change under a running process: the first
                    # sandbox of a kind is proved, and a kind that failed is never in the set.
                    kind = (self._executable, self._limits)
                    if kind not in _proved:
                        await canary.prove(_Unlocked(self))
                        _proved.add(kind)
                return await self._bounded(code, serve, dict(library or {}), limits or self._limits)
            except BaseException:
                await self._end()
                raise

    async def close(self) -> None:
        """End every process of this sandbox. The next run starts it anew."""
        await self._end()

    async def _bounded(
        self, code: str, serve: Serve, library: dict[str, str], limits: Limits
    ) -> Result:
        """Hold one run to its time and memory; what the host does for it counts too."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stdin is not None
        self._runs += 1
        run = str(self._runs)
        try:
            request = protocol.run_line(run, code, library, limits)
        except ValueError as error:
            return Result(1, error=str(error))
        talk = Talk(process.stdout, process.stdin, run, serve, limits)
        served = asyncio.ensure_future(talk.converse(request))
        guard = asyncio.ensure_future(_guard(process.pid, limits))
        try:
            await asyncio.wait(
                {served, guard}, timeout=limits.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if guard.done() and not served.done():
                guard.result()
                await self._end()
                used = f"the action used more than {limits.memory_mb} MB and was stopped"
                return Result(137, error=used)
            served.cancel()
            await asyncio.wait({served})
            if not served.cancelled():
                return served.result()
            return await self._timed_out(talk, limits)
        except RunBroken as broken:
            await self._end()
            return Result(137, error=str(broken))
        finally:
            served.cancel()
            guard.cancel()
            await asyncio.gather(served, guard, return_exceptions=True)

    async def _timed_out(self, talk: Talk, limits: Limits) -> Result:
        error = f"the action ran longer than {limits.seconds:g} s and was stopped"
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                done = await talk.stop()
        except (TimeoutError, RunBroken):
            await self._end()
            return Result(124, error=error, timed_out=True)
        return Result(124, done.output, error, timed_out=True, called=done.called)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        pids = tree.descendants(process.pid) if process.returncode is None else []
        # The first process inside takes all others with it; bwrap then reaps it and ends.
        tree.kill(pids[1:] or pids)
        try:
            async with asyncio.timeout(2.0):
                await process.wait()
        except TimeoutError:
            tree.kill(pids)
            await process.wait()
        while any(map(tree.alive, pids)):
            await asyncio.sleep(0.002)
        if process.stdin is not None:
            process.stdin.close()


class _Unlocked:
    """The sandbox as its own canary sees it: started, and inside the lock."""

    def __init__(self, sandbox: Bubblewrap) -> None:
        self._sandbox = sandbox

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        return await self._sandbox._bounded(code, serve, dict(library or {}), limits or Limits())

    async def close(self) -> None:
        await self._sandbox.close()


async def _guard(pid: int, limits: Limits) -> None:
    """Return once the processes together hold more memory than they may."""
    while True:
        await asyncio.sleep(GUARD_SECONDS)
        if tree.exceeds(pid, limits.memory_mb << 20):
            return
