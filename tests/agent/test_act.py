"""What of a model's reply is run, and how calls are told back to it."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent.act_page import digest, plain
from journeyman.agent.reply import program
from journeyman.memory.trajectory import Call
from journeyman.sandbox.base import Element, View
from journeyman.sandbox.primitives import PRIMITIVES, signature

GO = 'click("button", "Go")'
STOP = 'click("button", "Stop")'


@pytest.mark.parametrize(
    ("reply", "code", "finished"),
    [
        (GO, GO, False),
        (f"  {GO}\n\n{STOP}\n", f"{GO}\n{STOP}", False),
        (f"{GO}\ndone()", GO, True),
        ("done()", "", True),
        ("", "", False),
        ("   \n ", "", False),
        (f"```python\n{GO}\n```", GO, False),
        (f"```\n{GO}\n{STOP}\n```", f"{GO}\n{STOP}", False),
        (f"```py\n{GO}\n```", GO, False),
        (f"```Python\n{GO}\n```", GO, False),
        (f"Sure, I will click it:\n\n```python\n{GO}\ndone()\n```\nThat should do.", GO, True),
        (f"```python\n{GO}", GO, False),
        ("``````", "", False),
        ("```", "", False),
        ("for i in range(2):\n    " + GO, "for i in range(2):\n    " + GO, False),
    ],
)
def test_fences_words_and_done_are_taken_off(reply: str, code: str, finished: bool) -> None:
    assert program(reply) == (code, finished)


def test_a_line_said_over_and_over_is_said_once() -> None:
    assert program("\n".join([GO] * 6)) == (GO, False)
    assert program(f"{GO}\n{STOP}\n{GO}") == (f"{GO}\n{STOP}\n{GO}", False)


@given(st.text(alphabet='`python\ndone() "x', max_size=60))
def test_any_reply_at_all_is_taken(reply: str) -> None:
    code, finished = program(reply)
    assert isinstance(finished, bool) and "done()" not in code.splitlines()


TEXTS = st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace").decode())


@given(
    st.sampled_from([name for name, entry in PRIMITIVES.items() if entry.effect != "read"]),
    st.dictionaries(st.sampled_from(["name", "starts", "row", "kind"]), TEXTS),
    TEXTS,
    st.integers(0, 3),
)
def test_a_call_is_told_as_code_that_makes_it_again(
    primitive: str, locator: dict[str, str], text: str, nth: int
) -> None:
    entry = PRIMITIVES[primitive]
    args: dict[str, Any] = {"role": "button", **locator} if entry.locates else {}
    args |= {"nth": nth} if entry.locates and nth else {}
    args |= {key: False if kind is bool else text for key, (kind, _) in entry.extra.items()}
    (statement,) = ast.parse(plain(Call(1, primitive, args, "effect"))).body
    assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    made = statement.value
    assert isinstance(made.func, ast.Name) and made.func.id == primitive
    again = dict(zip(signature(primitive), map(ast.literal_eval, made.args), strict=False))
    again |= {str(word.arg): ast.literal_eval(word.value) for word in made.keywords}
    assert again == args


def test_views_that_look_alike_have_one_digest() -> None:
    here = View("u", "t", (Element("button", "Go", box=(1, 1, 1, 1)),), "text")
    moved = View("u", "other", (Element("button", "Go", box=(9, 9, 9, 9)),), "more")
    typed = View("u", "t", (Element("button", "Go", value="x"),), "text")
    assert digest(here) == digest(moved) != digest(typed)
