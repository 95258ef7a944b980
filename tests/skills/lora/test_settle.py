"""One reply a prompt: duplicates go, the better founded reply stays, ties without reason go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lora import Contradictory, DatasetError, TooFewSamples
from journeyman.skills.lora.sample import Message, Sample
from journeyman.skills.lora.settle import settle
from journeyman.skills.lora.split import held_out, place


def sample(prompt: str, reply: str, attempt: str, task: str = "a") -> Sample:
    messages = (Message("user", prompt), Message("assistant", reply, train=True))
    return Sample(messages, task, f"Do {prompt}.", attempt)


def test_what_is_said_again_is_kept_once() -> None:
    settled = settle([sample("p", "x()", name) for name in "abc"], {})
    assert [one.reply for one in settled.samples] == ["x()"]
    assert (settled.duplicates, settled.outvoted, settled.contradictory) == (2, 0, ())


def test_the_reply_of_most_attempts_is_kept() -> None:
    said = [sample("p", "long_but_usual()", name) for name in "abc"]
    said += [sample("p", "odd()", name) for name in "de"]
    settled = settle(said, dict(zip("abcde", (9, 9, 9, 1, 1), strict=True)))
    assert [one.reply for one in settled.samples] == ["long_but_usual()"]
    assert (settled.duplicates, settled.outvoted) == (2, 2)


def test_an_attempt_that_says_the_same_twice_has_one_vote() -> None:
    said = [sample("p", "again()", "a"), sample("p", "again()", "a"), sample("p", "once()", "b")]
    settled = settle(said, {"a": 5, "b": 2})
    assert [one.reply for one in settled.samples] == ["once()"]


def test_without_a_majority_the_shorter_attempt_and_then_the_shorter_reply_is_kept() -> None:
    said = [sample("p", "around()", "a"), sample("p", "straight_on()", "b")]
    assert [s.reply for s in settle(said, {"a": 4, "b": 2}).samples] == ["straight_on()"]
    assert [s.reply for s in settle(said, {"a": 2, "b": 2}).samples] == ["around()"]


def test_where_nothing_decides_none_is_kept_and_too_many_of_these_are_refused() -> None:
    said = [sample("p", "left()", "a"), sample("p", "righ()", "b"), sample("q", "go()", "a")]
    settled = settle(said, {"a": 2, "b": 2})
    assert [one.reply for one in settled.samples] == ["go()"]
    assert settled.contradictory == ("Do p.",) and settled.outvoted == 2
    settled.require(0.5)
    with pytest.raises(Contradictory, match=r"1 of 2 prompts .*Do p\..*practise"):
        settled.require(0.4)


SAMPLES = st.lists(
    st.builds(
        sample,
        st.sampled_from(["p", "q", "r"]),
        st.sampled_from(["x()", "y()", "zz()"]),
        st.sampled_from("abcd"),
        st.sampled_from(["t", "u"]),
    ),
    max_size=25,
)


@given(
    SAMPLES,
    st.randoms(use_true_random=False),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3)),
)
def test_settling_is_total_ordered_and_done_once(
    said: list[Sample], rng: object, steps: dict[str, int]
) -> None:
    settled = settle(said, steps)
    keys = [one.key for one in settled.samples]
    assert len(set(keys)) == len(keys), "one reply a prompt"
    assert len(settled.samples) + settled.duplicates + settled.outvoted == len(said)
    assert len(keys) + len(settled.contradictory) == len({one.key for one in said})
    assert set(settled.samples) <= set(said)
    shuffled = list(said)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert settle(shuffled, steps) == settled
    assert settle(settled.samples, steps).samples == settled.samples


TASKS = st.frozensets(st.text(max_size=6), min_size=2, max_size=30)


@given(TASKS, st.floats(0.01, 0.99))
def test_both_sides_have_tasks_and_no_task_is_on_both(tasks: frozenset[str], share: float) -> None:
    held = held_out(tasks, share)
    assert held < tasks and held and held == held_out(sorted(tasks, reverse=True), share)
    usual = {task for task in tasks if place(task) < share}
    # Only where the hash would leave a side empty does a task change sides, and only one.
    assert held == usual or (not 0 < len(usual) < len(tasks) and len(held ^ usual) == 1)


@given(TASKS, TASKS, st.floats(0.01, 0.99))
def test_more_tasks_move_none_from_side_to_side(
    tasks: frozenset[str], more: frozenset[str], share: float
) -> None:
    if 0 < sum(place(task) < share for task in tasks) < len(tasks):
        assert held_out(tasks | more, share) & tasks == held_out(tasks, share)


def test_about_the_share_is_held_out() -> None:
    tasks = [f"task:{number}" for number in range(1000)]
    assert 160 < len(held_out(tasks, 0.2)) < 240
    assert held_out(tasks, 0) == held_out([], 0.2) == frozenset()


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(TooFewSamples, match="all samples are of one task, a,"):
        held_out(["a", "a"], 0.2)
    for share in (-0.1, 1, 2, float("nan")):
        with pytest.raises(DatasetError, match="cannot be held out"):
            held_out(["a", "b"], share)
