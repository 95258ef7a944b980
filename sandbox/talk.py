"""The host's part in one run: send it, serve its calls, take its end, over any pair of pipes.

Covered: every line is checked, calls are counted, replies go only to the call that waits. Not
covered: time and memory, which the backend holds.
"""

from __future__ import annotations

import asyncio

from . import EpisodeOver, PrimitiveFailed, PrimitiveRefused, ProtocolError, protocol
from .base import Limits, Result, Serve
from .files import RunnerLost
from .protocol import CallLine, DoneLine, Ready

LONGEST = 32 * 1024 * 1024
"""Bytes a reader should take as one line; `protocol` holds lines to less."""
ANEW_SECONDS = 20.0


class RunBroken(Exception):
    """The other side ended or broke the protocol; the message is a sentence."""


async def begin_anew(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Have a runner start from its beginning, with no memory of what it ran.

    Raises `RunnerLost`.
    """
    writer.write(protocol.anew_line())
    try:
        async with asyncio.timeout(ANEW_SECONDS):
            line = await reader.readuntil(b"\n")
        if not isinstance(protocol.parse(line, run="", call=0, output_bytes=0), Ready):
            raise ProtocolError("it did not say that it is ready")
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
            ConnectionError, ProtocolError) as error:  # fmt: skip
        raise RunnerLost(f"the sandbox did not begin anew: {error}") from error


class Talk:
    """The conversation of one run."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        run: str,
        serve: Serve,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._run = run
        self._serve = serve
        self._limits = limits
        self._calls = 0
        self._over = False

    async def converse(self, request: bytes) -> Result:
        """Send the run and serve it to its end. Raises `RunBroken`, and what `serve` lets out."""
        self._writer.write(request)
        while True:
            message = await self._hear()
            if isinstance(message, DoneLine):
                return _result(message, self._limits)
            self._calls += 1
            if self._calls > self._limits.calls:
                done = await self.stop()
                error = f"the action made more than {self._limits.calls} page calls and was stopped"
                return Result(1, done.output, error, called=done.called)
            self._writer.write(await self._answer(message))

    async def stop(self) -> DoneLine:
        """Have the other side end the run, and take what it printed. Raises `RunBroken`."""
        self._writer.write(protocol.stop_line(self._run))
        while True:
            message = await self._hear()
            if isinstance(message, DoneLine):
                return message
            # A call that crossed with the stop: nothing is carried out any more.
            self._calls += 1

    async def _hear(self) -> CallLine | DoneLine:
        try:
            line = await self._reader.readuntil(b"\n")
            message = protocol.parse(
                line,
                run=self._run,
                call=self._calls + 1,
                output_bytes=self._limits.output_bytes,
            )
            if isinstance(message, Ready):
                raise ProtocolError("the runner started anew")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise RunBroken("the action's sandbox ended unexpectedly") from error
        except asyncio.LimitOverrunError as error:
            raise RunBroken("the action sent the host a line too long and was stopped") from error
        except ProtocolError as error:
            raise RunBroken(f"the action broke the protocol ({error}) and was stopped") from error
        return message

    async def _answer(self, call: CallLine) -> bytes:
        if self._over:
            return protocol.error_line(call.number, "the task has ended", over=True)
        try:
            value = await self._serve(call.primitive, call.args)
        except (PrimitiveFailed, PrimitiveRefused) as error:
            return protocol.error_line(call.number, str(error), over=False)
        except EpisodeOver as error:
            self._over = True
            return protocol.error_line(call.number, str(error), over=True)
        return protocol.reply_line(call.number, value)


def _result(done: DoneLine, limits: Limits) -> Result:
    if done.stopped == "space":
        # Only with the sandbox itself do the files go that no kernel bounds.
        most = f"more than {limits.file_mb} MB of files, or too many of them,"
        raise RunBroken(f"the action kept {most} and was stopped")
    reasons = {
        "output": f"the action printed more than {limits.output_bytes} bytes and was stopped",
        "files": "the action made too many files and was stopped",
        "protocol": "the action broke the protocol of the page functions and was stopped",
    }
    error = reasons.get(done.stopped or "", done.error)
    return Result(done.exit_code, done.output, error, value=done.value, called=done.called)
