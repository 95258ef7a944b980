"""What was done once, on a page of plain values, becomes a program that does it again elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from journeyman.sandbox.base import Element, View, view_to_json
from journeyman.sandbox.worker import Worker
from journeyman.skills.check import check
from journeyman.skills.generalise import MAX_PROGRAMS, programs
from journeyman.skills.merge import combine, hoisted, slots_used, with_optional
from journeyman.skills.moves import Move, live, moves_of, state_of
from journeyman.skills.program import Do, Place, Program, Retry, Text, constructs, invocation, used
from journeyman.skills.program import write as write_program
from journeyman.skills.skill import Candidate, Manifest, Slot, Template
from journeyman.skills.template import Binding

Again = Callable[..., Awaitable[list[tuple[Any, ...]]]]


@pytest.fixture
def again(bubblewrap: Worker) -> Again:
    """Run a program for another goal on another page, in the sandbox; what it did there."""

    async def run(program: Program, page: Any, **binding: Any) -> list[tuple[Any, ...]]:
        kinds: dict[type, Any] = {str: "text", tuple: "list", int: "ordinal"}
        slots = tuple(Slot(name, kinds[type(value)]) for name, value in binding.items())
        text = "Do it for " + " ".join(f"{{{slot.name}}}" for slot in slots)
        code = write_program("do-it", slots, program, "Do it.")
        manifest = Manifest(("http://shop.test",), used(program))
        assert check(Candidate("do-it", "Do it.", Template(text, slots), code, manifest)) == []
        result = await bubblewrap.run(
            invocation("do_it", binding), serve=page.serve, library={"do_it": code}
        )
        return page.done if result.ok else [*page.done, ("failed", result.error)]

    return run


def moves(page: Any) -> list[Move]:
    return live(moves_of(page.calls, view_to_json(page.view())))


def field(name: str, **more: Any) -> Element:
    return Element("textbox", name, kind="field", actions=("fill", "click"), **more)


def button(name: str, kind: str = "button", **more: Any) -> Element:
    return Element("button", name, kind=kind, **more)


def link(name: str, kind: str = "hit", **more: Any) -> Element:
    return Element("link", name, kind=kind, **more)


def submitted(page: Any, primitive: str, element: Element | None) -> None:
    if element is not None and element.name == "Submit":
        page.text, page.elements = "Thanks.", []


async def test_texts_that_the_goal_holds_are_lifted(toy: Any, again: Again) -> None:
    def start() -> Any:
        return toy(field("User"), field("Password"), Element("combobox", "City", kind="c"),
                   button("Submit"), react=submitted)  # fmt: skip

    page = start()
    await page.do("fill", "textbox", "User", text="ann")
    await page.do("fill", "textbox", "Password", text="x1")
    await page.do("select", "combobox", "City", option="Graz")
    await page.do("click", "button", "Submit")
    best = programs(moves(page), {"user": "ann", "password": "x1", "city": "Graz"})[0]
    assert slots_used(best) == {"user", "password", "city"} and "lift" in constructs(best)
    assert await again(best, start(), user="bob", password="y2", city="Wien") == [
        ("fill", "User", "bob"),
        ("fill", "Password", "y2"),
        ("select", "City", "Wien"),
        ("click", "Submit"),
    ]


async def test_the_element_that_the_goal_names_is_lifted(toy: Any, again: Again) -> None:
    page = toy(button("Ok"), button("No"), button("Yes"))
    await page.do("click", "button", "No")
    best = programs(live(moves_of(page.calls)), {"which": "No"})[0]
    assert await again(best, toy(button("Never"), button("Ok")), which="Ok") == [("click", "Ok")]


async def test_a_list_in_the_goal_becomes_a_loop(toy: Any, again: Again) -> None:
    def start(*names: str) -> Any:
        boxes = [Element("checkbox", name, kind="b", checked=False) for name in names]
        return toy(*boxes, button("Submit"), react=submitted)

    page = start("jam", "tea", "ham")
    await page.do("check", "checkbox", "jam")
    await page.do("check", "checkbox", "ham")
    await page.do("click", "button", "Submit")
    best = programs(moves(page), {"items": ("ham", "jam")})[0]
    assert "each" in constructs(best)
    assert await again(best, start("a", "b", "c", "d"), items=("d", "a", "b")) == [
        ("check", "d"),
        ("check", "a"),
        ("check", "b"),
        ("click", "Submit"),
    ]


def tabbed(toy: Any, **hidden: list[str]) -> Any:
    def react(page: Any, primitive: str, element: Element) -> None:
        if element.role == "tab":
            page.elements = [e for e in page.elements if e.role == "tab"]
            page.elements += [link(name) for name in hidden[element.name]]

    return toy(*(Element("tab", name, kind="tab") for name in hidden), react=react)


async def test_looking_for_something_becomes_a_search(toy: Any, again: Again) -> None:
    page = tabbed(toy, one=["x"], two=["y"], three=["Ada", "z"])
    for name in ("one", "two", "three"):
        await page.do("click", "tab", name)
    await page.do("click", "link", "Ada")
    best = programs(live(moves_of(page.calls)), {"who": "Ada"})[0]
    assert "reveal" in constructs(best)
    other = tabbed(toy, a=["Bob"], b=[], c=["Bo"], d=[])
    assert (await again(best, other, who="Bo"))[-1] == ("click", "Bo")
    at_once = tabbed(toy, a=["Bob"], b=[])
    assert await again(best, at_once, who="Bob") == [("click", "a"), ("click", "Bob")]


def mails(toy: Any, *senders: str) -> Any:
    items = [
        Element("icon", name, kind=name, row=(sender, "hello"))
        for sender in senders
        for name in ("star", "bin")
    ]
    return toy(*items)


async def test_an_element_in_the_row_that_the_goal_names(toy: Any, again: Again) -> None:
    page = mails(toy, "Ada", "Bob", "Cid")
    await page.do("click", "icon", "bin", row="Bob")
    best = programs(live(moves_of(page.calls)), {"by": "Bob"})[0]
    assert "relative" in constructs(best)
    other = mails(toy, "Zoe", "Bob", "Eve", "Fay")
    assert await again(best, other, by="Fay") == [("click", "bin")]
    assert other.calls[-1].args["row"] == "Fay"


async def test_beginnings_and_ends_that_the_goal_quotes(toy: Any, again: Again) -> None:
    page = toy(link("Alan Kay"), link("Ada Lovelace"), link("Ada Byron"))
    await page.do("click", "link", "Ada Lovelace")
    best = programs(live(moves_of(page.calls)), {"first": "Ada", "last": "lace"})[0]
    assert "predicate" in constructs(best) and slots_used(best) == {"first", "last"}
    other = toy(link("Grace Hopper"), link("Grace Kelly"), link("Gray Kelly"))
    assert await again(best, other, first="Grace", last="Kelly") == [("click", "Grace Kelly")]
    options = programs(live(moves_of(page.calls)), {"part": "love".title()})
    other = toy(link("Grace Hopper"), link("Gray Kelly"))
    assert await again(options[0], other, part="Kel") == [("click", "Gray Kelly")]


def results(toy: Any, count: int, size: int = 3, turn: str = ">") -> Any:
    def show(page: Any, number: int) -> None:
        page.number = number
        names = range(number * size, min(count, (number + 1) * size))
        page.elements = [link(f"hit {n + 1}") for n in names]
        if (number + 1) * size < count:
            page.elements.append(link(turn, "turn"))

    def react(page: Any, primitive: str, element: Element) -> None:
        if element.name == turn:
            show(page, page.number + 1)

    page = toy(react=react)
    show(page, 0)
    return page


@pytest.mark.parametrize(("source", "turn"), [(8, ">"), (4, "Further hits"), (2, ">")])
async def test_the_nth_over_pages(toy: Any, again: Again, source: int, turn: str) -> None:
    page = results(toy, 9, turn=turn)
    for _ in range((source - 1) // 3):
        await page.do("click", "link", turn)
    await page.do("click", "link", f"hit {source}")
    found = programs(live(moves_of(page.calls)), {"n": source})
    assert found
    for n in (1, 5, 7):
        done = await again(found[0], results(toy, 9, turn=turn), n=n)
        assert done == [("click", turn)] * ((n - 1) // 3) + [("click", f"hit {n}")]


@pytest.mark.parametrize("source", [2, 8])
async def test_what_brings_the_first_page_up_turns_none(
    toy: Any, again: Again, source: int
) -> None:
    def shop() -> Any:
        """Nothing is found before it is searched for."""
        page = results(toy, 9)
        found, turning = list(page.elements), page.react
        page.elements = [button("Search")]

        def react(page: Any, primitive: str, element: Element) -> None:
            if element.name == "Search":
                page.elements = found
            else:
                turning(page, primitive, element)

        page.react = react
        return page

    page = shop()
    await page.do("click", "button", "Search")
    for _ in range((source - 1) // 3):
        await page.do("click", "link", ">")
    await page.do("click", "link", f"hit {source}")
    programs_found = programs(live(moves_of(page.calls)), {"n": source})
    for n in (1, 5, 7):
        wanted = [("click", "Search"), *[("click", ">")] * ((n - 1) // 3), ("click", f"hit {n}")]
        assert wanted in [await again(p, shop(), n=n) for p in programs_found[:6]]


async def test_the_nth_on_one_page(toy: Any, again: Again) -> None:
    page = toy(button("x"), button("a", "t"), button("b", "t"), button("c", "t"))
    await page.do("click", "button", "b")
    found = programs(live(moves_of(page.calls)), {"n": 2})
    other = [toy(button("p", "t"), button("q", "t"), button("r", "t")) for _ in found]
    done = [await again(p, o, n=3) for p, o in zip(found[:4], other, strict=False)]
    assert [("click", "r")] in done


def blocked(toy: Any) -> Any:
    """Filling anything first brings up a popup that has to be closed."""

    def react(page: Any, primitive: str, element: Element) -> None:
        if element.name == "Close":
            page.elements = [field("User"), field("Password"), button("Submit")]
        submitted(page, primitive, element)

    covered = [field("User", disabled=True), field("Password", disabled=True)]
    return toy(*covered, button("Close"), react=react)


async def test_what_got_in_the_way_is_cleared_and_the_call_made_again(
    toy: Any, again: Again
) -> None:
    page = blocked(toy)
    await page.do("fill", "textbox", "User", text="ann")
    await page.do("click", "button", "Close")
    await page.do("fill", "textbox", "User", text="ann")
    await page.do("fill", "textbox", "Password", text="x1")
    await page.do("click", "button", "Submit")
    found = programs(moves(page), {"user": "ann", "password": "x1"})
    assert "retry" in constructs(found[0])
    expected = [("fill", "User", "bob"), ("fill", "Password", "y"), ("click", "Submit")]
    done = await again(found[0], blocked(toy), user="bob", password="y")
    assert done == [("click", "Close"), *expected]
    free = toy(field("User"), field("Password"), button("Submit"))
    assert await again(found[0], free, user="bob", password="y") == expected

    everywhere = hoisted(found[0])
    assert everywhere is not None and everywhere in combine([found])
    later = toy(field("User"), field("Password", disabled=True), button("Close"),
                react=blocked(toy).react)  # fmt: skip
    done = await again(everywhere, later, user="bob", password="y")
    assert done == [expected[0], ("click", "Close"), *expected[1:]]
    assert hoisted(tuple(step for step in found[0] if not isinstance(step, Retry))) is None


def confirming(toy: Any, asks: bool) -> Any:
    def react(page: Any, primitive: str, element: Element) -> None:
        if element.name == "Delete":
            page.elements = [button("Sure")] if asks else [button("Done")]
        if element.name == "Sure":
            page.elements = [button("Done")]

    return toy(button("Delete"), react=react)


async def test_steps_that_only_one_success_needed_become_optional(toy: Any, again: Again) -> None:
    found = []
    for asks in (False, True):
        page = confirming(toy, asks)
        for name in ("Delete", *(["Sure"] if asks else []), "Done"):
            await page.do("click", "button", name)
        found.append(programs(live(moves_of(page.calls)), {}))
    both = with_optional(found[0][0], found[1][0])
    assert both is not None and "guard" in constructs(both) and both in combine(found)
    for asks in (False, True):
        done = await again(both, confirming(toy, asks))
        assert done[-1] == ("click", "Done") and (("click", "Sure") in done) is asks
    assert with_optional(found[1][0], found[0][0]) is None
    assert with_optional(found[0][0], found[0][0]) is None


async def test_steps_that_failed_or_changed_nothing_are_dropped(toy: Any) -> None:
    page = toy(field("User"), button("Idle"), button("Dead", disabled=True), button("Submit"),
               react=submitted)  # fmt: skip
    await page.do("click", "button", "Nowhere")
    await page.do("click", "button", "Idle")
    await page.do("fill", "textbox", "User", text="ann")
    await page.do("fill", "textbox", "User", text="ann")
    await page.do("click", "button", "Dead")
    await page.do("visible", "button", "Submit")
    await page.do("click", "button", "Submit")
    kept = [(move.primitive, move.args["name"]) for move in moves(page)]
    assert kept == [("fill", "User"), ("click", "Submit")]


async def test_the_explanation_that_fits_several_successes_comes_first(
    toy: Any, again: Again
) -> None:
    """Once, the name in the goal is also the second of its kind, and the last: only one is meant."""
    found = []
    for names, who in ((["Bob", "Ada"], "Ada"), (["Cid", "Dan", "Eve"], "Cid")):
        page = toy(*(link(name) for name in names))
        await page.do("click", "link", who)
        found.append(programs(live(moves_of(page.calls)), {"who": who}))
    first = combine(found)[0]
    assert await again(first, toy(link("x"), link("y"), link("z")), who="z") == [("click", "z")]

    found = []
    for names, target in ((["Ok", "Submit"], "Submit"), (["Submit", "Ok", "No"], "Submit")):
        page = toy(*(button(name) for name in names))
        await page.do("click", "button", target)
        found.append(programs(live(moves_of(page.calls)), {}))
    first = combine(found)[0]
    assert await again(first, toy(button("a"), button("b"), button("Submit"))) == [
        ("click", "Submit")
    ]


def test_what_cannot_be_explained_gives_no_program() -> None:
    view = View("http://shop.test/", "", (button("Ok"),))
    lost = Move("click", {"role": "button", "name": "Gone"}, view, view)
    assert programs([lost], {}) == []
    assert programs([], {}) == [()] or programs([], {}) == []
    assert combine([]) == [] and combine([[], []]) == []


def test_long_histories_do_not_explode() -> None:
    elements = tuple(replace(link(f"Ada {n}"), nth=0, index=n) for n in range(12))
    view = View("http://shop.test/", "", elements)
    clicks: Sequence[Move] = [
        Move("click", {"role": "link", "name": f"Ada {n}"}, view, replace(view, url=f"/{n}"))
        for n in range(12)
    ]
    found = programs(clicks, {"a": "Ada", "b": "Ada 1", "c": "1", "n": 3})
    assert 0 < len(found) <= MAX_PROGRAMS and len(set(found)) == len(found)


def test_what_a_person_could_not_tell_apart_is_one_state() -> None:
    view = View("http://shop.test/", "t", (button("Ok"), field("User")), "words")
    moved = tuple(replace(element, box=(1, 2, 3, 4)) for element in view.elements)
    assert state_of(view) == state_of(replace(view, elements=moved))
    typed = (view.elements[0], replace(view.elements[1], value="x"))
    assert state_of(view) != state_of(replace(view, elements=typed))


def test_only_slots_in_use_count(toy: Any) -> None:
    step = Do(
        "click", Place("link", (("name", Text(variable="item")), ("row", Text(variable="by"))))
    )
    assert slots_used((step,)) == {"by"}
    binding: Binding = {"by": "x"}
    assert programs([], binding) in ([], [()])
