"""Carries an ending out to its end, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def whole(ending: Coroutine[None, None, None]) -> None:
    """Await it to its end, and raise a cancellation only then.

    Whoever is cancelled while it ends a sandbox is the last to know of its processes.
    """
    task = asyncio.create_task(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
