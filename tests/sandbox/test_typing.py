"""Secrets typed into real pages in real Chromium, some of which want them and must not get them."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from journeyman.sandbox import PrimitiveFailed, PrimitiveRefused
from journeyman.sandbox.base import view_to_json
from journeyman.sandbox.bounds import Bounds
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.page import LivePage
from journeyman.sandbox.pictures import take
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.secrets import Secret, Secrets
from journeyman.sandbox.server import PageServer, open_url

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

VALUE = "s3cret & <pass>'word"
NAMED = "<secret:shop-password>"
SECRETS = Secrets([Secret("shop-password", VALUE, ("http://shop.test",))])
FIELD = "<label>Password <input type=password id=p></label>"
EVIL = """<input id=p autofocus><script>window.keys = [];
  for (const kind of ['keydown', 'input', 'beforeinput', 'paste'])
    addEventListener(kind, (event) => keys.push(event.key || event.data), true);
  p.focus();</script>"""
Visit = Callable[..., Awaitable[PageServer]]


@pytest_asyncio.fixture(loop_scope="module")
async def visit(chromium: Browser, tmp_path: Path) -> AsyncIterator[Visit]:
    """Serve one page of the shop and one of another host; begin at the shop."""
    async with AsyncExitStack() as stack:

        async def visit(shop: str, evil: str = EVIL) -> PageServer:
            mounts = {}
            for host, body in (("shop.test", shop), ("evil.test", evil)):
                mounts[host] = tmp_path / host
                mounts[host].mkdir(exist_ok=True)
                page = f"<!doctype html><meta charset=utf-8><title>{host}</title><body>{body}"
                (mounts[host] / "index.html").write_text(page, encoding="utf-8")
            live = await stack.enter_async_context(chromium.page(Policy(mounts=mounts), (600, 400)))
            await open_url(live, "http://shop.test/")
            return PageServer(live, secrets=SECRETS)

        yield visit


async def type_it(server: PageServer, text: str = NAMED, **more: Any) -> Any:
    place = {"role": "textbox", "name": "Password", **more}
    return await server.serve("fill", {**place, "text": text})


async def held(server: PageServer, script: str = "p.value") -> Any:
    """What the page itself holds, past everything that hides."""
    return await server.page.page.evaluate(script)


async def test_it_is_typed_as_a_person_would_and_read_back_as_its_name(visit: Visit) -> None:
    server = await visit(
        FIELD + "<script>p.oninput = (e) => { window.trusted = e.isTrusted; }</script>"
    )
    assert await type_it(server) is None
    assert await held(server) == VALUE and await held(server, "trusted")
    place = {"role": "textbox", "name": "Password"}
    assert await server.serve("value", place) == NAMED
    assert (await server.look()).elements[0].value == NAMED
    await server.serve("fill", {**place, "text": "other"})
    assert await held(server) == "other"


async def test_a_page_that_repeats_it_everywhere_is_seen_without_it(
    visit: Visit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = await visit(
        FIELD
        + """<p id=said></p><button id=b>Go</button><ul><li>one<li id=l>two</ul><script>
        p.onchange = p.oninput = () => { const v = p.value;
          document.title = v; said.textContent = `Welcome, ${v}! ${encodeURIComponent(v)} ${btoa(v)}`;
          b.textContent = v; l.innerHTML = `<b>${v.slice(0, 4)}</b>`; l.append(v.slice(4));
          history.replaceState(0, '', `?q=${encodeURIComponent(v)}#${v}`);
          console.log(v); console.error(v); };</script>"""
    )
    await type_it(server)
    await server.page.settle()
    assert await held(server, "document.title") == VALUE
    view = view_to_json(await server.look(0))
    said = str(await server.serve("text", {}))
    for text in (view, said, str(await server.serve("names", {"role": "button"}))):
        assert NAMED in text and not SECRETS.shows(text)
        assert "s3cret" not in text and base64.b64encode(VALUE.encode()).decode()[:12] not in text
    logged = caplog.text + "".join(capfd.readouterr())
    assert "s3cret" not in logged


async def test_an_element_that_shows_it_cannot_be_asked_for_letter_by_letter(visit: Visit) -> None:
    server = await visit(FIELD + "<button>x</button><a href=#>y</a><script>p.oninput = () => {"
                         "document.querySelector('button').textContent = p.value }</script>")  # fmt: skip
    await type_it(server)
    said = set()
    for guess in ({"starts": "s3"}, {"starts": "zz"}, {"contains": "cret"}, {"name": "x"}):
        for primitive in ("visible", "count", "click"):
            with pytest.raises(PrimitiveRefused) as refused:
                await server.serve(primitive, {"role": "button", **guess})
            said.add(str(refused.value))
    assert len(said) == 1
    assert await server.serve("count", {"role": "button"}) == 1
    assert await server.serve("visible", {"role": "link", "name": "y"}) is True


async def test_another_site_gets_neither_a_key_nor_a_click(visit: Visit) -> None:
    server = await visit("home", FIELD + EVIL.replace("<input id=p autofocus>", "")
                         + "<script>window.clicks = 0; onmousedown = () => clicks++</script>")  # fmt: skip
    await open_url(server.page, "http://evil.test/")
    with pytest.raises(
        PrimitiveRefused, match=r"typed on http://shop\.test only, not on http://evil"
    ):
        await type_it(server)
    assert await held(server, "[p.value, keys.length, clicks]") == ["", 0, 0]


LEAVING = {
    "as it is clicked": "p.onmousedown = () => { location = 'http://evil.test/'; }",
    "as it gets the focus": "p.onfocus = () => { location = 'http://evil.test/'; }",
    "a moment later": "p.onfocus = () => setTimeout(() => { location = 'http://evil.test/'; }, MS)",
    "while it is typed": "p.oninput = () => { location = 'http://evil.test/'; }",
}


@pytest.mark.parametrize("when", LEAVING)
async def test_a_page_that_leaves_takes_nothing_with_it(visit: Visit, when: str) -> None:
    for delay in (0, 1, 2, 4, 8, 16) if "MS" in LEAVING[when] else (0,):
        server = await visit(f"{FIELD}<script>{LEAVING[when].replace('MS', str(delay))}</script>")
        try:
            await type_it(server)
        except (PrimitiveFailed, PrimitiveRefused) as refused:
            assert not SECRETS.shows(str(refused))
        await server.page.page.wait_for_url("http://evil.test/")
        await server.page.page.wait_for_timeout(100)
        assert await held(server, "[p.value, keys.join('')]") == ["", ""]


async def test_the_field_is_asked_where_it_is_and_not_the_browser(visit: Visit) -> None:
    server = await visit("home", FIELD)
    await open_url(server.page, "http://evil.test/")
    # The address that Playwright knows may lag behind: as if it still said the shop's.
    asked: list[str] = []

    def lagging(url: str) -> str | None:
        asked.append(url)
        return None if len(asked) == 1 else next(iter(SECRETS)).refuse(url)

    from journeyman.sandbox.typist import type_secret

    with pytest.raises(PrimitiveRefused, match="not on http://evil"):
        await type_secret(server.page, {"role": "textbox", "name": "Password"}, VALUE, lagging)
    assert asked[-1] == "http://evil.test" and await held(server) == ""


async def test_it_has_no_other_place_than_the_text_of_a_fill(visit: Visit) -> None:
    server = await visit(FIELD + "<select aria-label=S><option>a</select>")
    for primitive, args in (
        ("open_url", {"url": f"http://shop.test/?q={NAMED}"}),
        ("press", {"key": NAMED}),
        ("select", {"role": "combobox", "name": "S", "option": NAMED}),
        ("visible", {"role": "button", "name": NAMED}),
        ("fill", {"role": "textbox", "name": NAMED, "text": "x"}),
    ):
        with pytest.raises(PrimitiveRefused, match="typed by fill"):
            await server.serve(primitive, args)
    with pytest.raises(PrimitiveRefused, match="alone"):
        await type_it(server, f"my {NAMED}")
    with pytest.raises(PrimitiveRefused, match="no secret <secret:bank>"):
        await type_it(server, "<secret:bank>")
    for primitive, args in (
        ("open_url", {"url": f"http://shop.test/?q={VALUE}"}),
        ("fill", {"role": "textbox", "name": "Password", "text": VALUE}),
        ("count", {"role": "button", "contains": VALUE}),
    ):
        with pytest.raises(PrimitiveRefused, match="name its placeholder") as refused:
            await server.serve(primitive, args)
        assert not SECRETS.shows(str(refused.value))
    assert await held(server) == ""


@pytest.mark.parametrize(
    "field",
    ["<textarea id=p></textarea>", "<input type=search id=p>", "<input type=url id=p>"],
)
async def test_only_password_and_text_fields_take_one(visit: Visit, field: str) -> None:
    server = await visit(f"<label>Password {field}</label>")
    with pytest.raises(PrimitiveRefused, match="no password or text field"):
        await type_it(server)
    assert await held(server) == ""


async def test_half_a_secret_is_not_left_in_a_field(visit: Visit) -> None:
    server = await visit(FIELD.replace("id=p", "id=p maxlength=9"))
    with pytest.raises(PrimitiveFailed, match="whole") as failed:
        await type_it(server)
    assert await held(server) == "" and "s3cret" not in str(failed.value)
    server = await visit(FIELD.replace("id=p", "id=p readonly"))
    with pytest.raises(PrimitiveFailed, match="takes no secret"):
        await type_it(server)


async def test_an_error_that_holds_it_is_told_without_it_and_without_its_cause(
    visit: Visit,
) -> None:
    server = await visit(FIELD)

    async def breaks(*_: Any) -> None:
        raise RuntimeError(f"keyboard.type({VALUE!r}) broke")

    server.page.target = breaks  # type: ignore[method-assign, assignment]
    with pytest.raises(PrimitiveFailed) as failed:
        await type_it(server)
    assert NAMED in str(failed.value) and not SECRETS.shows(str(failed.value))
    assert failed.value.__cause__ is None and failed.value.__suppress_context__


async def test_a_run_without_the_right_to_secrets_types_none(visit: Visit) -> None:
    server = await visit(FIELD)
    held_back = PageServer(server.page, secrets=SECRETS, bounds=Bounds(data="personal"))
    with pytest.raises(PrimitiveRefused, match="secret data and the manifest allows personal"):
        await type_it(held_back)
    assert await held(server) == "" and len(held_back.excesses) == 1


async def pixels(page: LivePage, picture: Path, box: list[float]) -> set[tuple[int, ...]]:
    """The colours inside a box of a picture, decoded by the browser, coarse as JPEG is."""
    data = base64.b64encode(picture.read_bytes()).decode()
    found = await page.page.evaluate(
        """async ([data, [x, y, w, h]]) => {
          const image = await createImageBitmap(await (await fetch('data:image/jpeg;base64,' + data)).blob());
          const canvas = new OffscreenCanvas(image.width, image.height);
          const context = canvas.getContext('2d');
          context.drawImage(image, 0, 0);
          const all = context.getImageData(x, y, w, h).data;
          return [...Array(all.length / 4).keys()].map((i) => [...all.slice(4 * i, 4 * i + 3)]); }""",
        [data, box],
    )
    return {tuple(value // 16 for value in pixel) for pixel in found}


async def test_a_picture_shows_flat_fields_and_nothing_where_the_text_shows_it(
    visit: Visit, tmp_path: Path
) -> None:
    server = await visit("<input id=p aria-label=Password value=before><p id=said>plain")
    box = await held(
        server, "(() => { const b = p.getBoundingClientRect(); return [b.x + 2, b.y + 2, b.width - 4, b.height - 4] })()"
    )  # fmt: skip
    box = [round(edge) for edge in box]
    await take(server.page, SECRETS, tmp_path / "before.jpg")
    assert len(await pixels(server.page, tmp_path / "before.jpg", box)) > 1
    await type_it(server)
    await take(server.page, Secrets(), tmp_path / "bare.jpg")
    assert len(await pixels(server.page, tmp_path / "bare.jpg", box)) > 1
    await take(server.page, SECRETS, tmp_path / "masked.jpg")
    assert await pixels(server.page, tmp_path / "masked.jpg", box) == {(0, 0, 0)}
    await held(server, "void (said.textContent = p.value)")
    with pytest.raises(PrimitiveRefused, match="no picture"):
        await take(server.page, SECRETS, tmp_path / "echo.jpg")
    assert not (tmp_path / "echo.jpg").exists()
