"""Every primitive on real pages in real Chromium, and what a page or a call may not do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from journeyman.sandbox import EpisodeOver, PrimitiveFailed, PrimitiveRefused, SandboxUnavailable
from journeyman.sandbox.base import View
from journeyman.sandbox.bounds import Bounds
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.chromium import find_chromium
from journeyman.sandbox.page import LivePage
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import PageServer, open_url
from journeyman.sandbox.worker import Worker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Show = Callable[..., Awaitable[LivePage]]


class Elsewhere:
    """A server of this test's own that no task may reach; it counts who comes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.visits = 0


@pytest_asyncio.fixture(loop_scope="module")
async def elsewhere() -> AsyncIterator[Elsewhere]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        place.visits += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = Elsewhere(server.sockets[0].getsockname()[1])
    async with server:
        yield place


async def call(page: LivePage, primitive: str, *place: str, **args: Any) -> Any:
    located = dict(zip(("role", "name"), place, strict=False))
    return await PageServer(page).serve(primitive, {**located, **args})


async def title(page: LivePage) -> str:
    return (await page.look()).title


def value(view: View, name: str) -> str:
    return next(element.value for element in view.elements if element.name == name)


EVERYTHING = """
  <button onclick="document.title='clicked'">Go</button> <button disabled>Dead</button>
  <label>User <input value="old text"></label> <label>When <input type=date></label>
  <label>Much <input type=range min=0 max=10></label> <label>Long <textarea></textarea></label>
  <div contenteditable=true aria-label=Note>draft</div>
  <label>City <select onchange="document.title=this.value"><option>Graz<option>Vienna</select>
  </label>
  <label>Agree <input type=checkbox></label>
  <div role=switch aria-checked=false onclick="this.setAttribute('aria-checked','true')">Dark</div>
  <input aria-label=Search onkeydown="if (event.key === 'Enter') document.title='entered'">
  <a href="next.html">Next</a> <a href=#>Twin</a> <a href=#>Twin</a>"""


async def test_every_primitive_does_what_it_says(show: Show) -> None:
    page = await show(EVERYTHING, next="<p>second page</p>")
    await call(page, "click", "button", "Go")
    assert await title(page) == "clicked"
    texts = {"User": "ann", "When": "2024-02-29", "Much": "7", "Note": "final", "Long": "a\nb"}
    for name, text in texts.items():
        role = "slider" if name == "Much" else "textbox"
        await call(page, "fill", role, name, text=text)
        assert await call(page, "value", role, name) == text
    await call(page, "select", "combobox", "City", option="Vienna")
    assert await title(page) == "Vienna" and value(await page.look(), "City") == "Vienna"
    for on in (True, True, False):
        await call(page, "check", "checkbox", "Agree", on=on)
        assert next(e for e in (await page.look()).elements if e.name == "Agree").checked is on
    await call(page, "check", "switch", "Dark")
    await call(page, "fill", "textbox", "Search", text="tea")
    await call(page, "press", key="Enter")
    assert await title(page) == "entered"
    assert await call(page, "visible", "link", "Twin", nth=1) is True
    assert await call(page, "visible", "link", "Twin", nth=2) is False
    assert await call(page, "count", "link") == 3
    assert await call(page, "names", "link") == ["Next", "Twin", "Twin"]
    assert "Vienna" in await call(page, "text")
    await call(page, "click", "link", "Next")
    assert await call(page, "text") == "second page"
    await call(page, "open_url", url="http://page.test/index.html")
    assert await call(page, "count", "link") == 3


async def test_text_of_every_kind_is_typed_as_it_is(show: Show) -> None:
    page = await show("<input aria-label=F value=before onkeyup=\"document.title += '.'\">")
    for text in ("", "plain", "a\"b\\c'd`${1}", "żółć 漢字 😀", "x" * 500, " spaced  "):
        await call(page, "fill", "textbox", "F", text=text)
        assert await call(page, "value", "textbox", "F") == text
    assert (await title(page)).count(".") > 5, "pages that listen for keys hear them"


