"""Every statement becomes Python that passes the static checks and does in the sandbox what it says."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.sandbox.base import Element, Limits
from journeyman.sandbox.worker import Worker
from journeyman.skills.check import check
from journeyman.skills.program import (
    Do,
    Each,
    Guard,
    Numbered,
    Paged,
    Place,
    Press,
    Program,
    Retry,
    Reveal,
    Statement,
    Text,
    constructs,
    invocation,
    used,
    write,
)
from journeyman.skills.skill import Candidate, Manifest, Slot, Template
from journeyman.skills.template import Binding

SLOTS = {"who": Slot("who"), "items": Slot("items", "list"), "n": Slot("n", "ordinal")}
HOSTILE = 'a"b\\c\n{x} \'\'\' """ %s \u2028 \x00 \\" 漢😀'


def named(role: str, name: str | Text, **more: str | Text) -> Place:
    parts = {"name": name, **more}
    return Place(role, tuple((k, Text(v) if isinstance(v, str) else v) for k, v in parts.items()))


def made(program: Program, slots: tuple[str, ...]) -> Candidate:
    """A candidate around a program, as induction would make it."""
    text = "Do it for " + ", ".join(f"{{{name}}}" for name in slots)
    held = tuple(SLOTS[name] for name in slots)
    return Candidate(
        name="do-it",
        description="Do it.",
        template=Template(text, held),
        code=write("do-it", held, program, "Do it."),
        manifest=Manifest(("http://shop.test",), used(program)),
    )


async def run(sandbox: Worker, program: Program, binding: Binding, page: Any) -> Any:
    """Check the written code, then run it on a page of plain values."""
    candidate = made(program, tuple(binding))
    assert check(candidate) == [], candidate.code
    code = invocation("do_it", binding)
    result = await sandbox.run(
        code, serve=page.serve, library={"do_it": candidate.code}, limits=Limits(seconds=10)
    )
    assert result.called == ("do_it",), (candidate.code, result)
    return result


def button(name: str, kind: str = "button", **more: Any) -> Element:
    return Element("button", name, kind=kind, **more)


WHO = Text(variable="who")
ITEM = Text(variable="item")


async def test_plain_calls(bubblewrap: Worker, toy: Any) -> None:
    page = toy(
        Element("textbox", "Name", kind="f"),
        Element("combobox", "City", kind="c"),
        Element("checkbox", "Agree", kind="b", checked=False),
        Element("icon", "trash", kind="i", row=("Bob",)),
        Element("icon", "trash", kind="i", row=("Ada",)),
        Element("link", "Adagio", kind="l"),
        Element("link", "Bobbin", kind="l"),
        Element("link", "Ada Lovelace, Countess", kind="l"),
    )
    program: Program = (
        Do("fill", named("textbox", "Name"), (WHO,)),
        Do("fill", Place("textbox", (("kind", Text("f")),)), (Text("again"),)),
        Do("select", named("combobox", "City"), (Text("Graz"),)),
        Do("check", named("checkbox", "Agree")),
        Do("check", named("checkbox", "Agree"), on=False),
        Do("click", named("icon", "trash", row=WHO)),
        Do("click", Place("link", (("starts", WHO), ("ends", Text("Countess"))))),
        Do("click", Place("link", (("contains", Text("obb")),))),
        Do("click", Place("link", (("kind", Text("l")),), 2)),
        Press("Enter"),
    )
    result = await run(bubblewrap, program, {"who": "Ada"}, page)
    assert result.ok, result
    assert page.done == [
        ("fill", "Name", "Ada"),
        ("fill", "Name", "again"),
        ("select", "City", "Graz"),
        ("check", "Agree"),
        ("check", "Agree", False),
        ("click", "trash"),
        ("click", "Ada Lovelace, Countess"),
        ("click", "Bobbin"),
        ("click", "Ada Lovelace, Countess"),
        ("press", "Enter"),
    ]
    assert page.calls[5].args["row"] == "Ada"
    assert set(constructs(program)) == {"lift", "relative", "predicate"}


async def test_a_loop_over_a_list_in_the_goal(bubblewrap: Worker, toy: Any) -> None:
    boxes = [Element("checkbox", name, kind="box", checked=False) for name in "abcd"]
    body = Do("check", Place("checkbox", (("name", ITEM),)))
    page = toy(*boxes)
    assert (await run(bubblewrap, (Each("items", body),), {"items": ("a", "c")}, page)).ok
    assert page.done == [("check", "a"), ("check", "c")]
    assert not (
        await run(bubblewrap, (Each("items", body),), {"items": ("a", "z")}, toy(*boxes))
    ).ok
    page = toy(*boxes)
    lenient = (Each("items", body, lenient=True),)
    assert (await run(bubblewrap, lenient, {"items": ("z", "d")}, page)).ok
    assert page.done == [("check", "d")]


