"""Chromium on the host side of the pipe: one browser, a context of its own for each task.

The only file that imports playwright. `PageServer` answers the primitive calls of code inside a
sandbox; each call is checked against the vocabulary and the manifest, journalled, then carried out.

Covered: one context and one policy proxy a task, no `file:` or `data:` pages, no service workers,
no WebRTC around the proxy, downloads refused, dialogs dismissed. Not covered yet: frames, uploads,
secrets, Chromium inside a sandbox of its own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import EpisodeOver, PrimitiveFailed, PrimitiveRefused, SandboxUnavailable
from .base import Json, View
from .page import LivePage, answered, describe
from .policy import Policy
from .primitives import PRIMITIVES, problem
from .proxy import PolicyProxy

if TYPE_CHECKING:
    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import Dialog

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
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium(configured: str | None = None) -> str | None:
    """The browser to run: the configured one, else an installed Chrome or Chromium, else None."""
    if configured:
        if not Path(configured).exists():
            raise SandboxUnavailable(
                f"there is no browser at {configured}; correct browser.executable in the settings"
            )
        return configured
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Chromium, started at first use and again if it has died."""

    def __init__(self, executable: str | None = None, headless: bool = True) -> None:
        self._executable = executable
        self._headless = headless
        self._playwright: Any = None
        self._browser: PlaywrightBrowser | None = None

    async def _ready(self) -> PlaywrightBrowser:
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        try:
            from playwright.async_api import Error, async_playwright
        except ImportError as error:
            raise SandboxUnavailable(
                "the browser needs playwright: pip install 'journeyman[browser]'"
            ) from error
        if self._playwright is None:
            self._playwright = await async_playwright().start()
        flags = list(FLAGS)
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        try:
            self._browser = await self._playwright.chromium.launch(
                executable_path=find_chromium(self._executable), headless=self._headless, args=flags
            )
        except Error as error:
            raise SandboxUnavailable(
                "Chromium could not be started "
                f"({str(error).splitlines()[0]}); install it with: apt-get install chromium"
            ) from error
        assert self._browser is not None
        return self._browser

    @asynccontextmanager
    async def page(
        self, policy: Policy, viewport: tuple[int, int] = (1024, 768)
    ) -> AsyncIterator[LivePage]:
        """A fresh page in a context of its own, whose every connection `policy` decides."""
        browser = await self._ready()
        async with PolicyProxy(policy) as proxy:
            context = await browser.new_context(
                proxy={"server": proxy.url, "bypass": "<-loopback>"},
                viewport={"width": viewport[0], "height": viewport[1]},
                service_workers="block",
                accept_downloads=False,
            )
            try:
                page = await context.new_page()
                page.on("dialog", lambda dialog: _forget(_close(dialog)))
                yield LivePage(page, lambda: [denial.reason for denial in proxy.denials])
            finally:
                await _quietly(context.close())

    async def close(self) -> None:
        """End the browser."""
        if self._browser is not None:
            await _quietly(self._browser.close())
        if self._playwright is not None:
            await _quietly(self._playwright.stop())
        self._browser = self._playwright = None


async def _close(dialog: Dialog) -> None:
    # A dialog would block every later call; a person would close it, and leave a page when asked.
    await (dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss())


async def _quietly(closing: Awaitable[Any]) -> None:
    # What is being closed may have crashed already; there is nothing left to save.
    try:
        await closing
    except Exception:
        return


def _forget(closing: Awaitable[Any]) -> None:
    task = asyncio.ensure_future(_quietly(closing))
    _pending.add(task)
    task.add_done_callback(_pending.discard)


_pending: set[Any] = set()

Over = Callable[[], Awaitable[bool]]
"""Whether the task has ended, so that nothing goes on."""


class PageServer:
    """Answers primitive calls on one page."""

    def __init__(
        self,
        page: LivePage,
        *,
        over: Over | None = None,
        primitives: tuple[str, ...] | None = None,
    ) -> None:
        self.page = page
        self._over = over
        self._allowed = frozenset(primitives if primitives is not None else PRIMITIVES)

    async def ended(self) -> bool:
        return self._over is not None and await self._over()

    async def serve(self, primitive: str, args: dict[str, Json]) -> Json:
        """Carry out one call. Raises `PrimitiveFailed`, `PrimitiveRefused` or `EpisodeOver`."""
        wrong = problem(primitive, args)
        if wrong is not None:
            raise PrimitiveFailed(wrong)
        if primitive not in self._allowed:
            raise PrimitiveRefused(
                f"{primitive} is not in the manifest, which has {', '.join(sorted(self._allowed))}"
            )
        if await self.ended():
            raise EpisodeOver("the task has ended")
        try:
            return await self._carry_out(primitive, dict(args))
        except (PrimitiveFailed, PrimitiveRefused, EpisodeOver):
            raise
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise PrimitiveFailed(f"{primitive} failed in the browser: {reason}") from error

    async def _carry_out(self, primitive: str, args: dict[str, Json]) -> Json:
        page = self.page
        extra = {key: args.pop(key) for key in PRIMITIVES[primitive].extra if key in args}
        match primitive:
            case "click":
                return await page.click(args)
            case "fill":
                return await page.fill(args, extra["text"])
            case "select":
                return await page.select(args, extra["option"])
            case "check":
                return await page.check(args, extra.get("on", True))
            case "press":
                return await answered(page.page.keyboard.press(extra["key"]))
            case "open_url":
                return await self._open(extra["url"])
            case "value":
                held = await page.call("value", args)
                if held is None:
                    raise PrimitiveFailed(f"there is no {describe(args)} in view")
                return held
        await page.settle()
        match primitive:
            case "visible":
                return await page.call("count", args) > args.get("nth", 0)
            case "count":
                return await page.call("count", args)
            case "names":
                return await page.call("names", args)
        return await page.call("text", 10_000)

    async def _open(self, url: str) -> None:
        await open_url(self.page, url)

    async def look(self, quiet: float) -> View:
        return await self.page.look(quiet)


async def open_url(page: LivePage, url: str) -> None:
    """Go to an address. Raises `PrimitiveRefused` for schemes other than http and https."""
    if not url.startswith(("http://", "https://")):
        raise PrimitiveRefused(f"{url[:80]!r} is not an http or https address")
    from playwright.async_api import Error

    for attempt in range(3):
        try:
            response = await page.page.goto(url, wait_until="load", timeout=20_000)
            break
        except Error as error:
            # The browser's own error page of an address refused before may still be on its way.
            if attempt < 2 and "interrupted by another navigation" in str(error):
                await asyncio.sleep(0.2)
                continue
            denied = page.denials()
            if denied:
                raise PrimitiveRefused(denied[-1]) from error
            reason = str(error).splitlines()[0].removeprefix("Page.goto: ").partition(" at ")[0]
            raise PrimitiveFailed(
                f"{url} could not be opened ({reason[:120]}): check the address and the connection"
            ) from error
    if response is not None and response.status == 403 and response.headers.get("x-policy"):
        raise PrimitiveRefused((await response.text())[:300])
