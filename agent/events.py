"""What a run tells while it goes on: typed events, for a terminal, an application or a log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "start", "recall", "direct", "plan", "action", "observation", "reflect", "judge", "learn",
    "end", "progress",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, in words, with its figures."""

    kind: Kind
    text: str
    data: dict[str, Any] = field(default_factory=dict)


async def stream(work: Callable[[Callable[[Event], None]], Awaitable[Any]]) -> AsyncIterator[Event]:
    """Yield what `work` tells while it goes on; leaving early ends it. Raises what it raises."""
    queue: asyncio.Queue[Event | None] = asyncio.Queue()

    async def worked() -> None:
        try:
            await work(queue.put_nowait)
        finally:
            queue.put_nowait(None)

    running = asyncio.create_task(worked())
    try:
        while (event := await queue.get()) is not None:
            yield event
        await running
    finally:
        running.cancel()
