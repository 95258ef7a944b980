"""Preference pairs: the same prompt of the same task, a reply that succeeded and one that did not."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.skills.lora.pairs import pairs

RIGHT = [("p1", "x()"), ("p2", "good()"), ("p3", "end()")]


def test_a_pair_is_where_success_and_failure_part(attempt: Any, prompts: Any) -> None:
    failed = attempt("f", "a", [("SKILL s()\np1", "x()"), ("p2", "bad()"), ("p3", "no()")], False)
    (pair,) = pairs([attempt("r", "a", RIGHT)], [failed], prompts)
    assert [(m.role, m.content) for m in pair.prompt] == [("system", "You act."), ("user", "p2")]
    assert (pair.chosen, pair.rejected) == ("good()", "bad()")
    assert (pair.task, pair.trajectories) == ("a", ("r", "f"))


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        ("b", [("p1", "bad()")]),  # another task
        ("a", [("q1", "bad()")]),  # another prompt
        ("a", RIGHT),  # the same replies: what failed is not known
        ("a", [("p1", "it()", {"skills": ("it@1",)})]),  # was asked more than the prompt says
    ],
)
def test_elsewhere_there_is_no_pair(attempt: Any, prompts: Any, task: str, steps: Any) -> None:
    assert pairs([attempt("r", "a", RIGHT)], [attempt("f", task, steps, False)], prompts) == []


def test_what_led_to_a_success_once_is_never_rejected(attempt: Any, prompts: Any) -> None:
    failed = attempt("f", "a", [("p1", "y()"), ("p5", "bad()")], False)
    one, other = attempt("r", "a", RIGHT), attempt("s", "a", [("p1", "y()"), ("p5", "good()")])
    assert len(pairs([one], [failed], prompts)) == 1
    assert [pair.rejected for pair in pairs([one, other], [failed], prompts)] == ["bad()"]


def test_a_pair_comes_once_and_a_wrong_step_of_a_success_is_not_chosen(
    attempt: Any, prompts: Any
) -> None:
    failed = [attempt(name, "a", [("p1", "bad()")], False) for name in ("f", "g")]
    right = attempt("r", "a", RIGHT)
    assert len(pairs([right, attempt("s", "a", RIGHT)], failed, prompts)) == 1
    slip = attempt("r", "a", [("p1", "slip()", {"error": "no"}), ("p2", "good()")])
    assert pairs([slip], failed, prompts) == []
