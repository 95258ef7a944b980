"""The walls around Chromium: what can be reached from inside, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from journeyman.sandbox import PrimitiveFailed, SandboxUnavailable, chromium, tree
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.cage import Cage
from journeyman.sandbox.chromium import Walls, find_chromium
from journeyman.sandbox.door import Door
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.proxy import PolicyProxy
from journeyman.sandbox.server import open_url

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caged() -> AsyncIterator[Browser]:
    """A Chromium of this file's own, that has started inside bubblewrap."""
    if find_chromium() is None or shutil.which("bwrap") is None:
        pytest.skip("needs chromium and bubblewrap: apt-get install chromium bubblewrap")
    os.environ["JOURNEYMAN_MARK"] = "visible"
    browser = Browser()
    async with browser.page(Policy()):
        pass
    del os.environ["JOURNEYMAN_MARK"]
    yield browser
    await browser.close()


def processes() -> dict[int, str]:
    """The Chromium processes below this one, with their kind; `browser` is the first."""
    found = {}
    for pid in tree.descendants(os.getpid()):
        try:
            # What the zygote forks writes its words as one.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split()
        except OSError:
            continue
        if words and words[0].endswith("/chromium"):
            kinds = [word.partition("=")[2] for word in words if word.startswith("--type=")]
            found[pid] = kinds[0] if kinds else "browser"
    return found


async def gone(pids: list[int]) -> bool:
    async with asyncio.timeout(20):
        while any(map(tree.alive, pids)):
            await asyncio.sleep(0.05)
    return True


async def read(browser: Browser, address: str, by: str = "http://127.0.0.1:1") -> str:
    """What Chromium itself shows at an address, without our checks, by a proxy of our choice."""
    assert browser._running is not None
    context = await browser._running.browser.new_context(proxy={"server": by})
    try:
        page = await context.new_page()
        await page.goto(address, timeout=10_000)
        return await page.inner_text("body")
    finally:
        await context.close()


async def test_both_walls_stand_here(caged: Browser) -> None:
    assert caged.walls == Walls(bubblewrap=True, own=True)
    assert str(caged.walls) == "bubblewrap without a network and Chromium's own sandbox"


async def test_each_page_is_shut_in_once_more_by_chromium(caged: Browser) -> None:
    async with caged.page(Policy()):
        kinds = processes()
        (first,) = [pid for pid, kind in kinds.items() if kind == "browser"]
        renderers = [pid for pid, kind in kinds.items() if kind == "renderer"]
        assert renderers
        for pid in renderers:
            spaces = {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in ("net", "pid")}
            assert all(
                os.readlink(f"/proc/{first}/ns/{name}") != space for name, space in spaces.items()
            )
            status = Path(f"/proc/{pid}/status").read_text()
            assert "Seccomp:\t2" in status and "CapEff:\t0000000000000000" in status


async def test_files_of_the_host_are_not_there(caged: Browser, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    tmp_path.chmod(0o755)
    for path in (f"{tmp_path}/secret.txt", "/etc/passwd", "/etc/hostname", "/root/", "/home/",
                 "/var/", "/run/", "/sys/", str(Path(__file__))):  # fmt: skip
        with pytest.raises(Exception, match=r"ERR_FILE_NOT_FOUND|ERR_ACCESS_DENIED"):
            await read(caged, f"file://{path}")


async def test_neither_other_processes_nor_our_environment_is_there(caged: Browser) -> None:
    listing = await read(caged, "file:///proc/")
    inside = {int(word.rstrip("/")) for word in listing.split() if word.rstrip("/").isdigit()}
    assert inside and os.getpid() not in inside
    (first,) = [pid for pid, kind in processes().items() if kind == "browser"]
    environment = Path(f"/proc/{first}/environ").read_bytes()
    assert b"JOURNEYMAN_MARK" not in environment and b"HOME=/tmp" in environment


async def test_no_listener_of_this_machine_can_be_reached(caged: Browser) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "[::1]", "192.0.2.1"):
            with pytest.raises(Exception, match="ERR_PROXY_CONNECTION_FAILED"):
                await read(caged, "http://example.org/", by=f"http://{host}:{port}")
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_it_runs_as_a_user_of_its_own(caged: Browser) -> None:
    (first,) = [pid for pid, kind in processes().items() if kind == "browser"]
    assert os.stat(f"/proc/{first}").st_uid != 0


