"""Starts the runner in a container, and gives its pipes.

Covered: an engine that blocks blocks one thread of its own; nothing outlives `end`, nor a host that
was killed, since the runner ends when its pipes do; an end for memory is told from others. In
gVisor, code inside may end the runner and speak in its place: it gains no more than what any code
may say of itself. Not covered: the isolation itself, which `walls.py` asks of the engine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import ProtocolError, SandboxUnavailable, protocol, seccomp, walls
from .base import Capability, Limits
from .bubblewrap import INSIDE
from .engine import Engine
from .frames import Frames
from .protocol import Ready
from .started import START_SECONDS

T = TypeVar("T")
ROOM = Path(__file__).parent
GVISOR = "runsc"


@dataclass(frozen=True, slots=True)
class Container:
    """Isolates with a container, in gVisor where there is one; `gvisor` False leaves it alone."""

    gvisor: bool = True

    @property
    def name(self) -> str:
        return "docker"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    async def start(self, limits: Limits) -> Started:
        """Start a runner and wait until it is ready. Raises `SandboxUnavailable`."""
        started = Started()
        try:
            await started.begin(limits, self.gvisor)
        except BaseException:
            await asyncio.shield(started.end())
            raise
        return started


class Started:
    """A runner in a container, and the one thread that speaks with the engine about it."""

    def __init__(self) -> None:
        self._frames = Frames()
        self.reader = self._frames.reader
        self.writer: asyncio.StreamWriter
        self._thread = ThreadPoolExecutor(1, "container")
        self._engine: Engine | None = None
        self._starved = False
        self._learning: asyncio.Task[None] | None = None
        self._ending: asyncio.Future[None] | None = None

    async def begin(self, limits: Limits, gvisor: bool) -> None:
        """Have the engine start it, and wait for the runner. Raises `SandboxUnavailable`."""
        await self._do(lambda: self._launch(limits, gvisor))
        assert self._engine is not None and self._engine.pipes is not None
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self._frames, sock=self._engine.pipes)
        self.writer = asyncio.StreamWriter(transport, self._frames, self.reader, loop)
        self._learning = asyncio.ensure_future(self._learn())
        self.writer.write(_runner())
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self.reader.readline()
            if line and isinstance(protocol.parse(line, run="", call=0, output_bytes=0), Ready):
                return
        except (TimeoutError, ProtocolError) as error:
            raise SandboxUnavailable(f"the container did not get ready: {error}") from error
        raise SandboxUnavailable(f"the container ended at once ({self._frames.last_words()})")

    def running(self) -> bool:
        return not self._frames.ended.is_set()

    async def over_memory(self, megabytes: int) -> None:
        """Never return: the kernel bounds it."""
        await asyncio.Event().wait()

    def starved(self) -> bool:
        """Whether the kernel has ended the container for its memory, and not `end`."""
        return self._starved

    async def end(self) -> None:
        """Kill every process of it, and wait until none is left."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        # Output is taken meanwhile: an engine that cannot write does not end a container.
        self._frames.discard()
        try:
            await self._do(self._close)
        finally:
            self._frames.close()
            if self._learning is None and self._engine is not None and self._engine.pipes:
                self._engine.pipes.close()
            self._thread.shutdown(wait=False)

    async def _learn(self) -> None:
        """Find out why the container ended before the reader hears of it."""
        await self._frames.ended.wait()
        try:
            if self._ending is None and self._engine is not None:
                self._starved = await self._do(self._engine.ended_for_memory)
        finally:
            self.reader.feed_eof()

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _launch(self, limits: Limits, gvisor: bool) -> None:
        self._engine = Engine()
        runtime = GVISOR if gvisor and self._engine.has_runtime(GVISOR) else None
        self._engine.launch(lambda user: walls.container(limits, user, runtime))

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def _runner() -> bytes:
    """The line that `boot.py` waits for."""
    files = {Path(name).stem: (ROOM / name).read_text(encoding="utf-8") for name in INSIDE}
    line = {"filter": {"code": seccomp.program().hex()}, "files": files}
    return json.dumps(line).encode() + b"\n"
