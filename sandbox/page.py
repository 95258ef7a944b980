"""One browser page, looked at from an isolated world and acted on as a person would.

Covered: finding elements by semantic locators, waiting for them, real mouse and keyboard events,
proof that a field took what was typed. Not covered: frames of other documents, canvas drawings,
drag and drop. What may be called, and where a page may go: `browser.py` and `proxy.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import PrimitiveFailed
from .base import View, view_from_json

if TYPE_CHECKING:
    from playwright.async_api import CDPSession
    from playwright.async_api import Page as PlaywrightPage

T = TypeVar("T")

SCRIPT = (Path(__file__).parent / "view.js").read_text(encoding="utf-8")
WORLD = "journeyman"
PATIENCE = 2.0
"""Seconds an action waits for its element to appear."""
QUIET = 0.05
"""Seconds without a change before the page counts as settled for a read."""
ANSWER = 10.0
"""Seconds within which a page must answer; one whose scripts never end does not."""
TEXT = 1500
"""Characters of page text kept in a view."""


class LivePage:
    """What primitives need of a page: look, wait, click, type."""

    def __init__(self, page: PlaywrightPage, denials: Callable[[], list[str]] = list) -> None:
        self.page = page
        self.denials = denials
        """Why connections of this page were denied so far."""
        self._session: CDPSession | None = None
        self._functions: str | None = None

    async def call(self, function: str, *args: Any) -> Any:
        """Call one of the functions of view.js, again in a new world when the page has moved on."""
        for attempt in range(6):
            try:
                return await answered(self._call(function, list(args)))
            except Exception as error:
                # A navigation ends the world (and everything in flight in it): enter the new one.
                if attempt == 5 or not _moved(error):
                    raise
                self._functions = None
                await asyncio.sleep(0.05 * (attempt + 1))
        raise AssertionError("unreachable")

    async def _call(self, function: str, args: list[Any]) -> Any:
        if self._session is None:
            self._session = await self.page.context.new_cdp_session(self.page)
        if self._functions is None:
            tree = await self._session.send("Page.getFrameTree")
            world = await self._session.send(
                "Page.createIsolatedWorld",
                {"frameId": tree["frameTree"]["frame"]["id"], "worldName": WORLD},
            )
            made = await self._session.send(
                "Runtime.evaluate",
                {"expression": SCRIPT, "contextId": world["executionContextId"]},
            )
            self._functions = made["result"]["objectId"]
        answer = await self._session.send(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": "function(name, args) { return this[name](...args); }",
                "objectId": self._functions,
                "arguments": [{"value": function}, {"value": args}],
                "returnByValue": True,
                "awaitPromise": True,
            },
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text", "")
            raise PrimitiveFailed(f"the page could not be read: {text.splitlines()[0][:200]}")
        return answer["result"].get("value")

    async def look(self, quiet: float = QUIET) -> View:
        """See the page once it has been still for `quiet` seconds (2 seconds at most)."""
        await self.settle(quiet)
        return await self.glance()

    async def glance(self) -> View:
        """See the page as it is at this moment."""
        return view_from_json(json.dumps(await self.call("view", TEXT)))

    async def settle(self, quiet: float = QUIET) -> None:
        """Wait until nothing a person could act on has changed for `quiet` seconds."""
        await self.call("settle", quiet * 1000, 2000)

    async def _target(self, locator: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("target", locator, patience * 1000)
        problem = found.get("problem")
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
        at = await self._target(locator)
        await self._press(at)

    async def _press(self, at: dict[str, Any]) -> None:
        await answered(self.page.mouse.move(at["x"], at["y"]))
        if at["role"] == "icon":
            # Some pages arm an icon only after the pointer has rested on it.
            await asyncio.sleep(0.05)
        await answered(self.page.mouse.click(at["x"], at["y"]))

    async def fill(self, locator: dict[str, Any], text: str) -> None:
        at = await self._target(locator)
        if "fill" not in at["actions"]:
            raise PrimitiveFailed(f"{describe(locator)} takes no text")
        if not at["typed"]:
            await self.call("setValue", text)
        else:
            await self._press(at)
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
        await answered(self.page.keyboard.press("Delete"))
        if len(text) <= 64 and text.isascii() and "\n" not in text:
            # Real key events: pages that search as one types listen for them.
            await answered(self.page.keyboard.type(text))
        else:
            await answered(self.page.keyboard.insert_text(text))

    async def select(self, locator: dict[str, Any], option: str) -> None:
        at = await self._target(locator)
        if at["actions"] != ["select"]:
            raise PrimitiveFailed(f"{describe(locator)} is not a list box; it has no options")
        answer = await self.call("choose", option)
        if "problem" in answer:
            offered = ", ".join(repr(item) for item in answer["problem"])
            raise PrimitiveFailed(f"{describe(locator)} has no option {option!r}; it has {offered}")

    async def check(self, locator: dict[str, Any], on: bool) -> None:
        at = await self._target(locator)
        if at["checked"] is None:
            raise PrimitiveFailed(f"{describe(locator)} cannot be ticked")
        if at["checked"] is on:
            return
        await self._press(at)
        after = await self.call("state")
        if after["connected"] and after["checked"] is not on:
            raise PrimitiveFailed(f"{describe(locator)} did not change when clicked")


async def answered(waiting: Awaitable[T]) -> T:
    """Wait for the page. Raises `PrimitiveFailed` when it does not answer."""
    try:
        async with asyncio.timeout(ANSWER):
            return await waiting
    except TimeoutError as error:
        raise PrimitiveFailed(
            "the page does not answer: one of its scripts may never end"
        ) from error


def describe(locator: dict[str, Any]) -> str:
    """Name a locator as a person would: `button "Submit"`."""
    parts = [str(locator.get("role", "element"))]
    if "name" in locator:
        parts.append(f'"{locator["name"]}"')
    words = {"starts": "starting with", "ends": "ending with", "contains": "containing"}
    parts += [f'{text} "{locator[key]}"' for key, text in words.items() if key in locator]
    if "kind" in locator:
        parts.append(f"of kind {locator['kind']}")
    if "row" in locator:
        parts.append(f'in the row of "{locator["row"]}"')
    if locator.get("nth"):
        parts.append(f"(number {locator['nth'] + 1})")
    return " ".join(parts)


def _moved(error: Exception) -> bool:
    text = str(error)
    return any(
        sign in text
        for sign in (
            "Cannot find context",
            "context was destroyed",
            "Cannot find object",
            "Could not find object",
            "Promise was collected",
            "uniqueContextId not found",
            "Inspected target navigated",
            "No frame for given id",
        )
    )
