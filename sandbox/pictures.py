"""Pictures of a page on which no secret is seen.

Covered: fields that hold one are painted over, all fields alike, and so are frames, which are not
read; a page that shows one in its text is not taken at all. Not covered: a secret drawn on a canvas
or written by a style sheet; changes of less time than the taking.
"""

from __future__ import annotations

from pathlib import Path

from . import PrimitiveRefused
from .page import LivePage
from .secrets import Secrets

FIELDS = "input, textarea, select, [contenteditable]"
FRAMES = "iframe, frame, object, embed"


async def take(page: LivePage, secrets: Secrets, path: Path) -> None:
    """Keep what is in view as a JPEG. Raises `PrimitiveRefused` where a secret would be seen."""
    masks = ", ".join(filter(None, (FRAMES if secrets else "", await _fields(page, secrets))))
    picture = await page.screenshot(masks)
    # What came while it was taken may be in it.
    if await _fields(page, secrets) and FIELDS not in masks:
        raise PrimitiveRefused("a secret was typed while the picture was taken: it is not kept")
    path.write_bytes(picture)


async def _fields(page: LivePage, secrets: Secrets) -> str:
    """What of the fields is painted over: all of them once one holds a secret."""
    if not secrets:
        return ""
    shown = await page.call("exposed")
    if secrets.shows(shown["text"]):
        raise PrimitiveRefused("the page shows a secret: no picture is taken of it")
    return FIELDS if any(map(secrets.shows, shown["fields"])) else ""
