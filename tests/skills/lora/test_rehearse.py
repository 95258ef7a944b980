"""SSR: the model's own right words where it has them, and its right answers to other tasks beside."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lora import DatasetError
from journeyman.skills.lora.rehearse import evenly, mix, own_words
from journeyman.skills.lora.sample import Message, Sample


def sample(prompt: str, reply: str = "go()", task: str = "a", **more: Any) -> Sample:
    messages = (Message("user", prompt), Message("assistant", reply, train=True))
    return Sample(messages, task, **{"trajectory": "teacher", **more})


def test_where_the_model_answers_right_itself_its_own_words_are_the_target() -> None:
    taught = [sample("p1", "click()"), sample("p2", "press()")]
    own = [sample("p1", "click()\ndone()", "z", trajectory="own"), sample("p9", "look()")]
    first, second = own_words(taught, own)
    assert (first.reply, first.kind, first.trajectory) == ("click()\ndone()", "rehearsal", "own")
    assert first.task == "a" and first.messages[-1].train
    assert second == taught[1]
    assert own_words(taught, []) == taught


def test_a_splice_keeps_its_revision() -> None:
    one = sample("p1", "click()", kind="splice")
    assert own_words([one], [sample("p1", "other()")]) == [one]


def test_rehearsal_makes_up_its_share_evenly_over_families_and_tasks() -> None:
    taught = [sample(f"p{n}") for n in range(12)]
    own = [sample(f"x{n}", task=f"x:{n % 3}", family="x") for n in range(9)]
    own += [sample(f"y{n}", task="y:0", family="y") for n in range(2)]
    mixed = mix(taught, own, 0.25)
    added = mixed[len(taught) :]
    assert mixed[: len(taught)] == taught and len(added) == 4
    assert {one.kind for one in added} == {"rehearsal"}
    assert Counter(one.family for one in added) == {"x": 2, "y": 2}
    assert len({one.task for one in added if one.family == "x"}) == 2
    assert mix(taught, reversed(own), 0.25) == mixed
    assert mix(taught, own, 0.0) == taught


def test_own_words_count_towards_the_share() -> None:
    taught = [sample(f"p{n}", kind="rehearsal" if n < 3 else "right") for n in range(12)]
    assert len(mix(taught, [sample("x")], 0.25)) == 12
    assert len(mix(taught, [sample("x")], 0.26)) == 13


def test_prompts_that_are_trained_on_or_held_out_are_not_rehearsed() -> None:
    taught, held = [sample("p1"), sample("p2")], sample("p3")
    own = [sample("p1", "own()"), sample("p3", "own()"), sample("p4", "own()")]
    added = mix(taught, own, 0.9, beside=[held.key])[2:]
    assert [one.messages[0].content for one in added] == ["p4"]


@pytest.mark.parametrize("share", [-0.1, 1.0, 7])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(DatasetError, match="share"):
        mix([], [], share)


@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 5)), max_size=40),
    st.floats(0, 0.95),
)
def test_the_share_is_reached_wherever_there_are_enough(
    count: int, own: list[tuple[str, int]], share: float
) -> None:
    taught = [sample(f"p{n}") for n in range(count)]
    spare = [
        sample(f"o{n}", task=f"{family}{task}", family=family)
        for n, (family, task) in enumerate(own)
    ]
    mixed = mix(taught, spare, share)
    added = len(mixed) - count
    assert added == len(spare) or added >= share * len(mixed) - 1e-6
    # One fewer would not have reached it.
    assert not added or added - 1 < share * (len(mixed) - 1) + 1e-6
    assert Counter(s.digest for s in evenly(spare)) == Counter(s.digest for s in spare)
