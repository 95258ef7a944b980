"""Practice on real pages: what was solved becomes a skill by real trials, and goes on later.

That a kill in the middle of it loses nothing is shown in `test_distill.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import ScriptExhausted
from journeyman.agent.config import Settings, load_settings
from journeyman.agent.model import Message
from journeyman.agent.practice import practise
from journeyman.agent.records import PracticeRow, Rows
from journeyman.agent.run import Agent
from journeyman.agent.suites import EXAM_SEEDS
from journeyman.agent.suites.base import TRIAL_SEEDS
from journeyman.agent.suites.miniwob import MiniWob
from journeyman.memory.trajectory import Task
from journeyman.skills.skill import Status

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]

CANCEL = 'click("button", "Cancel")'
FAMILY = "enter-text"


def rows_of(workspace: Path) -> list[PracticeRow]:
    return Rows(workspace / "practice.jsonl", PracticeRow).read()


def type_it(messages: Sequence[Message]) -> str:
    """What a good model replies on the page of the family."""
    quoted = re.findall(r'Goal: .*"(.*)"', messages[-1]["content"])[-1]
    return f'fill("textbox", "", "{quoted}")\nclick("button", "Submit")'


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Two direct successes make a family rest, six passed runs make a skill trusted."""
    monkeypatch.setattr("journeyman.agent.practice.MASTERED", 2)
    return load_settings(tmp_path, {}, {"gates.trust": 0.5, "practice.attempts": 1})


@pytest.fixture
def miniwob() -> MiniWob:
    try:
        metadata.version("miniwob")
    except metadata.PackageNotFoundError:
        pytest.skip("the MiniWoB++ pages are not installed: pip install --no-deps miniwob")
    return MiniWob()


@pytest.mark.slow
async def test_what_a_model_solved_is_soon_done_without_it(
    make_agent: Make, miniwob: MiniWob, quick: Settings
) -> None:
    agent = make_agent(*[type_it] * 4, settings=quick)
    said: list[str] = []
    await practise(agent, miniwob, [FAMILY], seconds=120, on_event=lambda e: said.append(e.text))
    rows = rows_of(agent.workspace)
    assert "admitted" in [row.kind for row in rows], [row.reason for row in rows]
    attempts = [row for row in rows if row.kind == "attempt"]
    assert [row.seed for row in attempts] == list(range(len(attempts)))
    assert sum(row.model_calls for row in attempts) <= 2, "one or two successes are enough"
    assert all(row.success and row.model_calls == 0 for row in attempts[-2:])
    assert any("mastered" in text for text in said)

    assert agent.library is not None
    (skill,) = agent.library.skills()
    assert skill.status is Status.TRUSTED and skill.current.how == "generalise"
    runs = agent.library.trials(skill.name).runs
    assert len(runs) >= 6 and all(run.success and run.called for run in runs)
    assert runs[0].source and runs[0].seed in (0, 1)
    assert all(run.seed and TRIAL_SEEDS <= run.seed < EXAM_SEEDS for run in runs[1:])

    unseen = await agent.task(miniwob, FAMILY, EXAM_SEEDS + 7)
    done = await agent.attempt(unseen, miniwob, credit=False)
    assert done.outcome.success and done.model_calls == 0

    await agent.close()
    again = make_agent(settings=quick)
    await practise(again, miniwob, [FAMILY], seconds=120)
    assert rows_of(again.workspace) == rows, "what is mastered rests"


@pytest.mark.slow
async def test_practice_goes_on_where_it_stopped(
    make_agent: Make, shop: Any, good: Any, quick: Settings
) -> None:
    first = make_agent(CANCEL, settings=quick)
    await practise(first, shop, shop.families(), seconds=0.01)
    assert [row.seed for row in rows_of(first.workspace)] == [0]
    await first.close()
    second = make_agent(good, settings=quick)
    await practise(second, shop, shop.families(), seconds=60)
    attempts = [row for row in rows_of(second.workspace) if row.kind == "attempt"]
    assert [row.seed for row in attempts] == [0, 1, 2, 3]
    assert [row.success for row in attempts] == [False, True, True, True]
    assert [row.model_calls for row in attempts] == [1, 1, 0, 0]
    assert [row.at for row in attempts] == sorted(row.at for row in attempts)


async def test_practice_never_reaches_the_seeds_of_trials_and_exams(
    make_agent: Make, shop: Any, quick: Settings
) -> None:
    agent = make_agent(CANCEL, CANCEL, settings=quick)
    rows = Rows(agent.workspace / "practice.jsonl", PracticeRow)
    rows.append(PracticeRow(0.1, shop.families()[0], TRIAL_SEEDS - 2, "attempt", False))
    with pytest.raises(ScriptExhausted):
        await practise(agent, shop, shop.families(), seconds=60)
    seeds = [row.seed for row in rows.read()]
    assert len(seeds) == 3 and all(seed < TRIAL_SEEDS for seed in seeds)


async def test_siblings_are_never_exam_tasks(miniwob: MiniWob) -> None:
    seeds = list(miniwob.trial_seeds(Task("t", "g", family=FAMILY, seed=3)))
    assert len(set(seeds)) == len(seeds) >= 120
    assert min(seeds) >= TRIAL_SEEDS and max(seeds) < EXAM_SEEDS
