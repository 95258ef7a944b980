"""The proxy with real sockets on loopback: what passes, what does not, what the client is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from journeyman.sandbox.policy import Policy
from journeyman.sandbox.proxy import PolicyProxy

OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "/chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "/to-end": OK + b"\r\nhello",
    "/short": OK + b"Content-Length: 99\r\n\r\nhello",
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    "/hint": b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
    "/switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello",
    "/noise": b"220 mail.example ESMTP\r\n\r\n",
}
PLAIN = OK + b"Content-Length: 5\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nhello"


class Site:
    """A server of our own; keeps what it was sent and answers by path."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            self.heard.append(head + body)
            writer.write(ANSWERS.get(head.split(b" ")[1].decode(), PLAIN))
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def proxied(
    site: Site, names: dict[str, list[str]] | None = None
) -> AsyncIterator[PolicyProxy]:
    """A proxy for the site by address and as `site.example`; other names by `names`."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        known = {"site.example": ["127.0.0.1"], **(names or {})}
        if host not in known:
            raise OSError("no such name")
        return known[host]

    port = site.port
    policy = Policy(
        allowed=("*", f"*.rebind.example:{port}", f"rebind.example:{port}"),
        private_ok=(f"127.0.0.1:{port}", f"site.example:{port}"),
    )
    async with PolicyProxy(policy, resolve=resolve) as proxy:
        yield proxy


async def send(proxy: PolicyProxy, raw: bytes) -> bytes:
    """Send bytes and read to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    writer.write(raw)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def get(proxy: PolicyProxy, url: str, method: str = "GET", extra: str = "") -> bytes:
    return await send(
        proxy, f"{method} {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n".encode()
    )


async def test_it_forwards_and_cleans_the_head(site: Site) -> None:
    async with proxied(site) as proxy:
        extra = "Proxy-Authorization: s\r\nConnection: x-one\r\nX-One: 1\r\nX-Two: 2\r\n"
        extra += "Content-Length: 4\r\n"
        url = f"http://site.example:{site.port}/a?b=c#d"
        answer = await send(proxy, f"POST {url} HTTP/1.1\r\nHost: evil\r\n{extra}\r\nbody".encode())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nhello")
    assert b"x-hop" not in answer.lower()
    assert site.heard == [
        f"POST /a?b=c HTTP/1.1\r\nhost: site.example:{site.port}\r\nx-two: 2\r\n"
        "content-length: 4\r\nconnection: close\r\n\r\nbody".encode()
    ]


@pytest.mark.parametrize("path", ["/", "/chunked", "/to-end", "/hint"])
async def test_every_way_to_end_an_answer_is_passed_on(site: Site, path: str) -> None:
    async with proxied(site) as proxy:
        answer = await get(proxy, f"http://127.0.0.1:{site.port}{path}")
    assert answer.startswith(b"HTTP/1.1 200") and (b"hello" in answer or b"hi" in answer)


async def test_the_connection_stays_where_lengths_are_known(site: Site) -> None:
    async with proxied(site) as proxy:
        one = f"GET http://127.0.0.1:{site.port}/ HTTP/1.1\r\n\r\n".encode()
        assert (await send(proxy, one * 3)).count(b"hello") == 3
        short = f"GET http://127.0.0.1:{site.port}/short HTTP/1.1\r\n\r\n".encode()
        assert (await send(proxy, short + one)).count(b"hello") == 1


@pytest.mark.parametrize("path", ["/switch", "/noise"])
async def test_an_answer_that_is_no_plain_http_is_not_passed_on(site: Site, path: str) -> None:
    async with proxied(site) as proxy:
        answer = await get(proxy, f"http://127.0.0.1:{site.port}{path}")
    assert answer.startswith(b"HTTP/1.1 502") and b"hello" not in answer and b"ESMTP" not in answer


async def test_a_redirect_to_a_denied_address_is_denied_and_recorded(site: Site) -> None:
    async with proxied(site) as proxy:
        moved = await get(proxy, f"http://127.0.0.1:{site.port}/moved")
        assert b"location: http://10.0.0.1/" in moved
        answer = await get(proxy, "http://10.0.0.1/")
        assert answer.startswith(b"HTTP/1.1 403") and b"x-policy: denied" in answer
        assert answer.endswith(b"private_ok to allow it\n")
        assert [(denial.host, denial.port) for denial in proxy.denials] == [("10.0.0.1", 80)]


