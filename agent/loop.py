"""An event loop in a thread of its own, for callers that have none or are inside one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="journeyman", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


_shared: _Loop | None = None
_lock = threading.Lock()


def shared_loop() -> _Loop:
    global _shared
    with _lock:
        if _shared is None:
            _shared = _Loop()
        return _shared
