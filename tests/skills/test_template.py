"""Templates: what goals of one form share is found, and a goal is read in one way or not at all."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.skills.check import PAGE_NAMES, REACHING
from journeyman.skills.skill import Slot, SlotKind, Template
from journeyman.skills.template import (
    ORDINALS,
    Binding,
    Value,
    fold,
    forms,
    parse,
    specificity,
    template_of,
)

WORDS = st.text(alphabet="ab {}\"',.:-", min_size=1, max_size=6).map(fold).filter(bool)
PLAIN = st.sampled_from(["a", "b", "and", "ab", "the", "2nd", ","])
VALUES = st.lists(st.one_of(PLAIN, WORDS), min_size=1, max_size=3).map(" ".join).map(fold)
LITERALS = st.lists(st.sampled_from(["and", "a", "the", "to", ",", '"', "."]), max_size=3)


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


@st.composite
def filled(draw: st.DrawFn) -> tuple[Template, Binding, str]:
    """A template, values for its slots, and the goal that says them."""
    template = goal = " ".join(draw(LITERALS))
    values: Binding = {}
    slots = []
    for number in range(draw(st.integers(1, 3))):
        kind: SlotKind = draw(st.sampled_from(["text", "text", "ordinal", "list"]))
        value: Value
        if kind == "ordinal":
            value = draw(st.integers(1, 30))
            said = ORDINALS[value - 1] if value < 10 and draw(st.booleans()) else ordinal(value)
        elif kind == "list":
            items = draw(st.lists(st.sampled_from(["ab", "b", "cd e"]), min_size=1, max_size=3))
            value, said = tuple(items), ", ".join(items)
        else:
            said = value = draw(VALUES)
        literal = " ".join(draw(LITERALS))
        quoted = '"' if kind == "text" and '"' not in said and draw(st.booleans()) else ""
        gap = draw(st.sampled_from([" ", ""]))
        template += f"{gap}{quoted}{{s{number}}}{quoted} {escaped(literal)}"
        goal += f"{gap}{quoted}{said}{quoted} {literal}"
        values[f"s{number}"] = value
        slots.append(Slot(f"s{number}", kind))
    return Template(fold(template), tuple(slots)), values, fold(goal)


@given(filled())
@settings(max_examples=400, deadline=None)
def test_a_goal_is_read_back_as_it_was_made_or_not_at_all(
    made: tuple[Template, Binding, str],
) -> None:
    template, values, goal = made
    read = parse(template, goal)
    assert read in (None, values), (template.text, goal)


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("Put {x} and {y}", "Put a and b and c"),
        ("Put {x} and {y}", "Put ham and eggs and tea"),
        ("{x} {y}", "one two three"),
        ('Say "{x}" to {y} to {z}', 'Say "hi" to a to b to c'),
    ],
)
def test_a_goal_that_can_be_read_in_two_ways_is_not_read(text: str, goal: str) -> None:
    names = [name for name in "xyz" if "{" + name + "}" in text]
    assert parse(Template(text, tuple(map(Slot, names))), goal) is None


def test_the_whole_goal_counts_and_every_literal() -> None:
    template = Template(
        'Find "{who}" and open the {n} result.', (Slot("who"), Slot("n", "ordinal"))
    )
    assert parse(template, ' Find  "Ada L."\nand open the 3rd result. ') == {
        "who": "Ada L.",
        "n": 3,
    }
    assert parse(template, 'Find "Ada" and open the second result.') == {"who": "Ada", "n": 2}
    for other in (
        'Find "Ada" and open the 3rd result. Then log out.',
        'Please find "Ada" and open the 3rd result.',
        'find "Ada" and open the 3rd result.',
        'Find "Ada" and open the last result.',
        'Find "Ada" and open the 3 result.',
        'Find "" and open the 3rd result.',
        "Find Ada and open the 3rd result.",
        'Find "Ada" and open the result.',
        "",
    ):
        assert parse(template, other) is None, other


def test_literal_braces_and_marks_are_literal() -> None:
    template = Template("Set {{a.b*}} to {x}?", (Slot("x"),))
    assert parse(template, "Set {a.b*} to $1?") == {"x": "$1"}
    assert parse(template, "Set {aXb*} to $1?") is None


def test_lists_are_split_at_commas_and_the_last_and() -> None:
    template = Template("Tick {items}, then send.", (Slot("items", "list"),))
    for goal in ("Tick a b, c, d, then send.", "Tick a b, c and d, then send.",
                 "Tick a b, c, and d, then send."):  # fmt: skip
        assert parse(template, goal) == {"items": ("a b", "c", "d")}
    assert parse(template, "Tick sand, then send.") == {"items": ("sand",)}


SEVERAL = {
    'Click on the "{button}" button.': [("Ok",), ("no",), ("Yes!",)],
    'Enter "{text}" into the text field and press Submit.': [("Ada",), ("Bob B",)],
    "Select {select} from the list and click Submit.": [("Ivory Coast",), ("Peru",), ("Mali",)],
    'Enter the username "{username}" and the password "{password}" into the fields.': [
        ("ann", "x1"), ("bob", "y2"), ("cid", "x1")],
    'Use the box to enter "{enter}" and press "Search", then find and click the {n} result.': [
        ("Ada", "4th"), ("Bob", "1st"), ("Cid", "9th")],
    "Find the email by {by} and click the trash icon to delete it.": [("Ada",), ("Bo",)],
}  # fmt: skip


def goals_of(text: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    pieces = [piece.partition("}")[-1] if n else piece for n, piece in enumerate(text.split("{"))]
    return ["".join(p + v for p, v in zip(pieces, [*row, ""], strict=True)) for row in rows]


def test_goals_are_grouped_by_their_form() -> None:
    goals = {text: goals_of(text, rows) for text, rows in SEVERAL.items()}
    mixed = [goal for number in range(3) for row in goals.values() for goal in row[number:][:1]]
    found = forms([*mixed, mixed[0]])
    assert sorted(map(sorted, (form.goals for form in found))) == sorted(
        map(sorted, goals.values())
    )
    for form in found:
        template = template_of(form)
        assert template is not None
        rows = next(SEVERAL[text] for text, held in goals.items() if form.goals[0] in held)
        assert len(template.slots) == len(rows[0]), template
        for goal, row in zip(form.goals, rows, strict=True):
            values = parse(template, goal)
            assert values is not None
            said = [ordinal(v) if isinstance(v, int) else v for v in values.values()]
            assert said == list(row), template
        assert not any(parse(template, goal) for goal in mixed if goal not in form.goals), (
            "another form's goal"
        )


def test_lists_of_different_length_are_one_form() -> None:
    goals = ["Select jam, tea and click Submit.", "Select rye bread and click Submit.",
             "Select ham, a b, cd and click Submit."]  # fmt: skip
    (form,) = forms(goals)
    template = template_of(form)
    assert template is not None and [slot.kind for slot in template.slots] == ["list"]
    goals[2] = "Select a, b, c d, e and click Submit."
    read = [parse(template, goal) for goal in goals]
    assert [list(value.values()) for value in read if value] == [
        [("jam", "tea")],
        [("rye bread",)],
        [("a", "b", "c d", "e")],
    ]


def test_one_goal_alone_is_a_template_without_slots() -> None:
    (form,) = forms(["Close the popup."])
    template = template_of(form)
    assert template == Template("Close the popup.")
    assert parse(template, "Close the popup.") == {}
    assert parse(template, "Close the popups.") is None


def test_goals_of_different_kinds_stay_apart() -> None:
    found = forms(["Buy a ticket to Rome now.", "Log out.", "Delete the mail by Ada."])
    assert len(found) == 3


GOALS = st.lists(st.one_of(PLAIN, WORDS, st.just("Jam")), min_size=1, max_size=6).map(" ".join)


@given(st.lists(GOALS.map(fold).filter(bool), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_every_goal_lands_in_one_form_that_reads_it(goals: list[str]) -> None:
    found = forms(goals)
    assert sorted(goal for form in found for goal in form.goals) == sorted(set(goals))
    for form in found:
        template = template_of(form)
        if template is None:
            continue
        names = [slot.name for slot in template.slots]
        assert len(set(names)) == len(names)
        for goal in form.goals:
            values = parse(template, goal)
            assert values is not None
            if all(isinstance(value, str) for value in values.values()):
                assert template.text.format_map(values) == goal


NEEDED = {*PAGE_NAMES - {"text"}, *REACHING, "item", "index", "range", "class"}


@pytest.mark.parametrize("word", sorted(NEEDED))
def test_slots_never_take_a_name_that_written_code_needs(word: str) -> None:
    (form,) = forms([f"Go to {word.lower()} Ada and stop there.",
                     f"Go to {word.lower()} Bob and stop there."])  # fmt: skip
    template = template_of(form)
    assert template is not None
    (slot,) = template.slots
    assert slot.name not in NEEDED
    assert slot.name.isidentifier()


def test_reading_a_long_goal_takes_no_time() -> None:
    names = "abcdef"
    template = Template(
        " and ".join(f"{{{name}}}" for name in names) + "!", tuple(map(Slot, names))
    )
    started = time.perf_counter()
    assert parse(template, "x and " * 300 + "x") is None
    assert parse(template, "x and " * 300 + "x!") is None
    assert time.perf_counter() - started < 2


def test_of_two_templates_the_one_with_more_words_is_more_specific() -> None:
    wide = Template("Select {x}", (Slot("x"),))
    narrow = Template("Select {a_long_name} and press Submit", (Slot("a_long_name"),))
    assert specificity(narrow) > specificity(wide)
