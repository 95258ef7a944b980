"""Chromium on the host side of the pipe: one browser, a context of its own for each task.

`server.py` answers the primitive calls of code on a page.

Covered: one context and one policy proxy a task, no `file:` or `data:` pages, no service workers,
no WebRTC around the proxy, no permission, downloads only where the policy allows them and within
its size; a crash is a failed call, and a browser that died is started again for the next task.
Walls around Chromium: `chromium.py`. Not covered: frames; the sum of Chromium's memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from . import chromium
from .chromium import Running, Walls
from .downloads import Downloads
from .page import LivePage
from .policy import Policy
from .proxy import PolicyProxy
from .quietly import quietly


class Browser:
    """One Chromium, started at first use and again if it has died."""

    def __init__(self, executable: str | None = None, headless: bool = True) -> None:
        self._executable = executable
        self._headless = headless
        self._playwright: Any = None
        self._running: Running | None = None
        self._starting = asyncio.Lock()

    @property
    def walls(self) -> Walls | None:
        """What stands around the Chromium that runs; None before the first page."""
        return self._running.walls if self._running is not None else None

    async def _ready(self) -> Running:
        async with self._starting:
            if self._running is not None:
                if self._running.browser.is_connected():
                    return self._running
                await self._running.close()
                self._running = None
            if self._playwright is None:
                self._playwright = await chromium.driver()
            self._running = await chromium.start(self._playwright, self._executable, self._headless)
            return self._running

    @asynccontextmanager
    async def page(
        self,
        policy: Policy,
        viewport: tuple[int, int] = (1024, 768),
        trace: Path | None = None,
    ) -> AsyncIterator[LivePage]:
        """A fresh page in a context of its own, whose every connection `policy` decides.

        A Playwright trace is written to `trace` at the end: all that was seen, sent and typed.
        """
        running = await self._ready()
        async with PolicyProxy(policy, door=running.door) as proxy:
            context = await running.browser.new_context(
                proxy={"server": proxy.url, "bypass": "<-loopback>"},
                viewport={"width": viewport[0], "height": viewport[1]},
                service_workers="block",
                accept_downloads=policy.downloads_mb > 0,
            )
            try:
                # Naming none refuses all of them, without a question.
                await context.grant_permissions([])
                if trace is not None:
                    await context.tracing.start(screenshots=True, snapshots=True)
                page = await context.new_page()
                live = LivePage(page, lambda: [denial.reason for denial in proxy.denials])
                if policy.downloads_mb:
                    downloads = Downloads(running.downloads, policy.downloads_mb, live.tabs.note)
                    live.received = downloads.take
                    context.on("page", downloads.watch)
                    downloads.watch(page)
                yield live
            finally:
                if trace is not None:
                    await quietly(context.tracing.stop(path=trace))
                await quietly(context.close())

    async def close(self) -> None:
        """End the browser."""
        if self._running is not None:
            await self._running.close()
        if self._playwright is not None:
            await quietly(self._playwright.stop())
        self._running = self._playwright = None
