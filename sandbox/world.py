"""An isolated world in a page's document, where the functions of `view.js` live.

The page's own scripts can neither see nor replace anything there. It ends with its document.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import PrimitiveFailed

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

SCRIPT = (Path(__file__).parent / "view.js").read_text(encoding="utf-8")
NAME = "journeyman"
ANSWERING = """async function(name, args) {
  return { value: await this[name](...args), origin: location.origin };
}"""
SIGNS = (
    "Cannot find context",
    "context was destroyed",
    "Cannot find object",
    "Could not find object",
    "Promise was collected",
    "uniqueContextId not found",
    "Inspected target navigated",
    "No frame for given id",
)
"""What Chromium says of a world that has gone."""


class WorldEnded(Exception):
    """The page has moved on to another document; a further call enters that one."""


class World:
    """The functions of view.js in whatever document a page shows."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: CDPSession | None = None
        self._functions = ""
        self.origin = ""
        """Where the document is that has answered last, in its own words."""

    @property
    def entered(self) -> bool:
        """Whether it is in a document that may still be there."""
        return bool(self._functions)

    async def call(self, function: str, args: Sequence[Any]) -> Any:
        """Call a function. Raises `WorldEnded`, and `PrimitiveFailed` where it throws."""
        try:
            answer = await self._send(function, list(args))
        except Exception as error:
            if any(sign in str(error) for sign in SIGNS):
                self._functions = ""
                raise WorldEnded from error
            raise PrimitiveFailed(f"the page cannot be read: {_first_line(error)}") from error
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text", "")
            raise PrimitiveFailed(f"the page could not be read: {text.splitlines()[0][:200]}")
        told = answer["result"]["value"]
        self.origin = told["origin"]
        return told.get("value")

    async def _send(self, function: str, args: list[Any]) -> dict[str, Any]:
        if self._session is None:
            self._session = await self._page.context.new_cdp_session(self._page)
        if not self._functions:
            self._functions = await _enter(self._session)
        answer: dict[str, Any] = await self._session.send(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": ANSWERING,
                "objectId": self._functions,
                "arguments": [{"value": function}, {"value": args}],
                "returnByValue": True,
                "awaitPromise": True,
            },
        )
        return answer


async def _enter(session: CDPSession) -> str:
    """Make a world in the page's document; returns the object that holds the functions."""
    tree = await session.send("Page.getFrameTree")
    world = await session.send(
        "Page.createIsolatedWorld",
        {"frameId": tree["frameTree"]["frame"]["id"], "worldName": NAME},
    )
    made = await session.send(
        "Runtime.evaluate", {"expression": SCRIPT, "contextId": world["executionContextId"]}
    )
    return str(made["result"]["objectId"])


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
