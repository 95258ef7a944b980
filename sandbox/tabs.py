"""The tabs of one task, and what a page does unasked: opens windows, asks, crashes.

A tab that an action opens becomes the current one, as it would for a person; when it closes, the
one before it is. Covered: a limit on tabs; question boxes answered, and told as notes; pages that
ask without end; a tab that crashed or closed itself, and a browser that died, end a call at once
with a sentence. Not covered: going back to a tab while the newer one stays; windows that no click
asked for, which the browser itself holds back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from . import PrimitiveFailed
from .quietly import forget, quietly

if TYPE_CHECKING:
    from playwright.async_api import Dialog, Page

T = TypeVar("T")

MOST = 8
"""Tabs open at a time; one more is closed at once."""
QUESTIONS = 100
"""Question boxes a tab may show; one that shows more is closed."""
NOTES = 20
"""Notes kept; older ones are dropped."""
SHOWN = 200
"""Characters of a question that are told."""
CLOSED = "the page has closed"
DIED = "the browser has ended; the next task gets a fresh one"


class TabMoved(Exception):
    """Another tab has become the current one."""


class Tabs:
    """Follows a browser context from its first page on."""

    def __init__(self, first: Page) -> None:
        self.current = first
        """The tab in view; the last one there was, where none is open."""
        self.lost = ""
        """Why no tab is open; empty while one is."""
        self._context = first.context
        self._open: list[Page] = []
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._questions: Counter[Page] = Counter()
        self._answer: str | None = None
        self._change: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._add(first)
        self._context.on("page", self._opened)
        browser = self._context.browser
        if browser is not None:
            browser.on("disconnected", lambda _: self._lose(DIED))

    def note(self, sentence: str) -> None:
        """Keep something to be told."""
        if not self._notes or self._notes[-1] != sentence:
            self._notes.append(sentence)

    def take_notes(self) -> list[str]:
        """What happened unasked since the last time, oldest first."""
        notes = list(self._notes)
        self._notes.clear()
        return notes

    def answer(self, text: str) -> None:
        """Answer the next question box with OK, and with this text where it asks for one."""
        self._answer = text

    async def hold(self, work: Coroutine[Any, Any, T], *, still: bool) -> T:
        """Do work on the current tab. Raises `PrimitiveFailed` once it is lost, and, where it has
        to be `still` the same, `TabMoved` once another is in view.
        """
        if self.lost:
            work.close()
            raise PrimitiveFailed(self.lost)
        task = asyncio.ensure_future(work)
        try:
            while True:
                change = self._change
                either: set[asyncio.Future[Any]] = {task, change}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
                if change.result():
                    raise PrimitiveFailed(change.result())
                if still:
                    raise TabMoved
        finally:
            task.cancel()

    async def fresh(self) -> None:
        """Open a tab where none is left. A browser that has ended stays ended."""
        if self.lost and self.lost != DIED:
            await self._context.new_page()

    async def anew(self) -> None:
        """Close the tab in view, whatever it is doing; where it was the only one, open another."""
        page = self.current
        self._gone(page, "the page was closed for not making way")
        forget(page.close())
        await self.fresh()

    def _opened(self, page: Page) -> None:
        if page in self._open:
            return
        if len(self._open) >= MOST:
            self.note(f"the page opened more than {MOST} tabs; further ones are closed")
            forget(page.close())
            return
        if not self.lost:
            self.note("a new tab has opened and is in view now")
        self.lost = ""
        self._add(page)
        self._tell("")

    def _add(self, page: Page) -> None:
        self._open.append(page)
        self.current = page
        page.on("dialog", lambda dialog: forget(self._reply(page, dialog)))
        page.on("crash", lambda _: self._crashed(page))
        page.on("close", lambda _: self._gone(page, CLOSED))

    def _crashed(self, page: Page) -> None:
        self._gone(page, "the page has crashed")
        forget(page.close())

    def _gone(self, page: Page, why: str) -> None:
        if page not in self._open:
            return
        self._open.remove(page)
        if not self._open:
            self._lose(f"{why}; open an address to go on")
        elif self.current is page:
            self.current = self._open[-1]
            self.note(f"{why}; the tab before it is in view now")
            self._tell("" if why == CLOSED else why)

    def _lose(self, why: str) -> None:
        self.lost = why
        self._tell(why)

    def _tell(self, why: str) -> None:
        """Let who waits know of a loss, or of a move."""
        self._change.set_result(why)
        self._change = asyncio.get_running_loop().create_future()

    async def _reply(self, page: Page, dialog: Dialog) -> None:
        # A box left open blocks the page and every later call; a person would close it, and
        # leave a page when asked.
        if dialog.type == "beforeunload":
            await dialog.accept()
            return
        self._questions[page] += 1
        if self._questions[page] > QUESTIONS:
            self._gone(page, f"the page showed more than {QUESTIONS} boxes and was closed")
            await quietly(page.close())
            return
        words = dialog.message[:SHOWN]
        if dialog.type == "alert":
            self.note(f"the page said: {words!r}")
            await dialog.dismiss()
            return
        answer, self._answer = self._answer, None
        said = "Cancel" if answer is None else "OK"
        if dialog.type == "prompt" and answer is not None:
            said = repr(answer)
        self.note(f"the page asked: {words!r}, and was answered {said}")
        await (dialog.dismiss() if answer is None else dialog.accept(answer))
