"""MUSCLE: a higher mean that breaks what worked is refused beyond the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lora.flips import Unpaired, flips

TASKS = [f"t{number:02}" for number in range(20)]


def test_a_higher_mean_that_exceeds_the_flip_budget_is_refused() -> None:
    before = {task: task < "t10" for task in TASKS}
    after = {task: task >= "t02" for task in TASKS}
    found = flips(before, after)
    assert (found.before, found.after) == (10, 18)
    assert found.negative == ("t00", "t01") and len(found.positive) == 10
    refusal = found.refusal(0.1)
    assert "2 of 10 tasks" in refusal and "t00, t01" in refusal and "10.0%" in refusal
    assert "18 of 20 are solved now" in refusal
    assert found.refusal(0.2) == ""


def test_with_no_flips_at_all_nothing_is_refused() -> None:
    before = {task: task < "t10" for task in TASKS}
    assert flips(before, before).refusal(0.0) == ""
    assert flips(before, dict.fromkeys(TASKS, True)).refusal(0.0) == ""
    assert flips(before, dict.fromkeys(TASKS, False)).refusal(0.0) != ""


def test_a_refusal_names_some_tasks_only() -> None:
    lost = flips(dict.fromkeys(TASKS, True), dict.fromkeys(TASKS, False)).refusal(0.5)
    assert "t04" in lost and "t05" not in lost and "and 15 more" in lost


def test_outcomes_of_different_tasks_are_not_compared() -> None:
    with pytest.raises(Unpaired, match=r"1 tasks .*\(b\)"):
        flips({"a": True}, {"a": True, "b": True})
    with pytest.raises(Unpaired, match="no outcomes"):
        flips({}, {})


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_flips_are_counted_by_task_whatever_the_order(
    outcomes: dict[str, tuple[bool, bool]],
) -> None:
    before = {task: pair[0] for task, pair in outcomes.items()}
    after = {task: outcomes[task][1] for task in reversed(outcomes)}
    found, back = flips(before, after), flips(after, before)
    assert (found.negative, found.positive) == (back.positive, back.negative)
    assert found.after == sum(after.values()) and found.before == sum(before.values())
    assert found.rate * found.before == pytest.approx(len(found.negative))
    assert bool(found.refusal(0.0)) == bool(found.negative)
