"""Heads of HTTP/1.1 messages, read strictly: what could be read two ways is refused.

Covered: size, line ends, header syntax, one length that both sides agree on. Not covered: bodies.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

HEAD = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
HOP_BY_HOP |= {"proxy-connection", "proxy-authorization", "proxy-authenticate"}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadMessage(Exception):
    """A head that is not HTTP, or not unmistakable; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Head:
    """A start line in three parts, and the headers in order; names in lower case."""

    start: tuple[str, str, str]
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The header's value; several are joined by a comma."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def chunked(self) -> bool:
        return self.get("transfer-encoding") is not None

    @property
    def length(self) -> int | None:
        """Bytes of the body as declared; None where not declared."""
        value = self.get("content-length")
        return int(value) if value is not None else None

    @property
    def keep_alive(self) -> bool:
        """Whether the sender of a request wants the connection to stay."""
        wanted = (self.get("connection") or self.get("proxy-connection") or "").lower()
        return "close" not in wanted and (self.start[2] == "HTTP/1.1" or "keep-alive" in wanted)

    def passed_on(self) -> list[tuple[str, str]]:
        """The headers without those that concern one connection only."""
        named = {part.strip().lower() for part in (self.get("connection") or "").split(",")}
        return [(k, v) for k, v in self.headers if k not in HOP_BY_HOP and k not in named]


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Read to the empty line; None at the end of the stream. Raises `BadMessage`."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadMessage("the message ended within its head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadMessage(f"the head is longer than {HEAD} bytes") from error
    return parse_head(raw)


def parse_head(raw: bytes) -> Head:
    """Parse a start line and headers up to and with the empty line. Raises `BadMessage`."""
    text = raw.decode("latin-1")
    if not text.endswith("\r\n\r\n") or re.search(r"\r(?!\n)|(?<!\r)\n|\0", text):
        raise BadMessage("lines of a head end with CR LF")
    first, *lines = text[:-4].lstrip("\r\n").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2:
        raise BadMessage("the first line is not HTTP")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name):
            raise BadMessage("a header line is not `name: value`")
        headers.append((name.lower(), value.strip(" \t")))
    head = Head((parts[0], parts[1], parts[2] if len(parts) > 2 else ""), tuple(headers))
    lengths = [value for name, value in head.headers if name == "content-length"]
    if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,15}", value) for value in lengths):
        raise BadMessage("the length of the body is not one number")
    if lengths and head.chunked:
        raise BadMessage("the body has a length and is chunked too")
    return head


def absolute(target: str) -> SplitResult:
    """The URL of a request to a proxy. Raises `BadMessage` unless it is plain http."""
    try:
        url = urlsplit(target)
        port = url.port
    except ValueError as error:
        raise BadMessage("the address cannot be read") from error
    if url.scheme != "http" or not url.hostname or url.username is not None or port == 0:
        raise BadMessage("a proxy takes http://host/path or CONNECT host:port")
    return url


def write_head(first: str, headers: list[tuple[str, str]]) -> bytes:
    """Write a start line and headers."""
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
