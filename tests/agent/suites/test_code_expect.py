"""Checks of files: what counts as the same, and what anyone may write without disturbing them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent.suites.code import expect
from journeyman.agent.suites.code.base import LARGEST

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
ROWS = [["Byron, Ada", 12, Decimal("3.50")], ["Zoë", 7, Decimal("0.99")]]


def said(check: expect.Check, text: str | bytes) -> str | None:
    return check({"out": text.encode() if isinstance(text, str) else text})


@pytest.mark.parametrize("text", ["12.5", "12.50\n", " 12.500000001 \r\n", "+12.4999999"])
def test_a_number_is_right_to_the_cent(text: str) -> None:
    assert said(expect.number("out", Decimal("12.50")), text) is None


@pytest.mark.parametrize("text", ["12.51", "12.49", "12", "-12.5"])
def test_a_number_a_cent_off_is_wrong(text: str) -> None:
    assert said(expect.number("out", Decimal("12.50")), text) == "the number in out is not right"


@pytest.mark.parametrize(
    "text", ["", "total: 12.5", "12.5 EUR", "1e1", "nan", "12\n13", "9" * 5000]
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    wrong = said(expect.number("out", Decimal("12.50")), text)
    assert wrong == "out should hold one number and nothing else"


def test_a_count_is_right_exactly() -> None:
    assert said(expect.number("out", 12), "12") is None
    assert said(expect.number("out", 12), "12.001") == "the number in out is not right"


def test_lines_are_compared_without_the_space_after_them() -> None:
    check = expect.lines("out", ["one", "", "two words"])
    assert said(check, "one\r\n\r\ntwo words  \n\n") is None
    assert said(check, "one\n\ntwo  words") == "line 3 of out is not right"
    assert said(check, "one\ntwo words") == "out has fewer lines than it should"
    assert said(check, "\none\n\ntwo words") == "out has more lines than it should"


def test_fields_stand_between_any_white_space() -> None:
    check = expect.fields("out", [("09", 4), ("10", 1)])
    assert said(check, "09 4\n10\t1\n") is None
    assert said(check, "09 4 x\n10 1") == "line 1 of out is not right"


def test_where_any_header_will_do_there_must_be_one() -> None:
    check = expect.table("out", None, [["Ada", 1], ["Zoë", 2]])
    assert said(check, "who,many\nAda,1\nZoë,2\n") is None
    assert said(check, "Ada,1\nZoë,2\n") == "out has fewer rows than it should"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_right_however_it_is_quoted(end: str) -> None:
    check = expect.table("out", ("name", "many", "cost"), ROWS)
    lines = ["name,many,cost", '"Byron, Ada",12,3.5', '"Zoë","7",0.99', ""]
    assert said(check, end.join(lines)) is None
    assert said(check, end.join(lines[:2])) == "out has fewer rows than it should"
    assert said(check, end.join(["name,cost,many", *lines[1:]])) == "the header of out is not right"
    assert said(check, end.join([*lines[:2], "Zoë,7,0.98"])) == "row 2 of out is not right"
    assert said(check, end.join([*lines[:2], '"Zoë'])) == "out cannot be read as rows of cells"


def test_a_markdown_table_may_be_padded_and_aligned() -> None:
    check = expect.markdown("out", ("name", "many"), [["Ada", 1]])
    assert said(check, "|name|many|\n|:--|--:|\n|Ada|1|") is None
    assert said(check, "| name | many |\n| ---- | ---- |\n| Ada  | 1    |\n") is None
    assert said(check, "| name | many |\n| Ada | 1 |\n") is not None
    assert said(check, "name | many\n---|---\nAda | 1\n") is not None


@given(VALUES)
def test_a_json_value_is_like_itself_whatever_the_order_of_its_keys(value: Any) -> None:
    assert expect.unlike(json.loads(json.dumps(value, sort_keys=True)), value) is None or (
        # Beyond what a chore could ask for, a number is never right.
        any(abs(number) >= 1e15 for number in _numbers(value))
    )


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [number for item in items for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize(
    ("found", "expected"),
    [(1, True), (True, 1), (0, None), ("1", 1), (1, "1"), ([1], 1), ({}, []), ([], {}), (1, 1.5),
     ([1, 2], [2, 1]), ({"a": 1}, {"b": 1}), (10**400, 1.0), (float("nan"), 1.0), (None, "")],
)  # fmt: skip
def test_json_values_of_another_kind_or_content_differ(found: Any, expected: Any) -> None:
    assert isinstance(expect.unlike(found, expected), str)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    for check in (
        expect.number("out", 7_777_777),
        expect.lines("out", ["not likely"]),
        expect.table("out", ("not", "likely"), ROWS),
        expect.markdown("out", ("not", "likely"), ROWS),
        expect.json_value("out", {"not": "likely"}),
    ):
        assert isinstance(said(check, data), str)


@pytest.mark.parametrize(
    "hostile",
    [b"\xff\xfe", b"\0", b"[" * 200_000, b'{"a":' * 5000, b"1" * 100_000, b'"' * 99, b"1e999",
     b"a," * 300_000, b'"' + b"a" * 200_000 + b'"'],
    ids=lambda data: f"{data[:8]!r}x{len(data)}",
)  # fmt: skip
def test_hostile_bytes_are_a_sentence(hostile: bytes) -> None:
    for check in (
        expect.number("out", 5),
        expect.lines("out", ["a"]),
        expect.table("out", ("a", "b"), ROWS),
        expect.json_value("out", 5.0),
    ):
        assert "out" in str(said(check, hostile))


def test_a_file_that_is_missing_or_far_too_large_is_told() -> None:
    check = expect.lines("out", ["a"])
    assert check({}) == "out is missing"
    assert said(check, b"a" * (LARGEST + 1)) == "out is far larger than it should be"


def test_all_of_tells_the_first_that_is_wrong() -> None:
    check = expect.all_of(expect.anything, expect.lines("a", ["1"]), expect.lines("b", ["1"]))
    assert check({"a": b"1"}) == "b is missing"
    assert check({"a": b"1", "b": b"1"}) is None
