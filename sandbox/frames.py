"""A container's output and complaints, which the engine sends interleaved, as a stream reader.

Covered: frames cut anywhere; a reader that does not read holds the engine back. Not covered: what
the lines say.
"""

from __future__ import annotations

import asyncio

from .talk import LONGEST

HEAD, OUTPUT = 8, 1
KEPT = 2000
"""Bytes of complaints."""


class Frames(asyncio.StreamReaderProtocol):
    """Takes the engine's stream apart: what the runner writes to its reader, complaints aside.

    A frame is a byte for the stream, three of nothing, four for the length, and the content. The
    reader is not told of the end: whoever waits for `ended` tells it.
    """

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader(limit=LONGEST)
        super().__init__(self.reader)
        self.ended = asyncio.Event()
        self._held, self._errors, self._discards = bytearray(), bytearray(), False
        self._own: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._own = transport

    def data_received(self, data: bytes) -> None:
        if self._discards:
            return
        self._held += data
        while len(self._held) >= HEAD:
            end = HEAD + int.from_bytes(self._held[4:HEAD])
            if len(self._held) < end:
                return
            stream, content = self._held[0], bytes(self._held[HEAD:end])
            del self._held[:end]
            if stream == OUTPUT:
                super().data_received(content)
            else:
                self._errors = (self._errors + content)[-KEPT:]

    def eof_received(self) -> bool:
        self.ended.set()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()
        super().connection_lost(error)

    def last_words(self) -> str:
        """The last line of what was complained of."""
        lines = self._errors.decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def discard(self) -> None:
        """Take all that comes and keep nothing."""
        self._discards = True
        if isinstance(self._own, asyncio.Transport) and not self._own.is_closing():
            self._own.resume_reading()

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