async def test_failures_say_what_is_wrong(show: Show) -> None:
    page = await show(EVERYTHING)
    wrong: list[tuple[str, tuple[str, ...], dict[str, Any], str]] = [
        ("click", ("button", "Dead"), {}, 'button "Dead" is disabled'),
        ("fill", ("button", "Go"), {"text": "x"}, "takes no text"),
        ("select", ("textbox", "User"), {"option": "x"}, "not a list box"),
        ("select", ("combobox", "City"), {"option": "Linz"}, "'Graz', 'Vienna'"),
        ("check", ("button", "Go"), {}, "cannot be ticked"),
        ("value", ("textbox", "Nobody"), {}, "no textbox"),
        ("click", ("link", "Twin"), {"nth": 5}, "only 2"),
        ("click", ("link", "Twin"), {"nth": -1}, "nth"),
        ("visible", ("link", "Twin"), {"nth": -1}, "nth"),
        ("press", (), {"key": "NoSuchKey"}, "press"),
        ("click", ("button",), {"nth": "1"}, "nth must be int"),
        ("tap", ("button",), {}, "no primitive"),
    ]
    for primitive, place, args, words in wrong:
        with pytest.raises(PrimitiveFailed, match=words) as failed:
            await call(page, primitive, *place, **args)
        assert "\n" not in str(failed.value) and len(str(failed.value)) < 300


async def test_late_elements_are_waited_for(show: Show) -> None:
    page = await show("""<div id=d></div><script>setTimeout(() => { d.innerHTML =
      "<button onclick=\\"document.title='late'\\">Late</button>" }, 700)</script>""")
    await call(page, "click", "button", "Late")
    assert await title(page) == "late"
    started = time.monotonic()
    with pytest.raises(PrimitiveFailed, match='no button "Never"'):
        await call(page, "click", "button", "Never")
    assert time.monotonic() - started < 5


async def test_moving_elements_are_hit_where_they_come_to_rest(show: Show) -> None:
    page = await show("""<style>@keyframes in { from { margin-left: 600px } to { margin-left: 0 } }
      button { animation: in .4s linear }</style>
      <button onclick="document.title='hit'">Slide</button>""")
    await call(page, "click", "button", "Slide")
    assert await title(page) == "hit"


async def test_a_page_that_never_rests_is_still_seen(show: Show) -> None:
    page = await show("""<button id=b>0</button><button>Stop</button>
      <script>setInterval(() => { b.textContent = Math.random() }, 10)</script>""")
    started = time.monotonic()
    assert len((await page.look()).elements) == 2
    assert time.monotonic() - started < 5


async def test_a_field_that_refuses_what_is_typed_is_a_failure(show: Show) -> None:
    page = await show("""
      <input aria-label=Digits oninput="this.value = this.value.replace(/\\D/g, '')">
      <input aria-label=Fixed readonly value=kept> <input aria-label=Four maxlength=4>""")
    for name, left in (("Digits", "12"), ("Fixed", "kept"), ("Four", "1a2b")):
        with pytest.raises(PrimitiveFailed, match=f"did not take the text.*{left}"):
            await call(page, "fill", "textbox", name, text="1a2bc")


async def test_what_a_popup_covers_cannot_be_used_until_it_is_closed(show: Show) -> None:
    page = await show("""
      <label>Name <input onfocus="p.hidden = !!window.once; once = 1"></label><div id=p hidden style="position:fixed;inset:0;background:#ccc">Cookies?
      <button onclick="p.remove()">Accept</button></div>""")
    with pytest.raises(PrimitiveFailed):
        await call(page, "fill", "textbox", "Name", text="Ada")
        await call(page, "fill", "textbox", "Name", text="Ada")
    assert await call(page, "names", "button") == ["Accept"]
    await call(page, "click", "button", "Accept")
    await call(page, "fill", "textbox", "Name", text="Ada")
    assert await call(page, "value", "textbox", "Name") == "Ada"


