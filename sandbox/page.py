"""One browser page, looked at from an isolated world and acted on as a person would.

Covered: finding elements by semantic locators, waiting for them, real mouse and keyboard events,
proof that a field took what was typed, files given to a file field, the tab in view. Not covered:
frames (nothing in them is seen or acted on), canvas drawings, drag and drop. What may be called,
and where a page may go: `browser.py` and `proxy.py`; other tabs and question boxes: `tabs.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from . import PrimitiveFailed
from .base import View, view_from_json
from .locators import describe
from .tabs import TabMoved, Tabs
from .world import World, WorldEnded

if TYPE_CHECKING:
    from playwright.async_api import Page as PlaywrightPage

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds an action waits for its element to appear."""
QUIET = 0.05
"""Seconds without a change before the page counts as settled for a read."""
LIMIT = 2.0
"""Seconds after which a page that never rests is read as it is."""
ANSWER = 10.0
"""Seconds within which a page must answer; one whose scripts never end does not."""
TEXT = 1500
"""Characters of page text kept in a view."""


class LivePage:
    """What primitives need of a page: look, wait, click, type."""

    def __init__(
        self,
        page: PlaywrightPage,
        denials: Callable[[], list[str]] = list,
        received: Callable[[], dict[str, bytes]] = dict,
    ) -> None:
        self.tabs = Tabs(page)
        self.denials = denials
        """Why connections of this page were denied so far."""
        self.received = received
        """Takes the files that have come since the last time, by their path in the work area."""
        self.permit: Callable[[str], None] = lambda origin: None
        """Told that origin before anything is done to an element; raises what forbids it."""
        self._acted = True
        self._worlds: dict[PlaywrightPage, World] = {}
        self._last: World | None = None

    @property
    def page(self) -> PlaywrightPage:
        """The tab in view."""
        return self.tabs.current

    @property
    def origin(self) -> str:
        """Where the document is that has answered last, in its own words."""
        return self._last.origin if self._last is not None else ""

    async def call(self, function: str, *args: Any) -> Any:
        """Call one of the functions of view.js, again in a new world when the page has moved on."""
        for attempt in range(6):
            world = self._worlds.get(self.page)
            if world is None:
                world = self._worlds[self.page] = World(self.page)
            self._last = world
            try:
                return await answered(self.tabs.hold(world.call(function, args), still=True))
            except TabMoved:
                continue
            except WorldEnded:
                # A navigation ends the world (and everything in flight in it): enter the new one.
                await asyncio.sleep(0.05 * (attempt + 1))
        raise PrimitiveFailed("the page moves on again and again")

    async def _answered(self, work: Coroutine[Any, Any, T]) -> T:
        self._acted = True
        return await answered(self.tabs.hold(work, still=False))

    async def look(self, quiet: float = QUIET) -> View:
        """See the page once it has been still for `quiet` seconds (`LIMIT` at most)."""
        return _view(await self.read("view", TEXT, quiet=quiet))

    async def glance(self) -> View:
        """See the page as it is at this moment."""
        return _view(await self.call("view", TEXT))

    async def settle(self, quiet: float = QUIET) -> None:
        """Wait until nothing a person could act on has changed for `quiet` seconds."""
        await self.read("state", quiet=quiet)

    async def read(self, function: str, *args: Any, quiet: float = QUIET) -> Any:
        """Call a function of view.js once the page has settled."""
        acted, self._acted = self._acted, False
        try:
            return await self.call("read", quiet * 1000, LIMIT * 1000, acted, function, *args)
        except BaseException:
            self._acted = acted
            raise

    async def here(self, function: str, *args: Any) -> Any:
        """Call a function in the document that the last call was in, and in no other."""
        world = self._last
        if world is not None and world is self._worlds.get(self.page) and world.entered:
            try:
                return await answered(self.tabs.hold(world.call(function, args), still=True))
            except (TabMoved, WorldEnded):
                pass
        raise PrimitiveFailed("the page has gone elsewhere meanwhile")

    async def target(self, locator: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        """Find an element, bring it into view and remember it. Raises `PrimitiveFailed`."""
        self._acted = True
        found: dict[str, Any] = await self.call("target", locator, patience * 1000)
        problem = found.get("problem")
        self.permit(self.origin)
        if problem is None:
            return found
        what = describe(locator)
        if problem == "missing":
            if found["seen"]:
                raise PrimitiveFailed(f"there are only {found['seen']} of {what} in view")
            raise PrimitiveFailed(f"there is no {what} in view")
        if problem == "disabled":
            raise PrimitiveFailed(f"{what} is disabled")
        raise PrimitiveFailed(f"{what} is covered by something else")

    async def click(self, locator: dict[str, Any]) -> None:
        at = await self.target(locator)
        await self.press_on(at)

    async def press_on(self, at: dict[str, Any]) -> None:
        """Press the mouse on what `target` found."""
        mouse = self.page.mouse
        if at["role"] == "icon":
            # Some pages arm an icon only after the pointer has rested on it.
            await self._answered(mouse.move(at["x"], at["y"]))
            await asyncio.sleep(0.05)
        clicked = self.page
        try:
            await self._answered(mouse.click(at["x"], at["y"]))
        except PrimitiveFailed:
            raise
        except Exception:
            # A tab that the click has closed cannot say that it was clicked; another is in view.
            if not clicked.is_closed() or self.page is clicked:
                raise

    async def press(self, key: str) -> None:
        await self._answered(self.page.keyboard.press(key))

    async def fill(self, locator: dict[str, Any], text: str) -> None:
        at = await self.target(locator)
        if "fill" not in at["actions"]:
            raise PrimitiveFailed(f"{describe(locator)} takes no text")
        if not at["typed"]:
            await self.call("setValue", text)
        else:
            await self.press_on(at)
            ready = await self.call("selectAll")
            if ready["disabled"] or not ready["focused"]:
                raise PrimitiveFailed(
                    f"{describe(locator)} no longer takes text after it was clicked; "
                    "look at what has appeared"
                )
            await self._type(text)
        after = await self.call("state")
        if after["connected"] and after["value"] != text:
            raise PrimitiveFailed(
                f"{describe(locator)} did not take the text: it holds {after['value'][:80]!r}"
            )

    async def _type(self, text: str) -> None:
        await self.press("Delete")
        if len(text) <= 64 and text.isascii() and "\n" not in text:
            # Real key events: pages that search as one types listen for them.
            await self._answered(self.page.keyboard.type(text))
        else:
            await self._answered(self.page.keyboard.insert_text(text))

    async def select(self, locator: dict[str, Any], option: str) -> None:
        at = await self.target(locator)
        if at["actions"] != ["select"]:
            raise PrimitiveFailed(f"{describe(locator)} is not a list box; it has no options")
        answer = await self.call("choose", option)
        if "problem" in answer:
            offered = ", ".join(repr(item) for item in answer["problem"])
            raise PrimitiveFailed(f"{describe(locator)} has no option {option!r}; it has {offered}")

    async def check(self, locator: dict[str, Any], on: bool) -> None:
        at = await self.target(locator)
        if at["checked"] is None:
            raise PrimitiveFailed(f"{describe(locator)} cannot be ticked")
        if at["checked"] is on:
            return
        await self.press_on(at)
        after = await self.call("state")
        if after["connected"] and after["checked"] is not on:
            raise PrimitiveFailed(f"{describe(locator)} did not change when clicked")

    async def upload(self, locator: dict[str, Any], file: str, data: str) -> None:
        """Give a file field a file: its name, and its content in base64."""
        await self.target(locator)
        if not await self.call("setFile", file.rpartition("/")[2], data):
            raise PrimitiveFailed(f"{describe(locator)} takes no file")

    async def screenshot(self, hidden: str = "") -> bytes:
        """What is in view as a JPEG, with what `hidden` selects painted over.

        Raises `PrimitiveFailed` where it does not paint.
        """
        shot = self.page.screenshot(
            type="jpeg",
            quality=50,
            timeout=5000,
            mask=[self.page.locator(hidden)] if hidden else [],
            mask_color="#000000",
        )
        try:
            return await self._answered(shot)
        except PrimitiveFailed:
            raise
        except Exception as error:
            raise PrimitiveFailed(f"the page has no picture: {error}") from error


async def answered(waiting: Awaitable[T]) -> T:
    """Wait for the page. Raises `PrimitiveFailed` when it does not answer."""
    try:
        async with asyncio.timeout(ANSWER):
            return await waiting
    except TimeoutError as error:
        raise PrimitiveFailed(
            "the page does not answer: one of its scripts may never end"
        ) from error


def _view(data: Any) -> View:
    return view_from_json(json.dumps(data))
