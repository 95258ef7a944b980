"""A folder served through the proxy: its files and nothing else."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from journeyman.sandbox.policy import Policy
from journeyman.sandbox.proxy import PolicyProxy


async def send(proxy: PolicyProxy, raw: bytes) -> bytes:
    """Send bytes and read to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    writer.write(raw)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def get(proxy: PolicyProxy, url: str, method: str = "GET", extra: str = "") -> bytes:
    return await send(proxy, f"{method} {url} HTTP/1.1\r\n{extra}\r\n".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "html"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>é</p>")
    (root / "sub" / "a b.js").write_text("1")
    os.symlink(tmp_path / "secret.txt", root / "link.txt")
    os.symlink(root / "index.html", root / "inner.html")
    return root


async def test_a_mounted_folder_is_a_site(folder: Path) -> None:
    async with PolicyProxy(Policy(mounts={"files.test": folder})) as proxy:
        one = b"GET http://files.test/ HTTP/1.1\r\n\r\n"
        answer = await send(
            proxy, one + b"GET http://FILES.test:80/sub/a%20b.js?x=1 HTTP/1.1\r\n\r\n"
        )
        assert answer.count(b"HTTP/1.1 200 OK") == 2 and answer.endswith(b"\r\n\r\n1")
        assert b"content-type: text/html; charset=utf-8" in answer and "<p>é</p>".encode() in answer
        assert b"content-type: text/javascript; charset=utf-8" in answer
        assert b"200 OK" in await get(proxy, "http://files.test/inner.html")
        head = await get(proxy, "http://files.test/", "HEAD")
        assert b"content-length: 9\r\n" in head and head.endswith(b"\r\n\r\n")
        tag = head.partition(b"etag: ")[2].partition(b"\r\n")[0].decode()
        again = await get(proxy, "http://files.test/", extra=f"If-None-Match: {tag}\r\n")
        assert again.startswith(b"HTTP/1.1 304")
        posted = await get(proxy, "http://files.test/", "POST")
        assert posted.startswith(b"HTTP/1.1 405") and b"allow: GET, HEAD" in posted
        for port in (80, 443):
            tunnel = await send(proxy, f"CONNECT files.test:{port} HTTP/1.1\r\n\r\n".encode())
            assert tunnel.startswith(b"HTTP/1.1 403"), tunnel


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/link.txt",
        "//secret.txt",
        "/sub",
        "/sub/",
        "/index.html%00",
        "/%ff",
        "/" + "a" * 5000,
        "//etc/passwd",
        "/%2fetc/passwd",
    ],
)
async def test_nothing_else_is_served(folder: Path, path: str) -> None:
    async with PolicyProxy(Policy(mounts={"files.test": folder})) as proxy:
        answer = await get(proxy, f"http://files.test{path}")
        assert answer.startswith(b"HTTP/1.1 404"), answer
        assert b"secret\n" not in answer and b"root:" not in answer
