"""Small pages shown in real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from journeyman.sandbox.browser import Browser
from journeyman.sandbox.page import LivePage
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import open_url

Show = Callable[..., Awaitable[LivePage]]


@pytest_asyncio.fixture(loop_scope="module")
async def show(chromium: Browser, tmp_path: Path) -> AsyncIterator[Show]:
    """Write HTML to a file and open it in a page of its own, under http://page.test."""
    async with AsyncExitStack() as stack:

        async def show(body: str, size: tuple[int, int] = (800, 600), **more: str) -> LivePage:
            for name, text in {"index": body, **more}.items():
                html = f"<!doctype html><meta charset=utf-8><title>{name}</title>{text}"
                (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
            policy = Policy(mounts={"page.test": tmp_path})
            page = await stack.enter_async_context(chromium.page(policy, size))
            await open_url(page, "http://page.test/index.html")
            return page

        yield show