async def test_only_its_downloads_are_shared_with_it(caged: Browser) -> None:
    assert caged._running is not None
    (first,) = [pid for pid, kind in processes().items() if kind == "browser"]
    mounts = [line.split() for line in Path(f"/proc/{first}/mounts").read_text().splitlines()]
    writable = {place for _, place, _, options, *_ in mounts if "rw" in options.split(",")}
    devices = {place for place in writable if place.startswith("/dev/")}
    assert writable - devices == {"/proc", "/tmp", "/knock", str(caged._running.downloads)}


@pytest.mark.parametrize("kind", ["renderer", "network", "browser"])
async def test_a_process_that_is_killed_is_a_failed_call_and_the_next_task_works(
    caged: Browser, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "index.html").write_text("<p>up</p>")
    policy = Policy(mounts={"page.test": tmp_path})
    async with caged.page(policy) as page:
        await open_url(page, "http://page.test/")
        if kind == "network":
            pids = [pid for pid, is_of in processes().items() if is_of == "utility"]
        else:
            pids = [pid for pid, is_of in processes().items() if is_of == kind]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if kind != "network":  # which Chromium starts again by itself
            with pytest.raises(PrimitiveFailed, match=r"has (crashed|closed|ended)"):
                async with asyncio.timeout(8):
                    while True:
                        await page.glance()
            assert await gone(pids)
    async with caged.page(policy) as page:
        await open_url(page, "http://page.test/")
        assert "up" in (await page.glance()).text


async def test_closing_leaves_no_process_and_no_folder() -> None:
    browser = Browser()
    before = set(processes())
    async with browser.page(Policy()):
        assert browser._running is not None
        folder = browser._running.downloads.parent
        started = [pid for pid in processes() if pid not in before]
        assert folder.exists() and started
    await browser.close()
    assert await gone(started) and not folder.exists()


HOST = """
import asyncio, os, sys
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.policy import Policy
async def main():
    async with Browser().page(Policy()):
        print(os.getpid(), flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_dies_with_this_program() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE)
    assert host.stdout is not None and host.stdout.readline()
    below = tree.descendants(host.pid)
    host.kill()
    host.wait()
    host.stdout.close()
    assert len(below) > 5 and await gone(below)


async def test_without_any_wall_no_page_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = find_chromium()
    assert found is not None
    monkeypatch.setattr(chromium, "_choices", lambda headless: [Walls(True, True)])
    monkeypatch.setenv("PATH", str(tmp_path))
    browser = Browser(found)
    try:
        with pytest.raises(SandboxUnavailable, match="apt-get install chromium bubblewrap"):
            async with browser.page(Policy()):
                pass
    finally:
        await browser.close()


async def test_root_never_does_without_bubblewrap() -> None:
    for headless in (True, False):
        choices = chromium._choices(headless)
        assert all(walls.bubblewrap or walls.own for walls in choices)
        if os.geteuid() == 0:
            assert all(walls.bubblewrap for walls in choices)
        assert headless or not any(walls.bubblewrap for walls in choices)


async def test_a_program_that_does_not_knock_is_not_believed(tmp_path: Path) -> None:
    cage = Cage("/usr/bin/chromium")
    try:
        with pytest.raises(SandboxUnavailable, match="without its network namespace"):
            cage.proved()
        stranger = socket.socket(socket.AF_UNIX)
        stranger.connect(str(cage.folder / "knock"))
        with socket.socket() as listener, stranger:
            listener.bind(("127.0.0.1", 0))
            socket.send_fds(stranger, [b"1"], [listener.fileno()])
            with pytest.raises(SandboxUnavailable, match="shares the net namespace"):
                cage.proved()
    finally:
        cage.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("0.0.0.0", 0))
        yield made


async def test_a_door_leads_each_task_to_its_own_proxy_and_nobody_else(
    listener: socket.socket,
) -> None:
    door = Door(listener.dup())
    await door.open()
    seen = {}
    async with PolicyProxy(Policy(), door=door) as one:
        async with PolicyProxy(Policy(), door=door) as other:
            assert one.url != other.url
            for proxy in (one, other):
                seen[proxy] = await ask(proxy.url)
            assert len(one.denials) == len(other.denials) == 1
            left = other.url
        assert all(b"403" in answer for answer in seen.values())
        assert await ask(left) == b"", "the task has ended, and its address is nobody's"
        assert await ask(left.replace(left.split("/")[2].split(":")[0], "127.0.0.1")) == b""
    door.close()


async def ask(url: str) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"GET http://example.org/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
