"""Closing what may have crashed already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

_pending: set[asyncio.Future[Any]] = set()


async def quietly(closing: Awaitable[Any]) -> None:
    """Wait for it, whatever comes of it: there is nothing left to save."""
    try:
        await closing
    except Exception:
        return


def forget(closing: Awaitable[Any]) -> None:
    """The same, beside what goes on."""
    task = asyncio.ensure_future(quietly(closing))
    _pending.add(task)
    task.add_done_callback(_pending.discard)
