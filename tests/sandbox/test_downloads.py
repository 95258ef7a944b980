"""Downloads: what comes, under which name, and what does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox.browser import Browser
from journeyman.sandbox.downloads import NAME, plain, safe_name
from journeyman.sandbox.page import LivePage
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import PageServer, open_url

browser = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@given(st.text(max_size=300))
def test_a_name_offered_becomes_one_that_leads_nowhere(offered: str) -> None:
    name = safe_name(offered)
    assert 0 < len(name) <= NAME and not name.startswith((".", "-"))
    assert not set(name) & set('/\\\0\n:*?"<>|') and name.strip() == name
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("offered", "name"),
    [("report.csv", "report.csv"), ("../../etc/passwd", "passwd"), ("c:\\a\\b.txt", "b.txt"),
     (".bashrc", "bashrc"), ("..", "file"), ("", "file"), ("é ü.pdf", "é ü.pdf"),
     ("a\nb.txt", "a_b.txt")],
)  # fmt: skip
def test_names_as_they_are_kept(offered: str, name: str) -> None:
    assert safe_name(offered) == name


def test_only_a_plain_file_within_the_limit_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    assert plain(secret, 6) == b"secret"
    assert plain(secret, 5) is None
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "nothing", "."):
        assert plain(tmp_path / name, 100) is None


class Giver:
    """A server of this test's own that gives files, one of them without end."""

    def __init__(self) -> None:
        self.sent = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
            if path == b"/":
                body = b"<a href=endless>Endless</a><a href=named>Named</a>"
                writer.write(f"{head}text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode())
                writer.write(body)
            else:
                writer.write(f"{head}application/octet-stream\r\n".encode())
                name = b'Content-Disposition: attachment; filename="../../../up.bin"\r\n\r\n'
                writer.write(name + b"data" * 2)
                while path == b"/endless":
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    self.sent += 65536
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture(loop_scope="module")
async def giver() -> AsyncIterator[Giver]:
    giver = Giver()
    server = await asyncio.start_server(giver.serve, "127.0.0.1", 0)
    giver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield giver


async def click(page: LivePage, name: str) -> None:
    await PageServer(page).serve("click", {"role": "link", "name": name})


async def told(page: LivePage, many: int = 1) -> list[str]:
    """Wait for notes."""
    notes: list[str] = []
    async with asyncio.timeout(20):
        while len(notes) < many:
            notes += page.tabs.take_notes()
            await asyncio.sleep(0.02)
    return notes


class TestInChromium:
    pytestmark = browser

    async def test_files_come_within_the_limit_under_safe_names(
        self, chromium: Browser, giver: Giver, tmp_path: Path
    ) -> None:
        address = f"127.0.0.1:{giver.port}"
        policy = Policy(private_ok=(address,), downloads_mb=1)
        async with chromium.page(policy) as page:
            await open_url(page, f"http://{address}/")
            await click(page, "Named")
            assert "up.bin" in (await told(page))[0]
            await click(page, "Named")
            await told(page)
            came = page.received()
            assert set(came.values()) == {b"datadata"} and page.received() == {}
            first, second = came
            assert first.endswith("up.bin") and second.endswith("up-2.bin")
            assert all(path.startswith("downloads/") and path.count("/") == 1 for path in came)

    async def test_a_file_without_end_is_cut_off(self, chromium: Browser, giver: Giver) -> None:
        address = f"127.0.0.1:{giver.port}"
        async with chromium.page(Policy(private_ok=(address,), downloads_mb=1)) as page:
            await open_url(page, f"http://{address}/")
            await click(page, "Endless")
            assert "did not come" in (await told(page))[0]
            assert page.received() == {}
            sent = giver.sent
            await asyncio.sleep(0.5)
            assert giver.sent <= sent + 4 * 1024 * 1024, "it is still being received"
            await click(page, "Named")
            assert "has come" in (await told(page))[0]

    async def test_without_leave_nothing_comes(self, chromium: Browser, giver: Giver) -> None:
        address = f"127.0.0.1:{giver.port}"
        async with chromium.page(Policy(private_ok=(address,))) as page:
            await open_url(page, f"http://{address}/")
            await click(page, "Endless")
            await page.settle(0.3)
            assert page.received() == {} and giver.sent < 64 * 1024 * 1024
            assert await PageServer(page).serve("names", {"role": "link"}) == ["Endless", "Named"]

    async def test_what_a_page_makes_itself_comes_too(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").write_text(
            "<a id=a download=made.txt>Make</a><script>"
            "a.href = URL.createObjectURL(new Blob(['made here']))</script>"
        )
        policy = Policy(mounts={"page.test": tmp_path}, downloads_mb=1)
        async with chromium.page(policy) as page:
            await open_url(page, "http://page.test/")
            await click(page, "Make")
            await told(page)
            assert page.received() == {"downloads/made.txt": b"made here"}
