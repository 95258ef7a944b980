"""The one way out of Chromium's network namespace: a listener in there, accepted by this process.

A socket belongs to the namespace it was made in, whoever holds it. `knock.py` makes one inside and
hands it out, so nothing has to carry bytes between the two: what Chromium sends arrives here. Each
task has a loopback address of its own in there, never given twice; the address a connection was
made to says whose proxy serves it.

Covered: a connection left over from a task that has ended reaches no other. Not covered: a browser
process taken over, which can speak to the proxy of each task it runs.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from . import SandboxUnavailable, tree
from .http1 import HEAD

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FIRST = 1 << 16
"""127.1.0.0: what is below is no task's."""


class Door:
    """Accepts connections made inside and leads each to the task it was made for."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._port = listener.getsockname()[1]
        self._tasks: dict[str, Accept] = {}
        self._numbers = itertools.count(FIRST)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to accept."""
        self._server = await asyncio.start_server(self._lead, sock=self._listener, limit=HEAD)

    def enter(self, accept: Accept) -> str:
        """Serve a new address with `accept`; returns it as `http://127.…:PORT`."""
        number = next(self._numbers)
        host = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._tasks[host] = accept
        return f"http://{host}:{self._port}"

    def leave(self, url: str) -> None:
        """Serve an address no more."""
        self._tasks.pop(url.removeprefix("http://").partition(":")[0], None)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accept = self._tasks.get(writer.get_extra_info("sockname")[0])
        if accept is None:
            writer.close()
        else:
            await accept(reader, writer)

    def close(self) -> None:
        """Accept nothing more."""
        if self._server is not None:
            self._server.close()
        self._listener.close()


class Knock:
    """Where the listener is handed out: a Unix socket that one process may use once."""

    def __init__(self, path: Path, owner: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o600)
        os.chown(path, owner, -1)
        self._socket.listen(1)
        self._socket.setblocking(False)

    def taken(self) -> tuple[int, Door]:
        """The process that knocked, and the door it handed out.

        Raises `SandboxUnavailable` where it is none of ours: others may find the socket.
        """
        try:
            who, _ = self._socket.accept()
        except BlockingIOError as error:
            raise SandboxUnavailable("Chromium started without its network namespace") from error
        with who:
            pid = struct.unpack("3i", who.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            if pid not in tree.descendants(os.getpid()):
                raise SandboxUnavailable(f"process {pid} is not the browser that was started")
            who.settimeout(1.0)
            _, fds, _, _ = socket.recv_fds(who, 1, 1)
        return pid, Door(socket.socket(fileno=fds[0]))

    def close(self) -> None:
        self._socket.close()