async def test_a_field_that_a_popup_takes_the_focus_from_is_a_failure(show: Show) -> None:
    page = await show("""<label>Name <input id=n></label><dialog id=d>Sure?<button
      onclick="d.close()">Yes</button></dialog><script>n.addEventListener('focus', () => {
      if (!window.asked) { asked = 1; d.showModal() } })</script>""")
    with pytest.raises(PrimitiveFailed, match="textbox"):
        await call(page, "fill", "textbox", "Name", text="Ada")
    assert await call(page, "names", "button") == ["Yes"]
    await call(page, "click", "button", "Yes")
    await call(page, "fill", "textbox", "Name", text="Ada")
    assert await call(page, "value", "textbox", "Name") == "Ada"


async def test_dialogs_do_not_block(show: Show) -> None:
    page = await show("""<button onclick="alert(1); document.title = String(confirm(2)) +
      prompt(3)">Ask</button><script>addEventListener('beforeunload', e => e.preventDefault());
      alert('at once')</script>""", next="<p>left</p>")  # fmt: skip
    await call(page, "click", "button", "Ask")
    assert await title(page) == "falsenull"
    await call(page, "open_url", url="http://page.test/next.html")
    assert await call(page, "text") == "left"


async def test_reading_goes_on_over_navigations(show: Show) -> None:
    page = await show("""<a href="next.html">Hop</a><script>
      sessionStorage.n = Number(sessionStorage.n || 0) + 1;
      if (sessionStorage.n < 6) setTimeout(() => location.reload(), 50)</script>""",
      next="<button>There</button>")  # fmt: skip
    for _ in range(20):
        assert [element.name for element in (await page.look(0.01)).elements] in ([], ["Hop"])
    await page.settle(0.5)
    await call(page, "click", "link", "Hop")
    await call(page, "click", "button", "There")


