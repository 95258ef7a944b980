"""Finds Chromium, starts it shut in as well as this machine allows, and ends it.

Two walls: bubblewrap around the whole browser (`cage.py`), and Chromium's own sandbox around each
page. Both where both work; either alone is enough; with neither no page is opened. Root has no use
of the second alone: Chromium refuses it. Covered: Linux; elsewhere Chromium's own sandbox alone.
Not covered: a visible window inside bubblewrap.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import SandboxUnavailable
from .cage import Cage
from .door import Door
from .quietly import quietly

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

FLAGS = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
]
# A page opens a window only where a person's browser would let it: upon a click.
LEFT_OUT = ["--disable-popup-blocking"]
# No key or secret of this process's environment is a browser's business.
ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"),
    *("DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"),
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Walls:
    """What stands between a page and this machine."""

    bubblewrap: bool
    own: bool
    """Chromium's own sandbox."""

    def __str__(self) -> str:
        names = ["bubblewrap without a network"] * self.bubblewrap
        return " and ".join(names + ["Chromium's own sandbox"] * self.own)


@dataclass(frozen=True, slots=True)
class Running:
    """A Chromium that runs."""

    browser: Browser
    walls: Walls
    downloads: Path
    """Where it puts what it downloads."""
    door: Door | None
    """The way out of its network namespace, where it has one."""
    _with_it: AsyncExitStack

    async def close(self) -> None:
        """End it and remove what it left."""
        await self._with_it.aclose()


def find_chromium(configured: str | None = None) -> str | None:
    """The browser to run: the configured one, else an installed Chrome or Chromium, else None."""
    if configured:
        if not Path(configured).exists():
            raise SandboxUnavailable(
                f"there is no browser at {configured}; correct browser.executable in the settings"
            )
        return configured
    return next((path for name in NAMES if (path := shutil.which(name))), None)


async def driver() -> Playwright:
    """Start what drives browsers. Raises `SandboxUnavailable`."""
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise SandboxUnavailable(
            "the browser needs playwright: pip install 'journeyman[browser]'"
        ) from error
    return await async_playwright().start()


async def start(playwright: Playwright, executable: str | None, headless: bool) -> Running:
    """Start a Chromium behind the best walls to be had. Raises `SandboxUnavailable`."""
    found = find_chromium(executable) or playwright.chromium.executable_path
    tried: list[str] = []
    for walls in _choices(headless):
        try:
            return await _start(playwright, found, headless, walls)
        except SandboxUnavailable as error:
            tried.append(f"with {walls}: {error}")
    raise SandboxUnavailable(
        "Chromium could not be started behind any wall, and without one no page is opened; "
        + ("; ".join(tried) or "a visible browser cannot be run as root: run as another user")
        + ". Install what is missing: apt-get install chromium bubblewrap"
    )


def _choices(headless: bool) -> list[Walls]:
    choices = []
    if sys.platform == "linux" and headless:
        choices += [Walls(bubblewrap=True, own=True), Walls(bubblewrap=True, own=False)]
    if sys.platform != "linux" or os.geteuid() != 0:
        choices.append(Walls(bubblewrap=False, own=True))
    return choices


async def _start(playwright: Playwright, found: str, headless: bool, walls: Walls) -> Running:
    from playwright.async_api import Error

    async with AsyncExitStack() as stack:
        cage = Cage(found) if walls.bubblewrap else None
        if cage is not None:
            stack.callback(cage.close)
            downloads = cage.downloads
        else:
            downloads = Path(tempfile.mkdtemp(prefix="journeyman-downloads-"))
            stack.callback(shutil.rmtree, downloads, ignore_errors=True)
        try:
            browser = await playwright.chromium.launch(
                executable_path=cage.executable if cage is not None else found,
                headless=headless,
                args=FLAGS,
                ignore_default_args=LEFT_OUT,
                chromium_sandbox=walls.own,
                downloads_path=downloads,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
        except Error as error:
            raise SandboxUnavailable(_reason(str(error))) from error
        stack.push_async_callback(_end, browser)
        door = cage.proved() if cage is not None else None
        if door is not None:
            await door.open()
            stack.callback(door.close)
        return Running(browser, walls, downloads, door, stack.pop_all())
    raise AssertionError("unreachable")


async def _end(browser: Browser) -> None:
    await quietly(browser.close())


def _reason(log: str) -> str:
    """The last thing said before it ended: bubblewrap's or Chromium's own words."""
    said = [line.partition("[err]")[2].strip() for line in log.splitlines() if "[err]" in line]
    return (said[-1] if said else log.splitlines()[0])[:200]
