"""A program that did one task becomes a function of what the goal named."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lift import lifted
from journeyman.skills.skill import Slot, Template
from journeyman.skills.template import Binding


def lift(source: str, goal: str, kinds: str = "", **binding: Any) -> list[str]:
    slots = tuple(Slot(name, kinds or "text") for name in binding)  # type: ignore[arg-type]
    return lifted(source, "do-it", Template(goal, slots), binding)


def run(code: str, *args: Any) -> Any:
    """Run a function made of this test's own program, keeping what it calls `keep` with."""
    kept: list[Any] = []
    scope: dict[str, Any] = {"keep": kept.append}
    exec(compile(code, "test", "exec"), scope)  # noqa: S102  (the test's own)
    scope["do_it"](*args)
    return kept


def test_texts_become_parameters_whole_and_inside_others() -> None:
    source = (
        "q = 'SELECT sum(price) FROM orders'\nkeep(q)\nkeep('out/orders.txt')\nkeep(f'{q}: price')"
    )
    codes = lift(source, "Sum {column} of {table}", column="price", table="orders")
    assert run(codes[0], "tax", "bills") == [
        "SELECT sum(tax) FROM bills",
        "out/bills.txt",
        "SELECT sum(tax) FROM bills: tax",
    ]


def test_a_text_inside_a_word_is_left() -> None:
    codes = lift("keep('borders')\nkeep('orders')", "Read {table}", table="orders")
    assert run(codes[0], "bills") == ["borders", "bills"]


def test_plain_variations_are_made_again() -> None:
    source = "keep('REPORT')\nkeep('report.csv')\nkeep('report')"
    codes = lift(source, "Show {file}", file="report.csv")
    assert run(codes[0], "june.csv") == ["REPORT", "june.csv", "june"]
    codes = lift("keep('ANN')\nkeep('Ann')", "Call {who}", who="ann")
    assert run(codes[0], "bob") == ["BOB", "Bob"]


def test_numbers_are_lifted_or_left() -> None:
    codes = lift("keep([1, 2, 3][:3])\nkeep('3')", "The {n} largest", n="3")
    assert [run(code, "2") for code in codes] == [[[1, 2], "2"], [[1, 2, 3], "2"]]
    codes = lift("keep('abc'[1])", "The {n} letter", "ordinal", n=2)
    assert run(codes[0], 3) == ["c"]


def test_lists_become_parameters() -> None:
    codes = lift("for x in ['a', 'b']:\n    keep(x)", "Take {items}", "list", items=("a", "b"))
    assert run(codes[0], ("c",)) == ["c"]


def test_the_programs_own_names_give_way() -> None:
    source = "import json as file\ncolumn = 0\ndef use(column): return column + 1\n"
    source += "keep(use(column))\nkeep('price')\nkeep('a.csv')\nkeep(file.dumps(1))"
    codes = lift(source, "{column} of {file}", column="price", file="a.csv")
    assert run(codes[0], "tax", "b.csv") == [1, "tax", "b.csv", "1"]


def test_what_runs_only_as_a_script_runs() -> None:
    codes = lift("if __name__ == '__main__':\n    keep('a')", "Keep {it}", it="a")
    assert run(codes[0], "b") == ["b"]


@pytest.mark.parametrize("source", ["keep('other')", "def broken(:", "", "'a'"])
def test_a_slot_that_goes_unused_makes_no_function(source: str) -> None:
    assert lift(source, "Keep {it}", it="a") == []


@given(st.dictionaries(st.sampled_from("abc"), st.text(min_size=1), min_size=1), st.text())
def test_what_is_lifted_is_python_and_gives_the_same_for_the_same(
    values: dict[str, str], more: str
) -> None:
    wanted = [*values.values(), more + " ".join(values.values()), {"k": list(values.values())}]
    source = "\n".join(f"keep({item!r})" for item in wanted)
    binding: Binding = dict(values)
    template = Template(" ".join("{" + name + "}" for name in values), tuple(map(Slot, values)))
    for code in lifted(source, "do-it", template, binding):
        ast.parse(code)
        assert run(code, *values.values()) == wanted