async def test_a_page_that_never_answers_ends_the_call(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeyman.sandbox.page.ANSWER", 2.0)
    page = await show("<button onclick='for (;;);'>Hang</button>")
    for primitive, place in (("click", ("button", "Hang")), ("text", ())):
        with pytest.raises(PrimitiveFailed, match="answer"):
            await asyncio.wait_for(call(page, primitive, *place), 20)


async def test_only_http_addresses_are_opened(show: Show, tmp_path: Path) -> None:
    page = await show("<p>start</p>")
    (tmp_path / "secret.txt").write_text("secret")
    addresses = [f"file://{tmp_path}/secret.txt", "data:text/html,<p>secret", "javascript:1",
                 "about:blank", "chrome://version", "view-source:http://page.test/", "",
                 "blob:http://page.test/1", " file:///etc/passwd", "/index.html"]  # fmt: skip
    for address in addresses:
        with pytest.raises(PrimitiveRefused, match="not an http"):
            await call(page, "open_url", url=address)
    assert (await page.look()).url == "http://page.test/index.html"


async def test_hosts_that_were_not_declared_are_out_of_reach(
    show: Show, elsewhere: Elsewhere
) -> None:
    there = f"http://127.0.0.1:{elsewhere.port}/"
    page = await show(f"""<a href="{there}">Away</a><form action="{there}" method=post>
      <button>Post</button></form><img src="{there}img"><iframe src="{there}frame"></iframe>
      <script>for (const host of ['127.0.0.1', 'localhost', '[::1]'])
        fetch(`http://${{host}}:{elsewhere.port}/f`, {{mode: 'no-cors'}}).catch(() => 0);
        navigator.sendBeacon('{there}b'); new WebSocket('ws://127.0.0.1:{elsewhere.port}/w');
        new EventSource('{there}e');</script>""")
    for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1"):
        with pytest.raises((PrimitiveRefused, PrimitiveFailed)):
            await call(page, "open_url", url=f"http://{host}:{elsewhere.port}/")
    with pytest.raises((PrimitiveRefused, PrimitiveFailed)):
        await call(page, "open_url", url=f"https://127.0.0.1:{elsewhere.port}/")
    await open_url(page, "http://page.test/index.html")
    await call(page, "click", "link", "Away")
    await page.settle(0.3)
    assert "secret" not in await call(page, "text")
    await open_url(page, "http://page.test/index.html")
    await call(page, "click", "button", "Post")
    await page.settle(0.3)
    assert elsewhere.visits == 0


async def test_a_declared_private_host_is_reached(chromium: Browser, elsewhere: Elsewhere) -> None:
    address = f"127.0.0.1:{elsewhere.port}"
    async with chromium.page(Policy(private_ok=(address,))) as page:
        await call(page, "open_url", url=f"http://{address}/")
        assert await call(page, "text") == "secret" and elsewhere.visits >= 1


async def test_tasks_share_neither_cookies_nor_storage(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        "<p id=p></p><script>p.textContent = document.cookie + (localStorage.k || '');"
        "document.cookie = 'c=1'; localStorage.k = 'held'</script>"
    )
    policy = Policy(mounts={"page.test": tmp_path})
    for _ in range(2):
        async with chromium.page(policy) as page:
            await open_url(page, "http://page.test/")
            assert await call(page, "text") == ""


async def test_calls_outside_the_manifest_are_refused_and_do_nothing(show: Show) -> None:
    page = await show(EVERYTHING)
    server = PageServer(page, bounds=Bounds(("click", "visible")))
    assert await server.serve("visible", {"role": "button", "name": "Go"}) is True
    for primitive, args in (("text", {}), ("press", {"key": "Enter"}), ("fill", {"role": "textbox",
                            "name": "User", "text": "x"})):  # fmt: skip
        with pytest.raises(PrimitiveRefused, match=f"{primitive}.*click, visible"):
            await server.serve(primitive, args)
    assert value(await page.look(), "User") == "old text"
    with pytest.raises(PrimitiveRefused):
        await PageServer(page, bounds=Bounds(())).serve("text", {})


async def test_nothing_goes_on_after_the_task_has_ended(show: Show) -> None:
    page = await show("<button onclick='document.title += 1'>Count</button>")

    async def over() -> bool:
        return "1" in (await page.glance()).title

    server = PageServer(page, over=over)
    sandbox = Worker(Bubblewrap())
    try:
        code = "for _ in range(9):\n    click('button', 'Count')\nprint('never')"
        result = await sandbox.run(code, serve=server.serve)
    finally:
        await sandbox.close()
    assert result.ok and result.output == "" and await title(page) == "index1"
    with pytest.raises(EpisodeOver):
        await server.serve("text", {})
    assert await server.ended()


async def test_code_in_the_sandbox_sees_failures_as_page_errors(show: Show) -> None:
    page = await show(EVERYTHING)
    sandbox = Worker(Bubblewrap())
    try:
        code = (
            "from page import PageError, click, fill, names\n"
            "try:\n    click('button', 'Dead')\nexcept PageError as error:\n    print(error)\n"
            "fill('textbox', 'User', 'from inside')\nnames('link')"
        )
        result = await sandbox.run(code, serve=PageServer(page).serve)
    finally:
        await sandbox.close()
    assert result.output == 'button "Dead" is disabled\n'
    assert result.value == ["Next", "Twin", "Twin"]
    assert value(await page.look(), "User") == "from inside"


async def test_a_browser_that_died_is_started_again(tmp_path: Path) -> None:
    browser = Browser(find_chromium())
    (tmp_path / "index.html").write_text("<p>up</p>")
    policy = Policy(mounts={"page.test": tmp_path})
    try:
        async with browser.page(policy) as page:
            await open_url(page, "http://page.test/")
            running = page.page.context.browser
            assert running is not None
            await running.close()
            with pytest.raises((PrimitiveFailed, PrimitiveRefused)):
                await call(page, "text")
        async with browser.page(policy) as page:
            await open_url(page, "http://page.test/")
            assert await call(page, "text") == "up"
    finally:
        await browser.close()


async def test_a_browser_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"browser\.executable"):
        find_chromium(str(tmp_path / "nothing"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    browser = Browser(str(broken))
    try:
        with pytest.raises(SandboxUnavailable, match="could not be started"):
            async with browser.page(Policy()):
                pass
    finally:
        await browser.close()
