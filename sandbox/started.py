"""A runner that is a process of the host's: its pipes, its memory, its end.

Covered: all its processes together are held to their memory, by a control group where one can be
had, else by a look at them twenty times a second. Not covered: what shuts the runner in, which is
the launcher's.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from typing import Any

from . import ProtocolError, cgroup, protocol, tree
from .base import Json, Limits
from .cgroup import Group
from .talk import LONGEST
from .whole import whole

START_SECONDS = 20.0
GUARD_SECONDS = 0.05


class NotReady(Exception):
    """The runner did not say that it is ready; the message is what it said instead."""


class Started:
    """Implements `Launched` on a process that is the runner, or whose only child becomes it."""

    def __init__(self, process: Process, group: Group | None) -> None:
        assert process.stdout is not None and process.stdin is not None
        self.reader, self.writer = process.stdout, process.stdin
        self._process = process
        self._group = group

    def running(self) -> bool:
        return self._process.returncode is None

    async def over_memory(self, megabytes: int) -> None:
        """Return once the processes together have needed more memory than they may."""
        if self._group is not None:
            try:
                self._group.hold(megabytes)
            except OSError:
                # More is in use already.
                return
        while True:
            # A run quicker than this is bound by what each of its processes may have.
            await asyncio.sleep(GUARD_SECONDS)
            if self._exceeds(megabytes):
                return

    def starved(self) -> bool:
        """Whether the kernel has ended one of the processes for want of memory."""
        return self._group is not None and self._group.starved()

    async def end(self) -> None:
        """Kill every process inside, and wait until none is left."""
        process = self._process
        pids = tree.descendants(process.pid) if process.returncode is None else []
        # The first process inside takes all others with it; what started it then reaps it and ends.
        tree.kill(pids[1:] or pids)
        try:
            async with asyncio.timeout(2.0):
                await process.wait()
        except TimeoutError:
            tree.kill(tree.descendants(process.pid))
            await process.wait()
        while any(map(tree.alive, pids)):
            await asyncio.sleep(0.002)
        await self._close()

    async def _close(self) -> None:
        _let_go(self._process)
        if self._group is not None:
            await self._group.close()

    def _exceeds(self, megabytes: int) -> bool:
        if self._group is not None:
            return self._group.starved()
        return tree.exceeds(self._process.pid, megabytes << 20)


async def start(command: list[str], limits: Limits, **how: Any) -> tuple[Process, Group | None]:
    """Start a command, in a group of its own, that becomes the runner; wait for its first word.

    Raises `NotReady` or OSError, and then nothing of it is left.
    """
    group = cgroup.make(limits)
    try:
        process = await _spawn(*(group.entering() if group is not None else ()), *command, **how)
        try:
            await _first_line(process)
        except BaseException:
            await whole(_abandon(process))
            raise
    except BaseException:
        if group is not None:
            await group.close()
        raise
    return process, group


async def _spawn(*command: str, **how: Any) -> Process:
    """Start a program on pipes. Raises OSError.

    A cancellation waits for the start: asyncio loses a process that it has half begun, and its
    pipes, and may wait for it without end.
    """
    pipe = asyncio.subprocess.PIPE
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST, **how
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await whole(_abandon(await starting))
        raise


async def _abandon(process: Process) -> None:
    if process.returncode is None:
        tree.kill(tree.descendants(process.pid))
    await process.wait()
    _let_go(process)


def _let_go(process: Process) -> None:
    """Close the pipes of a process that has ended.

    asyncio has no public word for it, and closes them only once it has read their ends: a loop that
    is over before that leaves an error to be raised wherever the garbage is collected.
    """
    process._transport.close()  # type: ignore[attr-defined]


async def _first_line(process: Process) -> None:
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
            if line and isinstance(_parse(line), protocol.Ready):
                return
            reason = (await process.stderr.read()).decode(errors="replace").strip()
    except (TimeoutError, ProtocolError) as error:
        raise NotReady(f"the sandbox did not get ready: {error}") from error
    raise NotReady(reason.splitlines()[-1] if reason else "it ended at once")


def _parse(line: bytes) -> Json:
    return protocol.parse(line, run="", call=0, output_bytes=0)
