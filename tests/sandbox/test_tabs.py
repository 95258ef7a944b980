"""Tabs, question boxes, permissions, crashes: what a page does unasked, in real Chromium."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.sandbox import PrimitiveFailed
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.page import LivePage
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import PageServer, open_url
from journeyman.sandbox.tabs import MOST

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Show = Callable[..., Awaitable[LivePage]]


async def call(page: LivePage, primitive: str, *place: str, **args: Any) -> Any:
    located = dict(zip(("role", "name"), place, strict=False))
    return await PageServer(page).serve(primitive, {**located, **args})


async def title(page: LivePage) -> str:
    return (await page.look()).title


NEXT = "<button onclick='document.title += 2'>There</button><button onclick='window.close()'>Leave</button>"


@pytest.mark.parametrize(
    "way",
    [
        "<a href=next.html target=_blank>Open</a>",
        "<a href=# onclick=\"window.open('next.html')\">Open</a>",
        "<form action=next.html target=other><button role=link>Open</button></form>",
    ],
)
async def test_a_tab_that_a_click_opens_comes_into_view_until_it_closes(
    show: Show, way: str
) -> None:
    page = await show(way, next=NEXT)
    await call(page, "click", "link", "Open")
    await call(page, "click", "button", "There")
    assert await title(page) == "next2"
    await call(page, "click", "button", "Leave")
    await call(page, "click", "link", "Open")
    await call(page, "click", "button", "There")
    notes = " ".join(page.tabs.take_notes())
    assert "new tab" in notes and "tab before it" in notes
    assert page.tabs.take_notes() == []


async def test_windows_that_no_click_asked_for_do_not_open(show: Show) -> None:
    page = await show("<button>Here</button><script>window.open('next.html')</script>", next=NEXT)
    await page.settle(0.3)
    assert await call(page, "names", "button") == ["Here"]
    assert len(page.page.context.pages) == 1


async def test_no_more_tabs_than_a_task_may_have_stay_open(show: Show) -> None:
    page = await show("""<button onclick="for (let i = 0; i < 100; i++)
      window.open('next.html', 'tab' + i)">Flood</button>""", next=FLOOD)  # fmt: skip
    for _ in range(MOST + 4):
        await call(page, "click", "button", "Flood")
        await call(page, "visible", "button", "Flood")
    assert len(page.page.context.pages) <= MOST
    await open_url(page, "http://page.test/next.html")
    assert await call(page, "names", "button") == ["Flood"]


FLOOD = """<button onclick="for (let i = 0; i < 100; i++)
  window.open('next.html', '_blank')">Flood</button>"""


async def test_a_page_that_closes_itself_is_a_failure_until_another_is_opened(show: Show) -> None:
    page = await show("<a href=next.html>On</a>", next=NEXT)
    # Only what a script opened can a script close.
    await page.page.evaluate("open('', '_self')")
    await page.page.close()
    with pytest.raises(PrimitiveFailed, match="has closed"):
        await call(page, "text")
    await call(page, "open_url", url="http://page.test/next.html")
    await call(page, "click", "button", "There")
    assert await title(page) == "next2"


async def test_questions_are_told_and_answered_as_was_said_before(show: Show) -> None:
    page = await show("""<button onclick="document.title = confirm('Sure?')">Ask</button>
      <button onclick="document.title = prompt('Who?', 'me')">Name</button>
      <button onclick="alert('Done.')">Say</button>""")  # fmt: skip
    await call(page, "click", "button", "Ask")
    assert await title(page) == "false"
    await call(page, "accept_dialog")
    await call(page, "click", "button", "Say")
    await call(page, "click", "button", "Ask")
    assert await title(page) == "true"
    await call(page, "click", "button", "Ask")
    assert await title(page) == "false", "what was said holds for one question"
    await call(page, "accept_dialog", text="Ada")
    await call(page, "click", "button", "Name")
    assert await title(page) == "Ada"
    assert page.tabs.take_notes() == [
        "the page asked: 'Sure?', and was answered Cancel",
        "the page said: 'Done.'",
        "the page asked: 'Sure?', and was answered OK",
        "the page asked: 'Sure?', and was answered Cancel",
        "the page asked: 'Who?', and was answered 'Ada'",
    ]


async def test_a_page_that_asks_without_end_is_closed(show: Show) -> None:
    page = await show("<button onclick='for (;;) alert(1)'>Ask</button>", next=NEXT)
    with pytest.raises(PrimitiveFailed, match="boxes"):
        await call(page, "click", "button", "Ask")
        await call(page, "text")
    await call(page, "open_url", url="http://page.test/next.html")
    assert await call(page, "count", "button") == 2


async def test_every_permission_is_denied_without_a_question(show: Show) -> None:
    page = await show("<p>page</p>")
    names = "geolocation notifications camera microphone clipboard-read midi persistent-storage"
    script = "async name => (await navigator.permissions.query({name})).state"
    for name in names.split():
        assert await page.page.evaluate(script, name) == "denied", name


async def test_a_crashed_page_is_a_failed_call_and_the_next_address_opens(show: Show) -> None:
    page = await show("<p>one</p>", next="<p>two</p>")
    waiting = asyncio.create_task(call(page, "click", "button", "Never"))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    with pytest.raises(Exception, match="crash"):
        await page.page.goto("chrome://crash")
    with pytest.raises(PrimitiveFailed, match="the page has crashed"):
        await waiting
    with pytest.raises(PrimitiveFailed, match="the page has crashed"):
        await call(page, "text")
    assert time.monotonic() - started < 5
    await call(page, "open_url", url="http://page.test/next.html")
    assert await call(page, "text") == "two"


async def test_a_tab_that_crashes_leaves_the_one_before_it(show: Show) -> None:
    page = await show("<a href=next.html target=_blank>Open</a>", next=NEXT)
    await call(page, "click", "link", "Open")
    await call(page, "click", "button", "There")
    async with page.page.expect_event("crash"):
        with pytest.raises(Exception, match="crash"):
            await page.page.goto("chrome://crash")
    assert await call(page, "names", "link") == ["Open"]
    assert any("crashed" in note for note in page.tabs.take_notes())


async def test_a_task_outlives_the_crash_of_another(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>up</p>")
    policy = Policy(mounts={"page.test": tmp_path})
    async with chromium.page(policy) as one, chromium.page(policy) as other:
        await open_url(one, "http://page.test/")
        await open_url(other, "http://page.test/")
        with pytest.raises(Exception, match="crash"):
            await one.page.goto("chrome://crash")
        assert await call(other, "text") == "up"


UPLOAD = """<label>Paper <input type=file onchange="this.files[0].text().then(text =>
  { document.title = this.files[0].name + ' ' + text })"></label><button>Dead</button>"""


async def test_a_file_field_takes_a_file_and_nothing_else_does(show: Show) -> None:
    page = await show(UPLOAD)
    assert (await page.look()).elements[0].actions == ("upload",)
    await call(page, "upload", "button", "Paper", file="in/a.txt", data="aGVsbG8=")
    assert await title(page) == "a.txt hello"
    with pytest.raises(PrimitiveFailed, match="takes no file"):
        await call(page, "upload", "button", "Dead", file="a.txt", data="aGVsbG8=")
    with pytest.raises(PrimitiveFailed, match="could not be read"):
        await call(page, "upload", "button", "Paper", file="a.txt", data="no base64!")
    with pytest.raises(PrimitiveFailed, match="data"):
        await call(page, "upload", "button", "Paper", file="a.txt")
