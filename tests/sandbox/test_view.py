"""What is seen of a page, in real Chromium: the elements a person could act on, and no others."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from journeyman.sandbox.base import Element, View
from journeyman.sandbox.locators import locate, locator_of, matches
from journeyman.sandbox.page import LivePage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Show = Callable[..., Awaitable[LivePage]]


def seen(view: View) -> list[tuple[str, str]]:
    return [(element.role, element.name) for element in view.elements]


def named(view: View, name: str) -> Element:
    found = [element for element in view.elements if element.name == name]
    assert len(found) == 1, f"{len(found)} named {name!r} in {seen(view)}"
    return found[0]


async def test_roles_and_the_primitives_that_apply(show: Show) -> None:
    page = await show("""
      <button>Go</button> <a href="/x">Away</a> <a>not a link</a> <p>only text</p>
      <input aria-label=T> <input type=password aria-label=P> <textarea aria-label=A></textarea>
      <input type=hidden value=h> <input type=checkbox aria-label=C> <input type=radio aria-label=R>
      <input type=range aria-label=S> <input type=date aria-label=D> <input type=reset value=Z>
      <select aria-label=One><option>a<option>b</select>
      <select aria-label=Many multiple><option>c<option>d</select>
      <div contenteditable=true aria-label=E>note</div> <div role=tab>Tab</div>
      <div role=searchbox aria-label=Q tabindex=0 contenteditable=true></div>
      <div role=checkbox aria-checked=true>Box</div> <div role=nonsense>odd</div>
      <span style="cursor:pointer">Worded</span> <div style="cursor:pointer">Block</div>
      <div onclick="1">Handled</div> <details><summary>More</summary>hidden</details>""")
    view = await page.look()
    assert {(e.role, e.name): e.actions for e in view.elements} == {
        ("button", "Go"): ("click",),
        ("link", "Away"): ("click",),
        ("textbox", "T"): ("fill", "click"),
        ("textbox", "P"): ("fill", "click"),
        ("textbox", "A"): ("fill", "click"),
        ("checkbox", "C"): ("check",),
        ("radio", "R"): ("check",),
        ("slider", "S"): ("fill", "click"),
        ("textbox", "D"): ("fill", "click"),
        ("button", "Z"): ("click",),
        ("combobox", "One"): ("select",),
        ("listbox", "Many"): ("select",),
        ("textbox", "E"): ("fill", "click"),
        ("tab", "Tab"): ("click",),
        ("textbox", "Q"): ("fill", "click"),
        ("checkbox", "Box"): ("check",),
        ("link", "Worded"): ("click",),
        ("item", "Block"): ("click",),
        ("item", "Handled"): ("click",),
        ("button", "More"): ("click",),
    }
    assert view.url == "http://page.test/index.html" and view.title == "index"
    assert "only text" in view.text and "hidden" not in view.text


async def test_names_come_from_what_a_person_reads(show: Show) -> None:
    icon = "cursor:pointer;display:inline-block;width:20px;height:20px"
    page = await show(f"""
      <label for=a>First   name</label><input id=a>
      <label>City <select><option>Graz</select></label>
      <label><input type=checkbox> Agree</label>
      <p><input aria-label="Said" placeholder=other></p>
      <p><i id=total>Total</i><input aria-labelledby=total></p>
      <p><input placeholder="Your mail"></p>
      <p>Age: <input></p>
      <table><tr><td>Street</td><td><input></td></tr></table>
      <p>far away <button>between</button><input id=lonely></p>
      <p><input type=submit value="Send it"><input type=image alt="Picture" src=x></p>
      <p><span class="trash big" style="{icon}"></span></p>
      <p><img alt=Logo onclick=1 style="width:20px;height:20px"></p>
      <p><button title=Close></button><button><img alt=Save></button></p>
      <p><button>  two
          lines </button></p>""")
    assert seen(await page.look()) == [
        ("textbox", "First name"),
        ("combobox", "City"),
        ("checkbox", "Agree"),
        ("textbox", "Said"),
        ("textbox", "Total"),
        ("textbox", "Your mail"),
        ("textbox", "Age:"),
        ("textbox", "Street"),
        ("button", "between"),
        ("textbox", ""),
        ("button", "Send it"),
        ("button", "Picture"),
        ("icon", "trash"),
        ("icon", "Logo"),
        ("button", "Close"),
        ("button", "Save"),
        ("button", "two lines"),
    ]


async def test_rows_kinds_and_numbers_tell_equals_apart(show: Show) -> None:
    row = (
        '<div class=mail><b>{}</b><span class=when>{}</span><i class="{} icon" onclick=1 '
        'style="display:inline-block;width:20px;height:20px"></i></div>'
    )
    page = await show(
        "".join(row.format(*cells) for cells in
                [("Ada", "9:00", "star"), ("Bob", "9:00", "star"), ("Cid", "8:00", "bin")])
        + "<ul><li><a href=1 class=hit>One</a><li><a href=2 class=hit>Two</a></ul>"
        "<button>Same</button><button>Other</button><button>Same</button>"
    )  # fmt: skip
    view = await page.look()
    stars = [element for element in view.elements if element.name == "star"]
    assert [star.row for star in stars] == [("Ada", "9:00"), ("Bob", "9:00")]
    assert [(star.nth, star.index, star.kind) for star in stars] == [(0, 0, "star"), (1, 1, "star")]
    assert locator_of(view, stars[1]) == {"role": "icon", "name": "star", "row": "Bob"}
    assert named(view, "bin").row == ("Cid", "8:00") and named(view, "bin").nth == 0
    links = [element for element in view.elements if element.role == "link"]
    assert [(link.kind, link.index, link.row) for link in links] == [("hit", 0, ()), ("hit", 1, ())]
    same = [element for element in view.elements if element.name == "Same"]
    assert locator_of(view, same[1]) == {"role": "button", "name": "Same", "nth": 1}
    assert named(view, "Other").index == 1


async def test_state_is_read(show: Show) -> None:
    page = await show("""
      <input aria-label=T value="held"> <input aria-label=P type=password value=pw>
      <input type=checkbox aria-label=On checked> <input type=radio aria-label=Off>
      <select aria-label=L><option>a<option selected>b</select>
      <div role=tab aria-selected=true>Open</div> <div role=tab aria-selected=false>Shut</div>
      <button disabled>Dead</button> <button aria-disabled=true>Grey</button>
      <fieldset disabled><button>Fenced</button></fieldset>""")
    view = await page.look()
    assert named(view, "T").value == "held" and named(view, "L").value == "b"
    assert named(view, "L").options == ("a", "b")
    assert named(view, "On").checked is True and named(view, "Off").checked is False
    assert named(view, "Open").checked is True and named(view, "Shut").checked is False
    assert named(view, "T").checked is None
    assert named(view, "Dead").disabled and named(view, "Grey").disabled
    assert named(view, "Fenced").disabled
    left, top, width, height = named(view, "T").box
    assert 0 <= left < 800 and 0 <= top < 600 and width > 10 and height > 10


async def test_what_cannot_be_acted_on_is_not_in_view(show: Show) -> None:
    page = await show("""
      <div style="position:relative;height:60px"><button>Covered</button>
        <div style="position:absolute;inset:0;background:#fff"><button>On top</button></div></div>
      <button style="display:none">None</button> <button style="visibility:hidden">Hidden</button>
      <div style="overflow:hidden;width:50px;height:20px;position:relative">
        <button style="position:absolute;top:100px">Clipped</button></div>
      <div style="overflow:hidden;height:0"><button>Folded</button></div>
      <button style="width:0;height:0;padding:0;border:0;overflow:hidden">Nothing</button>
      <button style="pointer-events:none">Ghost</button>
      <details><summary>Sum</summary><button>Shut in</button></details>""")
    assert seen(await page.look()) == [("button", "On top"), ("button", "Sum")]


async def test_what_can_be_scrolled_to_is_in_view(show: Show) -> None:
    page = await show("""
      <div style="overflow:auto;height:60px;width:200px"><div style="height:500px">gap</div>
        <button onclick="document.title='box'">In the box</button></div>
      <div style="height:3000px"></div>
      <button onclick="document.title='page'">Far below</button>""")
    assert seen(await page.look()) == [("button", "In the box"), ("button", "Far below")]
    await page.click({"role": "button", "name": "Far below"})
    assert (await page.look()).title == "page"
    await page.click({"role": "button", "name": "In the box"})
    assert (await page.look()).title == "box"


async def test_a_label_over_its_hidden_box_stands_for_it(show: Show) -> None:
    page = await show("""
      <label style="position:relative;display:block;height:30px">Styled
        <input type=checkbox style="position:absolute;left:0;top:0;width:200px;height:30px">
        <span style="position:absolute;left:0;top:0;width:200px;height:30px;background:#eee"></span>
      </label>""")
    await page.check({"role": "checkbox", "name": "Styled"}, True)
    assert named(await page.look(), "Styled").checked is True


async def test_open_shadow_trees_are_part_of_the_page(show: Show) -> None:
    page = await show("""
      <x-outer><span>slotted</span><button>Light</button></x-outer><button>After</button>
      <script>
        customElements.define('x-inner', class extends HTMLElement { connectedCallback() {
          this.attachShadow({mode: 'open'}).innerHTML =
            `<label>Deep <input></label>
             <button onclick="document.title='deep'">Inner</button>`; } });
        customElements.define('x-outer', class extends HTMLElement { connectedCallback() {
          this.attachShadow({mode: 'open'}).innerHTML =
            '<slot></slot><button>Outer</button><x-inner></x-inner>'; } });
      </script>""")
    assert set(seen(await page.look())) == {
        ("button", "Light"),
        ("button", "Outer"),
        ("textbox", "Deep"),
        ("button", "Inner"),
        ("button", "After"),
    }
    await page.click({"role": "button", "name": "Inner"})
    await page.fill({"role": "textbox", "name": "Deep"}, "typed")
    view = await page.look()
    assert view.title == "deep" and named(view, "Deep").value == "typed"


async def test_a_page_that_redefines_its_language_is_read_all_the_same(show: Show) -> None:
    page = await show("""<script>
      const lie = () => { throw new Error('hostile'); };
      for (const name of ['filter', 'map', 'push', 'some', 'join', 'find', Symbol.iterator])
        Array.prototype[name] = lie;
      for (const name of ['getAttribute', 'getBoundingClientRect', 'getClientRects', 'matches'])
        Element.prototype[name] = lie;
      for (const name of ['querySelector', 'elementFromPoint', 'getElementById'])
        document[name] = lie;
      String.prototype.replace = String.prototype.trim = () => 'forged';
      Object.defineProperty(Node.prototype, 'textContent', { get: () => 'forged' });
      Object.defineProperty(HTMLElement.prototype, 'innerText', { get: () => 'forged' });
      Object.prototype.name = 'forged'; Object.prototype.problem = 'forged';
      window.JSON = { stringify: lie, parse: lie }; window.Map = window.Promise = lie;
      window.setTimeout = window.requestAnimationFrame = window.getComputedStyle = lie;
    </script>
    <label>User <input></label><button onclick="document.title = 'pressed'">True name</button>""")
    view = await page.look()
    assert seen(view) == [("textbox", "User"), ("button", "True name")]
    assert await page.call("text", 100) == "User True name"
    await page.fill({"role": "textbox", "name": "User"}, "ann")
    await page.click({"role": "button", "name": "True name"})
    view = await page.look()
    assert view.title == "pressed" and named(view, "User").value == "ann"


CLOBBERING = """children shadowRoot tagName className getAttribute hasAttribute matches textContent
  innerText parentElement childNodes previousSibling getClientRects getBoundingClientRect contains
  id title alt labels offsetParent disabled type value nodeType querySelector""".split()


async def test_fields_named_like_properties_of_a_form_hide_nothing(show: Show) -> None:
    fields = "".join(f'<input name="{name}" aria-label="{name}">' for name in CLOBBERING)
    page = await show(f"""<div class=r>x</div>
      <div class=r><form>{fields}<button>Send</button></form></div><p><button>After</button></p>""")
    names = [name for _, name in seen(await page.look())]
    assert names == [*CLOBBERING, "Send", "After"]
    await page.fill({"role": "textbox", "name": "tagName"}, "ok")
    assert await page.call("value", {"role": "textbox", "name": "tagName"}) == "ok"


async def test_forms_named_like_properties_of_the_document_hide_nothing(show: Show) -> None:
    names = ["body", "documentElement", "elementFromPoint", "getElementById", "activeElement",
             "title", "children"]  # fmt: skip
    forms = "".join(f'<form name="{name}"></form>' for name in names)
    page = await show(f"<button>First</button>{forms}<input aria-label=Field>")
    view = await page.look()
    assert seen(view) == [("button", "First"), ("textbox", "Field")]
    assert view.title == "index" and "First" in view.text
    await page.fill({"role": "textbox", "name": "Field"}, "ok")
    assert await page.call("text", 100) == "First"


async def test_whatever_is_seen_can_be_found_again(show: Show) -> None:
    page = await show(
        f"<button>{'word ' * 30}</button><button>{'a' * 79}😀 tail</button>"
        "<button id=c></button><script>c.textContent = 'nul \\0 bell \\x07 del \\x7f'</script>"
        "<button>non\u00a0breaking\u3000space \ufeff end</button><button>e\u0301 \x85 \x1c</button>"
        '<button>"quoted" \\back ´ {braces} %s</button><button>‮rtl‬ \u200b zero</button>'
        f"<ul><li><i>{'long ' * 12}x</i><a href=1>Go</a><li><i>s</i><a href=2>Go</a></ul>"
    )
    view = await page.look()
    assert len(view.elements) == 9
    for element in view.elements:
        locator = locator_of(view, element)
        assert locate(view, locator) == element
        names = await page.call("names", locator)
        assert element.name in names, (locator, names)
        for text in element.row:
            assert await page.call("count", {**locator, "row": text}) >= 1


MIXED = """
  <h1>Shop</h1> <button>Buy</button><button> Buy </button><button>Buy more</button>
  <a href=1 class=nav>Home</a><a href=2 class=nav>Help</a><a href=3>Help</a>
  <table>{rows}</table>
  <ul><li class=c><label><input type=checkbox>Jam</label><li class=c><label><input type=checkbox>
  Tea</label><li class=c><label><input type=checkbox>Jam</label></ul>
  <p>Name <input></p><p>Name <input></p><select aria-label=Pick><option>1</select>
  <div class=card onclick=1>Jam</div><div class=card onclick=1>Tea</div>
