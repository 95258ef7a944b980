"""The replies a model can give: calls on what is in view, each valid Python that means its element."""

from __future__ import annotations

import ast
import re
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agent.actions import (
    call,
    calls_in_view,
    grammar,
    in_view,
    listing,
    named_in,
    quote,
)
from journeyman.sandbox.base import Element, View
from journeyman.sandbox.locators import fold, locate
from journeyman.sandbox.primitives import problem, signature
from journeyman.skills.skill import Manifest, SkillVersion, Slot, Template

HOSTILE = [
    'a "quoted" name',
    'back\\slash \\n \\" \\0 \\u0041',
    "it's {braces} %s $x `y`",
    "漢字 e\u0301 😀 \u202eright to left",
    "zero \u200b width \ufffd",
    '"); import os; os.system("x',
    '", "x") done()',
    "done()",
    "",
    'text ::= "x" | root',
]


def view(*elements: Element, text: str = "") -> View:
    counts: dict[tuple[str, str], int] = {}
    numbered = []
    for element in elements:
        key = (element.role, element.name)
        counts[key] = counts.get(key, -1) + 1
        fields = {name: getattr(element, name) for name in Element.__slots__}
        numbered.append(Element(**{**fields, "nth": counts[key]}))
    return View("http://page.test/", "", tuple(numbered), text)


def button(name: str, **more: Any) -> Element:
    return Element("button", name, **more)


def field(name: str, **more: Any) -> Element:
    return Element("textbox", name, actions=("fill", "click"), **more)


class Grammar:
    """What a GBNF grammar accepts, by way of a regular expression."""

    TOKEN = re.compile(
        r'\s*(?:"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|([a-z]+)|([|()?*+]|\{[\d,]+\}))', re.S
    )
    ESCAPES: ClassVar = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "[": "[", "]": "]"}

    def __init__(self, text: str) -> None:
        assert "\0" not in text, "a grammar is handed on as a C string"
        self.rules = dict(line.split(" ::= ", 1) for line in text.strip().split("\n"))
        self.regex = re.compile(self.of("root"), re.S)

    def of(self, rule: str) -> str:
        body, at, found = self.rules[rule], 0, ""
        while at < len(body.rstrip()):
            match = self.TOKEN.match(body, at)
            assert match is not None, f"not GBNF: {body[at:]!r}"
            literal, group, name, mark = match.groups()
            if literal is not None:
                unescaped = re.sub(r"\\(.)", lambda m: self.ESCAPES[m[1]], literal, flags=re.S)
                found += f"(?:{re.escape(unescaped)})"
            else:
                found += group or (f"(?:{self.of(name)})" if name else mark)
            at = match.end()
        return f"(?:{found})"

    def accepts(self, reply: str) -> bool:
        return self.regex.fullmatch(reply) is not None


def read(source: str) -> tuple[str, dict[str, Any]]:
    """A call's primitive and arguments, as the sandbox would bind them."""
    (statement,) = ast.parse(source).body
    assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    made = statement.value
    assert isinstance(made.func, ast.Name)
    args = dict(
        zip(signature(made.func.id), map(ast.literal_eval, made.args), strict=False),
        **{str(word.arg): ast.literal_eval(word.value) for word in made.keywords},
    )
    return made.func.id, args


def means(page: View, source: str) -> tuple[str, Element | None]:
    """The primitive and the element in view that a call means."""
    primitive, args = read(source)
    assert problem(primitive, args) is None, source
    extra = {"text", "option", "on"}
    return primitive, locate(page, {k: v for k, v in args.items() if k not in extra})


PAGE = view(
    button("Go"),
    button("Dead", disabled=True),
    field("User", value="x"),
    Element("checkbox", "Jam", checked=False, actions=("check",)),
    Element("checkbox", "Tea", checked=True, actions=("check",)),
    Element("radio", "On", checked=True, actions=("check",)),
    Element("combobox", "City", options=("Graz", "Wien"), actions=("select",)),
    Element("tab", "Open", checked=True),
    Element("tab", "Shut", checked=False),
    Element("icon", "trash", row=("Ada",)),
    Element("icon", "trash", row=("Bob",)),
    button("Same"),
    button("Same"),
)


def test_only_what_is_in_view_is_offered_and_only_as_it_can_be_used() -> None:
    accepts = Grammar(grammar(PAGE, finish=False)).accepts
    for legal in (
        'click("button", "Go")',
        'fill("textbox", "User", "any text at all")',
        'fill("textbox", "User", "")',
        'check("checkbox", "Jam")',
        'check("checkbox", "Tea", on=False)',
        'select("combobox", "City", "Wien")',
        'click("tab", "Shut")',
        'click("icon", "trash", row="Bob")',
        'click("button", "Same")',
        'click("button", "Same", nth=1)',
        'click("button", "Go")\nfill("textbox", "User", "a")\nclick("tab", "Shut")',
    ):
        assert accepts(legal), legal
    for illegal in (
        'click("button", "Gone")',
        'click("button", "Dead")',
        'click("textbox", "User")',
        'fill("button", "Go", "x")',
        'fill("textbox", "User")',
        'fill("textbox", "User", "x" + open("/etc/passwd"))',
        'fill("textbox", "User", "a"); import os',
        'check("checkbox", "Tea")',
        'check("radio", "On", on=False)',
        'select("combobox", "City", "Linz")',
        'select("checkbox", "Jam", "on")',
        'click("tab", "Open")',
        'click("button", "Same", nth=2)',
        'open_url("http://evil.test")',
        "import os",
        "done()",
        "",
        "\n",
    ):
        assert not accepts(illegal), illegal


