"""Carries bodies, answers and tunnels for the proxy, each bounded in size and in silence."""

from __future__ import annotations

import asyncio

from .http1 import BadMessage, Head, read_head, write_head

CHUNK = 64 * 1024
REQUEST_BODY = 16 * 1024 * 1024
RESPONSE_BODY = 256 * 1024 * 1024
TUNNEL_BYTES = 1024 * 1024 * 1024
QUIET_SECONDS = 120.0


async def request_body(head: Head, reader: asyncio.StreamReader) -> bytes:
    """Read a body of declared length. Raises `BadMessage` on one that is not, or too long."""
    if head.chunked:
        raise BadMessage("a request body must declare its length")
    length = head.length or 0
    if length > REQUEST_BODY:
        raise BadMessage(f"a request body may have {REQUEST_BODY} bytes, not {length}")
    async with asyncio.timeout(QUIET_SECONDS):
        return await reader.readexactly(length)


async def answer(
    writer: asyncio.StreamWriter,
    status: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    stays: bool,
    head_only: bool = False,
) -> None:
    """Send an answer of our own; `body` None means a status that has none."""
    if body is not None:
        headers = [*headers, ("content-length", str(len(body)))]
    headers = [*headers, ("connection", "keep-alive" if stays else "close")]
    writer.write(write_head(f"HTTP/1.1 {status}", headers))
    if body is not None and not head_only:
        writer.write(body)
    await writer.drain()


async def forward(
    there: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, stays: bool
) -> bool:
    """Pass the answer to one request on; say whether the client's connection stays.

    It stays where the answer's length is known. Raises `BadMessage` before anything was passed on.
    """
    while True:
        async with asyncio.timeout(QUIET_SECONDS):
            head = await read_head(there)
        if head is None:
            raise BadMessage("the answer is empty")
        version, status, reason = head.start
        if not version.startswith("HTTP/1.") or not (status.isdigit() and len(status) == 3):
            raise BadMessage("the answer's first line is not HTTP")
        if status == "101":
            raise BadMessage("the protocol may be changed in a CONNECT tunnel only")
        if not status.startswith("1"):
            break
    empty = method == "HEAD" or status in ("204", "304")
    length = 0 if empty else head.length
    stays = stays and length is not None
    headers = [*head.passed_on(), ("connection", "keep-alive" if stays else "close")]
    writer.write(write_head(f"HTTP/1.1 {status} {reason}", headers))
    if length is not None and length > RESPONSE_BODY:
        return False
    sent = await copy(there, writer, RESPONSE_BODY if length is None else length)
    await writer.drain()
    return stays and sent == length


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> int:
    """Copy to the end or to `most` bytes; say how many."""
    sent = 0
    while sent < most:
        async with asyncio.timeout(QUIET_SECONDS):
            data = await reader.read(min(CHUNK, most - sent))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        sent += len(data)
    return sent


async def tunnel(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    outgoing: asyncio.StreamWriter,
) -> None:
    """Carry bytes both ways until either side has ended."""
    ways = [
        asyncio.ensure_future(copy(reader, outgoing, TUNNEL_BYTES)),
        asyncio.ensure_future(copy(there, writer, TUNNEL_BYTES)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
