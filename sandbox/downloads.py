"""Files a page gives the task: received on the host within a limit, handed on as bytes.

Covered: size, while they come; number; names; what the browser puts there instead of a plain file
(it is not trusted). Not covered: what the files hold.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .quietly import forget, quietly

if TYPE_CHECKING:
    from playwright.async_api import Download, Page

PLACE = "downloads"
"""The folder of the work area where they end up."""
MOST = 50
"""Files a task may receive."""
NAME = 120
TICK = 0.05


class Downloads:
    """Receives the downloads of one task from the folder where its browser puts them."""

    def __init__(self, folder: Path, megabytes: int, note: Callable[[str], None]) -> None:
        self._folder = folder
        self._left = megabytes << 20
        self._note = note
        self._names: set[str] = set()
        self._came: dict[str, bytes] = {}

    def watch(self, page: Page) -> None:
        """Receive what this page gives."""
        page.on("download", lambda download: forget(self._receive(download)))

    def take(self) -> dict[str, bytes]:
        """What has come since the last time, by its path in the work area."""
        came, self._came = self._came, {}
        return came

    async def _receive(self, download: Download) -> None:
        name = download.suggested_filename[:NAME]
        if self._left <= 0 or len(self._names) >= MOST:
            await quietly(download.cancel())
            self._note(f"the page offered {name!r}, which was refused: no download is left")
            return
        path = _place(download)
        if path.parent != self._folder:
            await quietly(download.cancel())
            return
        ended = asyncio.ensure_future(download.failure())
        while not ended.done():
            if _size(path) > self._left:
                await quietly(download.cancel())
            await asyncio.wait({ended}, timeout=TICK)
        failed = ended.exception() or ended.result()
        data = None if failed else plain(path, self._left)
        await quietly(download.delete())
        if data is None:
            self._note(f"the page offered {name!r}, which did not come: it is too large or broken")
            return
        self._left -= len(data)
        safe = self._unused(safe_name(name))
        self._names.add(safe)
        self._came[f"{PLACE}/{safe}"] = data
        self._note(f"the file {safe!r} has come; it lies in {PLACE}/ from the next action on")

    def _unused(self, name: str) -> str:
        stem, dot, ending = name.rpartition(".")
        stem, ending = (stem, dot + ending) if stem else (name, "")
        number, wanted = 1, name
        while wanted in self._names:
            number += 1
            wanted = f"{stem}-{number}{ending}"
        return wanted


def safe_name(offered: str) -> str:
    """A file name of letters, digits and `._- `: no path, no leading dot or dash, never empty."""
    last = re.split(r"[/\\]", offered)[-1]
    kept = re.sub(r"[^\w. -]", "_", last)[: NAME + 1].lstrip("-. ")
    return kept[:NAME].rstrip(". ") or "file"


def plain(path: Path, most: int) -> bytes | None:
    """A plain file's bytes, `most` at most; None for a link, a device, or what is larger."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode) or state.st_size > most:
            return None
        with open(fd, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(fd)
    return data if len(data) <= most else None


def _place(download: Download) -> Path:
    # Playwright tells the path only at the end; the size has to be watched before.
    inner: Any = download
    return Path(inner._impl_obj._artifact._initializer["absolutePath"])


def _size(path: Path) -> int:
    for place in (path, path.with_name(f"{path.name}.crdownload")):
        try:
            return place.lstat().st_size
        except OSError:
            continue
    return 0
