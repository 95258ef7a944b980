"""Types a secret into a field, on the page it is meant for and on no other.

Key events would go to whatever page is there by then: a redirect between two keys would share the
secret out. So it is put in without them, as pasting does, by the very document that the field was
found in, which says where it is and takes the text in one step; a document that has come after it
gets nothing. Covered: the top document. Not covered: frames, which no primitive reaches, and what a
page of the secret's own domain does with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import PrimitiveFailed, PrimitiveRefused
from .locators import describe
from .page import LivePage

Refuse = Callable[[str], str | None]
"""Why a secret may not be typed on a page of an address, or None."""


async def type_secret(page: LivePage, locator: dict[str, Any], text: str, refuse: Refuse) -> None:
    """Put a secret into a password or text field. Raises `PrimitiveRefused`, `PrimitiveFailed`."""
    # Asked first for a page that is the wrong one anyway: nothing is to be clicked there.
    _allow(refuse, page.page.url)
    at = await page.target(locator)
    what = describe(locator)
    if not at["secret"]:
        raise PrimitiveRefused(f"{what} is no password or text field: no secret is typed there")
    await page.press_on(at)
    origin = str(await page.here("origin"))
    _allow(refuse, origin)
    problem = await page.here("insert", text, origin)
    if problem:
        raise PrimitiveFailed(f"{what} {problem}")


def _allow(refuse: Refuse, url: str) -> None:
    reason = refuse(url)
    if reason is not None:
        raise PrimitiveRefused(reason)