"""


async def test_locators_mean_the_same_on_the_page_and_on_its_view(show: Show) -> None:
    rows = "".join(
        f"<tr><td>{name}<td>{size}<td><a href=#>open</a><td><button>Buy</button>"
        for name, size in [("Ada", "1 kB"), ("Bob", "1 kB"), ("Ada", "2 kB")]
    )
    page = await show(MIXED.format(rows=rows))
    view = await page.look()
    assert len(view.elements) == 20
    pick = random.Random(7)
    roles = sorted({element.role for element in view.elements})
    texts = sorted({e.name for e in view.elements} | {t for e in view.elements for t in e.row})
    kinds = sorted({element.kind for element in view.elements})

    def part(text: str) -> str:
        start = pick.randrange(len(text) + 1)
        return text[start : pick.randrange(start, len(text) + 1)]

    met = 0
    for _ in range(300):
        locator: dict[str, object] = {"role": pick.choice(roles)}
        for key in pick.sample(["name", "starts", "ends", "contains", "row", "kind"], k=2):
            text = pick.choice(texts)
            locator[key] = {
                "name": text,
                "starts": text[: pick.randrange(1, 4)],
                "ends": text[-pick.randrange(1, 4) :],
                "contains": part(text),
                "row": pick.choice([text, f" {text}  "]),
                "kind": pick.choice(kinds),
            }[key]
            if pick.random() < 0.5:
                break
        expected = [element for element in view.elements if matches(element, locator)]
        met += bool(expected)
        assert await page.call("count", locator) == len(expected), locator
        assert await page.call("names", locator) == [e.name for e in expected], locator
    assert met > 20, "the locators tried should meet something"


async def test_a_very_long_page_is_cut_short(show: Show) -> None:
    page = await show(
        "<script>for (let n = 0; n < 3000; n++) document.write(`<a href=${n}>link ${n}</a> `);"
        "</script>" + "<p>" + "words " * 2000
    )
    view = await page.look()
    assert 60 <= len(view.elements) <= 500
    assert view.elements[0].name == "link 0"
    assert len(view.text) <= 2000