def tabs(hidden: dict[str, list[str]]) -> tuple[list[Element], Any]:
    """Tabs that each show some links."""

    def react(page: Any, primitive: str, element: Element) -> None:
        if element.role == "tab":
            page.elements = [e for e in page.elements if e.role == "tab"]
            page.elements += [Element("link", name, kind="a") for name in hidden[element.name]]

    return [Element("tab", name, kind="tab") for name in hidden], react


async def test_revealing_ends_when_what_is_wanted_is_in_view(bubblewrap: Worker, toy: Any) -> None:
    elements, react = tabs({"1": ["x"], "2": ["y", "Ada"], "3": ["z"]})
    wanted = Place("link", (("name", WHO),))
    program: Program = (
        Reveal(Place("tab", (("kind", Text("tab")),)), wanted),
        Do("click", wanted),
    )
    page = toy(*elements, react=react)
    assert (await run(bubblewrap, program, {"who": "Ada"}, page)).ok
    assert page.done == [("click", "1"), ("click", "2"), ("click", "Ada")]
    page = toy(*elements, Element("link", "Ada", kind="a"), react=react)
    assert (await run(bubblewrap, program, {"who": "Ada"}, page)).ok
    assert page.done == [("click", "Ada")], "nothing to reveal"
    page = toy(*elements, react=react)
    assert not (await run(bubblewrap, program, {"who": "Nobody"}, page)).ok


def paged(pages: list[list[str]]) -> tuple[list[Element], Any]:
    def show(page: Any, number: int) -> None:
        page.number = number
        page.elements = [Element("link", name, kind="hit") for name in pages[number]]
        if number + 1 < len(pages):
            page.elements.append(button(">"))

    def react(page: Any, primitive: str, element: Element) -> None:
        if element.name == ">":
            show(page, getattr(page, "number", 0) + 1)

    first = [Element("link", name, kind="hit") for name in pages[0]]
    return [*first, *([button(">")] if len(pages) > 1 else [])], react


@pytest.mark.parametrize(
    ("n", "name", "turns"), [(1, "a", 0), (3, "c", 0), (4, "d", 1), (8, "h", 2)]
)
async def test_the_nth_over_pages(
    bubblewrap: Worker, toy: Any, n: int, name: str, turns: int
) -> None:
    elements, react = paged([["a", "b", "c"], ["d", "e", "f"], ["g", "h"]])
    page = toy(*elements, react=react)
    hit = Place("link", (("kind", Text("hit")),))
    program = (Paged("n", hit, named("button", ">")),)
    assert (await run(bubblewrap, program, {"n": n}, page)).ok
    assert page.done == [("click", ">")] * turns + [("click", name)]


async def test_past_the_last_page_is_a_failure_not_a_loop(bubblewrap: Worker, toy: Any) -> None:
    hit = Place("link", (("kind", Text("hit")),))
    program = (Paged("n", hit, named("button", ">")),)
    elements, react = paged([["a"], ["b"]])
    result = await run(bubblewrap, program, {"n": 9}, toy(*elements, react=react))
    assert not result.ok and not result.timed_out
    candidate = made(program, ("n",))
    result = await bubblewrap.run(
        invocation("do_it", {"n": 2}),
        serve=toy(button(">")).serve,
        library={"do_it": candidate.code},
        limits=Limits(calls=50),
    )
    assert not result.ok and "50 page calls" in str(result.error), "empty pages end too"


async def test_the_nth_of_a_kind(bubblewrap: Worker, toy: Any) -> None:
    page = toy(button("a", "t"), button("x"), button("b", "t"))
    program = (Numbered("n", Place("button", (("kind", Text("t")),))),)
    assert (await run(bubblewrap, program, {"n": 2}, page)).ok
    assert page.done == [("click", "b")]
    assert not (await run(bubblewrap, program, {"n": 3}, toy(button("a", "t")))).ok


async def test_a_guarded_block_runs_only_where_its_first_element_is(
    bubblewrap: Worker, toy: Any
) -> None:
    guard = Guard((Do("click", named("button", "Accept")), Do("click", named("button", "Close"))))
    program: Program = (guard, Do("click", named("button", "Go")))
    page = toy(button("Go"))
    assert (await run(bubblewrap, program, {}, page)).ok and page.done == [("click", "Go")]
    page = toy(button("Accept"), button("Close"), button("Go"))
    assert (await run(bubblewrap, program, {}, page)).ok
    assert page.done == [("click", "Accept"), ("click", "Close"), ("click", "Go")]


