"""Drill: what is mastered is done on further tasks, without a model, until there is enough."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent.act_page import ENDED
from journeyman.agent.config import load_settings
from journeyman.agent.drill import PATIENCE, drill, rehearse
from journeyman.agent.events import Event
from journeyman.agent.run import Agent
from journeyman.agent.suites.base import TRIAL_SEEDS
from journeyman.agent.train import samples_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]


async def test_skills_do_so_many_tasks_and_not_one_more(
    make_agent: Make, shop: Any, trusted: Any, tmp_path: Path
) -> None:
    agent = make_agent()  # it has no reply: a request would fail
    await agent.open()
    assert agent.library is not None
    await agent.library.admit(*trusted())
    (family,) = shop.families()
    said: list[Event] = []
    assert await drill(agent, shop, [family], 3, on_event=said.append) == {family: 3}
    assert said[-1].data == {"done": 3, "total": 3}
    done = await agent.journal.all(finished=True)
    assert len({one.task.seed for one in done}) == 3
    assert all(one.task.seed is not None and one.task.seed < TRIAL_SEEDS for one in done)
    assert all(one.outcome.success and not one.model_calls for one in done)
    assert {one.extra["stopped"] for one in done} <= {ENDED, "log-in@1 ran"}
    await drill(agent, shop, [family], 3)
    assert len(await agent.journal.all()) == 3, "it goes on from the journal"
    await drill(agent, shop, [family], 14)
    assert len(await agent.journal.all()) == 14

    settings = load_settings(tmp_path, {}, {"workspace": str(agent.workspace)})
    dataset, used = await samples_of(settings, [family])
    told = [*dataset.train, *dataset.held_out]
    # Two goals alike give one sample.
    assert 10 <= len(told) <= 14 and len(dataset.train) > len(dataset.held_out) > 0
    for sample in told:
        assert sample.trajectory.endswith(":retold")
        assert used[sample.trajectory].task.goal == sample.goal
        assert sample.messages[-1].content.startswith("fill(")


async def test_what_no_skill_does_is_left_after_a_few_tries(make_agent: Make, shop: Any) -> None:
    agent = make_agent()
    (family,) = shop.families()
    assert await drill(agent, shop, [family], 5) == {family: 0}
    tried = await agent.journal.all()
    assert len(tried) == PATIENCE and not any(one.model_calls for one in tried)
    assert {one.extra["stopped"] for one in tried} == {"no skill does it alone"}


async def test_the_model_tries_by_itself_what_is_rehearsed_later(
    make_agent: Make, shop: Any, good: Any, trusted: Any
) -> None:
    agent = make_agent(good, good)
    await agent.open()
    assert agent.library is not None
    await agent.library.admit(*trusted())
    (family,) = shop.families()
    before = agent.library.get("log-in").evidence
    assert await rehearse(agent, shop, [family], 2) == {family: 2}
    done = await agent.journal.all(finished=True)
    assert [one.task.seed for one in done] == [0, 1]
    assert all(one.model_calls and "mix" not in one.extra for one in done)
    assert agent.library.get("log-in").evidence == before, "nobody is credited"
    await rehearse(agent, shop, [family], 2)
    assert len(await agent.journal.all()) == 2, "it goes on from the journal"
    assert await rehearse(agent, shop, [], 2) == {}