def test_done_is_offered_when_something_was_done_or_nothing_can_be() -> None:
    assert Grammar(grammar(PAGE, finish=True)).accepts('click("button", "Go")\ndone()')
    empty = Grammar(grammar(view(), finish=False))
    assert empty.accepts("done()") and not empty.accepts("")
    assert Grammar(grammar(view(button("x", disabled=True)), finish=False)).accepts("done()")


def test_replies_are_bounded() -> None:
    accepts = Grammar(grammar(PAGE, finish=True, lines=2)).accepts
    line = 'click("button", "Go")'
    assert accepts(f"{line}\n{line}") and not accepts(f"{line}\n{line}\n{line}")
    assert not accepts(f'fill("textbox", "User", "{"x" * 10_000}")')
    many = view(*(button(f"b{n}") for n in range(500)))
    assert len(grammar(many, finish=False)) < 20_000


def test_what_was_tried_is_not_offered_again() -> None:
    everything = calls_in_view(PAGE)
    for tried, _ in everything:
        left = Grammar(grammar(PAGE, finish=False, tried=frozenset([tried]))).accepts
        for source, free in everything:
            reply = source.replace(quote("\0"), '"x"') if free else source
            assert left(reply) is (source != tried), (tried, reply)
    nothing = grammar(PAGE, finish=False, tried=frozenset(source for source, _ in everything))
    assert Grammar(nothing).accepts("done()"), "something can always be said"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_quoted(name: str) -> None:
    page = view(
        button(name),
        field(name),
        button(name),
        Element("icon", "x", row=(name, "1")),
        Element("icon", "x", row=("other", "2")),
        Element("combobox", "c", options=(name, "plain"), actions=("select",)),
    )
    accepts = Grammar(grammar(page, finish=False)).accepts
    legal = calls_in_view(page)
    assert len(legal) == 7
    hit = []
    for source, free in legal:
        reply = call("fill", in_view(page)[1][1], "typed") if free else source
        assert accepts(reply), reply
        primitive, element = means(page, reply)
        assert element is not None, reply
        hit.append((primitive, element.role, element.nth))
    assert hit[:3] == [("click", "button", 0), ("fill", "textbox", 0), ("click", "button", 1)]
    assert read(legal[5][0])[1]["option"] == name


NAMES = st.text(max_size=12).map(lambda text: fold(text.encode("utf-8", "replace").decode()))
ELEMENTS = st.builds(
    lambda kind, name, row, options: {
        "button": button(name, row=row),
        "field": field(name, row=row),
        "box": Element("checkbox", name, checked=False, row=row, actions=("check",)),
        "list": Element("combobox", name, row=row, options=options, actions=("select",)),
    }[kind],
    st.sampled_from(["button", "field", "box", "list"]),
    NAMES | st.sampled_from(["a", "b"]),
    st.lists(NAMES | st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    st.lists(NAMES, max_size=2).map(tuple),
)


@given(st.lists(ELEMENTS, max_size=6))
@settings(max_examples=150, deadline=None)
def test_every_offered_call_is_python_that_means_its_element(elements: list[Element]) -> None:
    page = view(*elements)
    accepts = Grammar(grammar(page, finish=False)).accepts
    meant = {}
    for element, locator in in_view(page):
        primitive = {"button": "click", "textbox": "fill", "checkbox": "check"}.get(element.role)
        extras = [("any text",)] if primitive == "fill" else [()]
        if primitive is None:
            primitive, extras = "select", [(option,) for option in element.options]
        for extra in extras:
            source = call(primitive, locator, *extra)
            assert accepts(source), source
            assert means(page, source) == (primitive, element)
            assert meant.setdefault(source, element) == element


def version(*slots: Slot) -> SkillVersion:
    text = "Do it for " + " and ".join(f"{{{slot.name}}}" for slot in slots)
    return SkillVersion("do-it", 1, "Do it.", Template(text, slots), "", Manifest((), ()), "")


def test_skills_are_offered_with_arguments_of_their_kinds() -> None:
    skill = version(Slot("who"), Slot("items", "list"), Slot("n", "ordinal"))
    accepts = Grammar(grammar(PAGE, finish=False, skills=[skill])).accepts
    assert accepts('do_it("Ada", ["a", "b"], 3)')
    for wrong in ('do_it("Ada")', 'do_it("Ada", "a", 3)', 'do_it("Ada", ["a"], "3")', "do_it()"):
        assert not accepts(wrong), wrong
    assert Grammar(grammar(PAGE, finish=False, skills=[version()])).accepts("do_it()")


def test_the_listing_shows_each_element_once_and_what_changed() -> None:
    goal = "Tick Jam and press Go."
    lines = listing(PAGE, goal).splitlines()
    assert len(lines) == len(PAGE.elements)
    marked = [line for line in lines if line.endswith("<- in the goal")]
    assert len(marked) == 2 and any("Jam" in line for line in marked)
    assert 'row="Bob"' in "\n".join(lines) and "Graz | Wien" in "\n".join(lines)
    later = view(*PAGE.elements, button("Fresh"), text="A notice. Fine.")
    new = listing(later, goal, PAGE)
    assert [line for line in new.splitlines() if "(new)" in line] == ['button "Fresh"  (new)']
    assert "text: A notice." in new
    assert listing(view()) and len(listing(view(*(button(f"b{n}") for n in range(500))))) < 5000


def test_a_goal_names_whole_words_only() -> None:
    assert named_in("Press Go, now", "Go") and named_in('open "Tab 1".', "Tab 1")
    assert not named_in("Press Gone", "Go") and not named_in("a b", "a")
    assert named_in("cost (a+b)*", "(a+b)*")