async def test_clearing_the_way_and_trying_again(bubblewrap: Worker, toy: Any) -> None:
    def react(page: Any, primitive: str, element: Element) -> None:
        if element.name == "Close":
            page.elements = [Element("textbox", "Name", kind="f")]

    program = (Retry(Do("fill", named("textbox", "Name"), (WHO,)),
                     (Do("click", named("button", "Close")),)),)  # fmt: skip
    covered = Element("textbox", "Name", kind="f", disabled=True)
    page = toy(covered, button("Close"), react=react)
    assert (await run(bubblewrap, program, {"who": "Ada"}, page)).ok
    assert page.done == [("click", "Close"), ("fill", "Name", "Ada")]
    page = toy(Element("textbox", "Name", kind="f"))
    assert (await run(bubblewrap, program, {"who": "Ada"}, page)).ok
    assert page.done == [("fill", "Name", "Ada")]
    assert not (await run(bubblewrap, program, {"who": "Ada"}, toy(covered))).ok


async def test_texts_of_every_kind_arrive_as_they_are(bubblewrap: Worker, toy: Any) -> None:
    for hostile in (HOSTILE, '"""', "\\", "{who}", "'", "__import__('os')"[2:], ""):
        page = toy(Element("textbox", "Name", kind=hostile or "k"))
        place = Place("textbox", (("kind", Text(hostile or "k")),))
        program: Program = (
            Do("fill", place, (Text(hostile),)),
            Do("fill", named("textbox", "Name"), (WHO,)),
        )
        assert (await run(bubblewrap, program, {"who": hostile}, page)).ok
        assert page.done == [("fill", "Name", hostile)] * 2


TEXTS = st.one_of(
    st.text(max_size=12).map(lambda text: Text(text.encode("utf-8", "replace").decode())),
    st.just(WHO),
)
PLACES = st.builds(
    lambda parts, nth: Place("link", tuple(sorted(parts.items())), nth),
    st.dictionaries(st.sampled_from(["name", "starts", "ends", "contains", "row", "kind"]), TEXTS,
                    max_size=3),
    st.integers(0, 3),
)  # fmt: skip
DOS = st.one_of(
    st.builds(lambda place: Do("click", place), PLACES),
    st.builds(lambda place, text: Do("fill", place, (text,)), PLACES, TEXTS),
    st.builds(lambda place, text: Do("select", place, (text,)), PLACES, TEXTS),
    st.builds(lambda place, on: Do("check", place, (), on), PLACES, st.booleans()),
)
STATEMENTS: st.SearchStrategy[Statement] = st.one_of(
    DOS,
    st.sampled_from([Press("Enter"), Press("Control+a")]),
    st.builds(Each, st.just("items"), DOS, st.booleans()),
    st.builds(Reveal, PLACES, PLACES),
    st.builds(Paged, st.just("n"), PLACES, PLACES),
    st.builds(Numbered, st.just("n"), PLACES),
    st.builds(lambda body: Guard(tuple(body)), st.lists(DOS, min_size=1, max_size=2)),
    st.builds(
        lambda step, way: Retry(step, tuple(way)), DOS, st.lists(DOS, min_size=1, max_size=2)
    ),
)


@given(st.lists(STATEMENTS, min_size=1, max_size=4).map(tuple))
@settings(max_examples=150, deadline=None)
def test_every_program_becomes_python_that_can_be_checked(program: Program) -> None:
    candidate = made(program, tuple(SLOTS))
    reasons = [reason for reason in check(candidate) if "secret" not in reason]
    assert [r for r in reasons if "__names__" not in r] == [], candidate.code


@given(
    st.text(max_size=30).map(lambda t: t.encode("utf-8", "replace").decode()), st.integers(1, 99)
)
@settings(max_examples=100, deadline=None)
def test_an_invocation_is_one_import_and_one_call(text: str, number: int) -> None:
    code = invocation("do_it", {"who": text, "items": (text, "b"), "n": number})
    first, second = ast.parse(code).body
    assert isinstance(first, ast.ImportFrom) and isinstance(second, ast.Expr)
    call = second.value
    assert isinstance(call, ast.Call)
    held = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert held == {"who": text, "items": [text, "b"], "n": number}
    assert json.dumps(held)
