"""The only way out of a task's browser: a forward proxy that holds every connection to a `Policy`.

A listener for each policy, on a port of its own, rather than one listener with passwords:
Playwright gives a context its own proxy address, the port then *is* the policy, no page can present
another task's password, and no request is sent twice for a 407. A Chromium without a network finds
the listeners behind its `Door` instead.

Covered: http forwarding, CONNECT tunnels (https, ws, wss), names resolved here once and the address
pinned, mounted folders, sizes and times. Not covered: what goes through a tunnel; other programs
of this machine that find the port, which reach no more than the policy allows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

from . import mounts
from .door import Door
from .http1 import HEAD, BadMessage, Head, absolute, read_head, write_head
from .policy import Policy, normal_host
from .relay import answer, forward, request_body, tunnel

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name; raises OSError when there are none."""

IDLE_SECONDS = 120.0
CONNECT_SECONDS = 10.0
CONNECTIONS = 256
DENIALS = 1000


@dataclass(frozen=True, slots=True)
class Denial:
    """A connection the policy refused."""

    host: str
    port: int
    reason: str
    """One sentence fit for a model or a person."""


class _Refused(Exception):
    """What the client is told instead of what it asked for."""

    def __init__(self, status: str, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class PolicyProxy:
    """Serves one policy: `async with PolicyProxy(policy) as proxy: use(proxy.url)`."""

    def __init__(
        self, policy: Policy, *, resolve: Resolve | None = None, door: Door | None = None
    ) -> None:
        """With a `door`, it listens there and not on this machine."""
        self.policy = policy
        self._resolve = resolve or resolve_here
        self._door = door
        self._url = ""
        self._denials: deque[Denial] = deque(maxlen=DENIALS)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where the proxy listens, as `http://127.0.0.1:PORT`."""
        if not self._url:
            raise RuntimeError("the proxy is not open: use `async with PolicyProxy(policy)`")
        return self._url

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The latest connections that were refused, oldest first."""
        return tuple(self._denials)

    async def __aenter__(self) -> Self:
        if self._door is not None:
            self._url = self._door.enter(self._accept)
            return self
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD)
        self._url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._door is not None:
            self._door.leave(self._url)
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._server, self._url = None, ""

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            while len(self._clients) <= CONNECTIONS and await self._one(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The other side has gone, or the proxy is closing: nobody is left to be told.
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; say whether the connection stays."""
        stays = False
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                head = await read_head(reader)
            if head is None:
                return False
            if head.start[2] not in ("HTTP/1.0", "HTTP/1.1"):
                raise BadMessage("the version must be HTTP/1.0 or HTTP/1.1")
            if head.start[0] == "CONNECT":
                await self._tunnel(head, reader, writer)
                return False
            body = await request_body(head, reader)
            stays = head.keep_alive
            return await self._request(head, body, writer, stays)
        except BadMessage as error:
            stays = False
            refusal = _Refused("400 Bad Request", f"{error}")
        except _Refused as refused:
            refusal = refused
        message = f"{refusal}\n".encode()
        headers = [("content-type", "text/plain; charset=utf-8"), *refusal.headers]
        await answer(writer, refusal.status, headers, message, stays)
        return stays

    async def _request(
        self, head: Head, body: bytes, writer: asyncio.StreamWriter, stays: bool
    ) -> bool:
        method, target, _ = head.start
        url = absolute(target)
        name = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
        host, port = self._checked(name, 80 if url.port is None else url.port)
        folder = self.policy.mount(host, port)
        if folder is not None:
            if method not in ("GET", "HEAD"):
                allow = ("allow", "GET, HEAD")
                raise _Refused("405 Method Not Allowed", f"{host} is read-only", allow)
            served = await asyncio.to_thread(mounts.serve, folder, url.path or "/")
            if served is None:
                raise _Refused("404 Not Found", f"{host} has no {url.path[:200]}")
            fixed = [("cache-control", "no-cache"), ("etag", served.tag)]
            headers = [("content-type", served.kind), ("x-content-type-options", "nosniff"), *fixed]
            if head.get("if-none-match") == served.tag:
                await answer(writer, "304 Not Modified", fixed, None, stays)
            else:
                await answer(writer, "200 OK", headers, served.body, stays, method == "HEAD")
            return stays
        there, outgoing = await self._connect(host, port)
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            # The server must hear the name that was checked, whatever the client's Host says.
            headers = [(key, value) for key, value in head.passed_on() if key != "host"]
            at = name if port == 80 else f"{name}:{port}"
            headers = [("host", at), *headers, ("connection", "close")]
            outgoing.write(write_head(f"{method} {path} HTTP/1.1", headers) + body)
            await outgoing.drain()
            return await forward(there, writer, method, stays)
        except BadMessage as error:
            raise _Refused("502 Bad Gateway", f"{host} answered no proper HTTP: {error}") from error
        finally:
            outgoing.close()

    async def _tunnel(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name, colon, digits = head.start[1].rpartition(":")
        if not colon or not digits.isascii() or not digits.isdigit() or not 0 < int(digits) < 65536:
            raise BadMessage("CONNECT takes host:port")
        host, port = self._checked(name, int(digits))
        if host in self.policy.mounts:
            raise self._denied(host, port, f"{host} is served over plain http only")
        there, outgoing = await self._connect(host, port)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await tunnel(reader, writer, there, outgoing)
        finally:
            outgoing.close()

    def _checked(self, name: str, port: int) -> tuple[str, int]:
        host = normal_host(name)
        if host is None:
            raise BadMessage(f"{name[:100]!r} is no host name")
        reason = self.policy.refuse_host(host, port)
        if reason is not None:
            raise self._denied(host, port, reason)
        return host, port

    async def _connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve, drop what the policy refuses, and connect to an address, never to a name."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._addresses(host, port)
                reasons = [self.policy.refuse_address(host, port, address) for address in found]
                open_to = [a for a, reason in zip(found, reasons, strict=True) if reason is None]
                if not open_to:
                    raise self._denied(host, port, next(filter(None, reasons), "it has no address"))
                for address in open_to[:-1]:
                    try:
                        return await asyncio.open_connection(address, port, limit=HEAD)
                    except OSError:
                        continue
                return await asyncio.open_connection(open_to[-1], port, limit=HEAD)
        except (OSError, TimeoutError) as error:
            why = "it took too long" if isinstance(error, TimeoutError) else f"{error}"
            message = f"{host}:{port} cannot be reached: {why[:200]}"
            raise _Refused("502 Bad Gateway", message, ("x-proxy-error", "unreachable")) from error

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return list(dict.fromkeys(await self._resolve(host, port)))

    def _denied(self, host: str, port: int, reason: str) -> _Refused:
        self._denials.append(Denial(host, port, reason))
        return _Refused("403 Forbidden", reason, ("x-policy", "denied"))


async def resolve_here(host: str, port: int) -> Sequence[str]:
    """Ask the machine's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