URLS = "http://rebind.example:{port}/ http://a.rebind.example:{port}/ http://inner.example/"
URLS += " http://meta.example/latest http://mapped.example/ http://[::1]/ http://127.0.0.1/"
URLS += (
    " http://[::ffff:127.0.0.1]/ http://2130706433/ http://LOCALHOST./ http://public.example:22/"
)


@pytest.mark.parametrize("url", URLS.split())
@pytest.mark.parametrize("connect", [False, True])
async def test_names_and_spellings_of_private_addresses_are_denied(
    site: Site, url: str, connect: bool
) -> None:
    names = {
        "rebind.example": ["127.0.0.1"],
        "a.rebind.example": ["127.0.0.1", "::1"],
        "inner.example": ["192.168.0.1"],
        "meta.example": ["169.254.169.254"],
        "mapped.example": ["::ffff:127.0.0.1"],
        "2130706433": ["127.0.0.1"],
        "localhost": ["::1", "127.0.0.1"],
    }
    url = url.format(port=site.port)
    async with proxied(site, names=names) as proxy:
        if connect:
            at = url.removeprefix("http://").partition("/")[0]
            at += "" if at.rpartition(":")[2].isdigit() and not at.isdigit() else ":80"
            answer = await send(proxy, f"CONNECT {at} HTTP/1.1\r\n\r\n".encode())
        else:
            answer = await get(proxy, url)
        assert answer.startswith(b"HTTP/1.1 403"), answer
        assert len(proxy.denials) == 1
    assert site.heard == []


async def test_the_address_that_was_checked_is_the_one_connected_to(site: Site) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    name = f"moving.example:{site.port}"
    async with PolicyProxy(Policy(private_ok=(name,)), resolve=resolve) as proxy:
        assert (await get(proxy, f"http://{name}/")).endswith(b"hello")
        assert answers == [["10.0.0.1"]]


async def test_a_tunnel_carries_bytes_both_ways(site: Site) -> None:
    async with proxied(site) as proxy:
        connect = f"CONNECT site.example:{site.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url[17:]))
        writer.write(connect)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        writer.write(b"GET /inside HTTP/1.1\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"hello")
        writer.close()
    assert site.heard == [b"GET /inside HTTP/1.1\r\n\r\n"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET https://example.org/ HTTP/1.1\r\n\r\n",
        b"GET file:///etc/passwd HTTP/1.1\r\n\r\n",
        b"GET http://user@example.org/ HTTP/1.1\r\n\r\n",
        b"GET http://example.org:99999/ HTTP/1.1\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"GET http://example.org/ a HTTP/1.1\r\n\r\n",
        b"CONNECT example.org HTTP/1.1\r\n\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_proper_request_gets_400(site: Site, raw: bytes) -> None:
    async with proxied(site) as proxy:
        assert (await send(proxy, raw)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_what_cannot_be_reached_gets_a_sentence(site: Site) -> None:
    async with proxied(site) as proxy:
        answer = await get(proxy, "http://nowhere.example/")
        assert (
            answer.startswith(b"HTTP/1.1 502") and b"nowhere.example:80 cannot be reached" in answer
        )
        assert proxy.denials == ()


async def test_two_tasks_have_two_policies(site: Site) -> None:
    async with proxied(site) as wide, PolicyProxy(Policy()) as narrow:
        url = f"http://127.0.0.1:{site.port}/"
        assert (await get(wide, url)).startswith(b"HTTP/1.1 200")
        assert (await get(narrow, url)).startswith(b"HTTP/1.1 403")
        assert wide.denials == () and len(narrow.denials) == 1
        # Neither is a way to the other, though both listen on this machine.
        assert (await get(wide, narrow.url + "/")).startswith(b"HTTP/1.1 403")


async def test_closing_ends_open_connections(site: Site) -> None:
    async with proxied(site) as proxy:
        port = int(proxy.url[17:])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
