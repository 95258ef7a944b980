"""AGENTR: prefix + revision + same-parent sibling suffix, exactly; no sibling, no sample."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.skills.lora.sample import Message
from journeyman.skills.lora.splice import marked, splice, splices

FAILED = [("p1", "one()"), ("p2", "bad()", {"error": "covered"}), ("p3", "worse()")]
RIGHT = [("p1", "one()"), ("p2", "good()"), ("p4", "last()")]


def test_a_splice_is_the_prefix_a_revision_and_the_siblings_way_on(
    attempt: Any, prompts: Any
) -> None:
    failed, right = attempt("f", "a", FAILED, False), attempt("r", "a", RIGHT)
    sample = splice(failed, [right], prompts)
    assert sample is not None and sample.messages == (
        Message("system", "You act."),
        Message("user", "p1"),
        Message("assistant", "one()"),
        Message("user", "p2"),
        Message("assistant", "bad()"),
        Message("user", "covered"),
        Message("assistant", "Wrong: covered.", True),
        Message("user", "p2"),
        Message("assistant", "good()", True),
        Message("user", "p4"),
        Message("assistant", "last()", True),
    )
    assert (sample.kind, sample.task, sample.trajectory) == ("splice", "a", "f")


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        ("b", RIGHT),  # another task
        ("a", [("q1", "one()"), *RIGHT[1:]]),  # asked something else before
        ("a", [("p1", "uno()"), *RIGHT[1:]]),  # replied something else before: another parent
        ("a", [RIGHT[0], ("q2", "good()")]),  # asked something else there
        ("a", FAILED),  # did the same
        ("a", RIGHT[:1]),  # ended before
        ("a", [RIGHT[0], ("p2", "it()", {"skills": ("it@1",)})]),  # no correction to learn from
        ("a", [RIGHT[0], ("p2", "oh()", {"error": "no"}), RIGHT[2]]),  # went wrong there too
    ],
)
def test_without_a_sibling_of_the_same_parent_there_is_no_sample(
    attempt: Any, prompts: Any, task: str, steps: Any
) -> None:
    failed = attempt("f", "a", FAILED, False)
    assert splice(failed, [attempt("r", task, steps)], prompts) is None
    assert splice(failed, [], prompts) is None


def test_where_no_step_is_marked_the_error_is_where_it_left_the_success_it_followed_longest(
    attempt: Any, prompts: Any
) -> None:
    failed = attempt("f", "a", [("p1", "x()"), ("p2", "bad()")], False, reason="wrong list")
    early = attempt("r1", "a", [("p1", "y()")])
    late = attempt("r2", "a", [("p1", "x()"), ("p2", "good()")])
    assert marked(failed) is None
    sample = splice(failed, [early, late], prompts)
    assert sample is not None
    assert [m.content for m in sample.messages if m.train] == ["Wrong: wrong list.", "good()"]


def test_a_first_error_before_the_parting_is_not_led_back_from_later(
    attempt: Any, prompts: Any
) -> None:
    steps = [("p1", "slip()", {"error": "no"}), ("p2", "bad()")]
    failed = attempt("f", "a", steps, False)
    right = attempt("r", "a", [steps[0], ("p2", "good()")])
    assert marked(failed) == 0 and splice(failed, [right], prompts) is None


def test_the_judge_of_first_errors_may_be_another(attempt: Any, prompts: Any) -> None:
    failed, right = attempt("f", "a", FAILED, False), attempt("r", "a", RIGHT)
    assert splice(failed, [right], prompts, lambda one: 0) is None
    assert splice(failed, [right], prompts, lambda one: 1) == splice(failed, [right], prompts)


def test_of_siblings_the_shortest_way_on_is_taken_and_their_slips_stay_out_of_the_loss(
    attempt: Any, prompts: Any
) -> None:
    failed = attempt("f", "a", FAILED, False)
    slip = ("p4", "slip()", {"error": "no"})
    long = attempt("z", "a", [*RIGHT[:2], slip, ("p5", "last()"), ("p6", "end()")])
    short = attempt("b", "a", [*RIGHT[:2], slip, ("p5", "last()")])
    sample = splice(failed, [long, short], prompts)
    assert sample == splice(failed, [short, long], prompts)
    assert sample is not None
    assert [(m.content, m.train) for m in sample.messages if m.role == "assistant"][3:] == [
        ("good()", True),
        ("slip()", False),
        ("last()", True),
    ]


def test_a_reflection_made_at_the_time_is_the_revision(attempt: Any, prompts: Any) -> None:
    steps = [FAILED[0], ("p2", "bad()", {"reflection": "That list is closed."})]
    (sample,) = splices([attempt("f", "a", steps, False)], [attempt("r", "a", RIGHT)], prompts)
    assert "That list is closed." in [m.content for m in sample.messages if m.train]
