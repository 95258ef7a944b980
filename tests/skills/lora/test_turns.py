"""STEP: what went wrong stays in view and out of the loss; what follows from it counts."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.memory.trajectory import Step
from journeyman.skills.lora import DatasetError
from journeyman.skills.lora.sample import Message, Sample, from_row, to_row
from journeyman.skills.lora.turns import conversation, parting, step_samples, unlearnt

WRONG = {"error": "no such button"}


def said(sample: Sample) -> list[tuple[str, str, bool]]:
    return [(message.role, message.content, message.train) for message in sample.messages]


def test_a_step_is_a_request_as_it_is_served(attempt: Any, prompts: Any) -> None:
    done = attempt("t", "a", [("SKILL it()\np1", "go()"), ("p2", "stop()\ndone()")], family="f")
    first, second = step_samples(done, prompts)
    assert said(first) == [
        ("system", "You act.", False),
        ("user", "p1", False),
        ("assistant", "go()", True),
    ]
    assert second.reply == "stop()\ndone()" and second.prompt[-1].content == "p2"
    assert (first.task, first.goal, first.trajectory) == ("a", "Do a.", "t")
    assert (first.kind, first.family) == ("right", "f")
    assert "f" not in [message.content for message in first.messages]


@pytest.mark.parametrize(
    "more", [WRONG, {"reflection": "that was the other list"}, {"skills": ("it@1",)}]
)
def test_a_step_that_is_not_learnt_yields_no_sample_and_the_next_one_does(
    attempt: Any, prompts: Any, more: dict[str, Any]
) -> None:
    steps = [("p1", "bad()", more), ("p2: bad() failed", "good()")]
    (sample,) = step_samples(attempt("t", "a", steps), prompts)
    assert said(sample)[1:] == [("user", "p2: bad() failed", False), ("assistant", "good()", True)]
    # With nothing wrong the same attempt gives both, so it is the mark that leaves it out.
    plain = [("p1", "bad()"), steps[1]]
    assert len(step_samples(attempt("t", "a", plain), prompts)) == 2


def test_only_what_a_model_was_asked_and_said_is_learnt() -> None:
    assert unlearnt(Step(1, "a()", "", prompt="p")) == ""
    assert "asked" in unlearnt(Step(1, "a()", ""))
    assert "empty" in unlearnt(Step(1, " \n", "", prompt="p"))


def test_a_conversation_keeps_the_wrong_step_in_view_and_learns_reflection_and_correction(
    attempt: Any, prompts: Any
) -> None:
    steps = [
        ("p1", "one()"),
        ("p2", "bad()", {**WRONG, "reflection": "I misread the list."}),
        ("p3", "good()"),
    ]
    sample = conversation(attempt("t", "a", steps), prompts)
    assert sample is not None and said(sample) == [
        ("system", "You act.", False),
        ("user", "p1", False),
        ("assistant", "one()", True),
        ("user", "p2", False),
        ("assistant", "bad()", False),
        ("user", "no such button", False),
        ("assistant", "I misread the list.", True),
        ("user", "p3", False),
        ("assistant", "good()", True),
    ]


def test_a_step_without_a_prompt_is_told_by_what_was_seen_before(
    attempt: Any, prompts: Any
) -> None:
    steps = [("p1", "one()"), ("", "learnt_skill()", {"skills": ("x@1",)}), ("p3", "end()")]
    sample = conversation(attempt("t", "a", steps), prompts)
    assert sample is not None
    assert said(sample)[3:5] == [
        ("user", "seen after one()", False),
        ("assistant", "learnt_skill()", False),
    ]


def test_a_conversation_ends_with_its_last_learnt_reply(attempt: Any, prompts: Any) -> None:
    cut = conversation(attempt("t", "a", [("p1", "one()"), ("p2", "bad()", WRONG)]), prompts)
    assert cut is not None and cut.reply == "one()" and len(cut.messages) == 3
    assert conversation(attempt("t", "a", [("p1", "bad()", WRONG)]), prompts) is None
    assert conversation(attempt("t", "a", []), prompts) is None


def test_attempts_part_where_they_first_reply_differently_to_the_same(
    attempt: Any, prompts: Any
) -> None:
    one = attempt("t", "a", [("p1", "x()"), ("p2", "y()")]).steps
    other = attempt("u", "a", [("SKILL s()\np1", "x()"), ("p2", "z()"), ("p3", "w()")]).steps
    elsewhere = attempt("v", "a", [("p1", "x()"), ("q2", "z()")]).steps
    assert parting(one, other, prompts) == parting(other, one, prompts) == 1
    assert parting(one, elsewhere, prompts) is None
    assert parting(one, one, prompts) is None and parting(one, (), prompts) is None
    direct = attempt("w", "a", [("", "s()")]).steps
    assert parting(direct, attempt("x", "a", [("", "t()")]).steps, prompts) is None


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ((), "does not end with a reply"),
        ((Message("user", "p"), Message("assistant", "a")), "does not end with a reply"),
        ((Message("user", "p", True),), "trains on the user's words"),
        ((Message("tool", "p"), Message("assistant", "a", True)), "a turn by 'tool'"),  # type: ignore[arg-type]
        ((Message("user", "p"), Message("assistant", " \n", True)), "empty reply"),
        ((Message("user", 3), Message("assistant", "a", True)), "no text"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_sample_is_refused(messages: tuple[Message, ...], why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        Sample(messages, "a")


def test_a_row_comes_back_and_a_changed_one_is_noticed(attempt: Any, prompts: Any) -> None:
    (sample,) = step_samples(attempt("t", "a", [("p1", "go()")]), prompts)
    row = to_row(sample)
    assert from_row(row) == sample
    row["messages"][1]["content"] = "p2"
    with pytest.raises(DatasetError, match="changed"):
        from_row(row)
    for bad in ({}, {"messages": 3, "task": "a"}, {"messages": [{}], "task": "a"}):
        with pytest.raises(DatasetError):
            from_row(bad)
    with pytest.raises(DatasetError, match="names no task"):
        Sample(sample.messages, "")
    with pytest.raises(DatasetError, match="unknown kind"):
        Sample(sample.messages, "a", kind="guess")  # type: ignore[arg-type]
