"""The graph on a real page in real Chromium, with a scripted model."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import ScriptExhausted, graph
from journeyman.agent.propose import proposer
from journeyman.agent.run import Agent
from journeyman.agent.state import AgentState
from journeyman.memory.trajectory import Budget, Task, Trajectory
from journeyman.sandbox.base import view_from_json
from journeyman.skills.skill import Slot, Status, Template

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]

CANCEL = 'click("button", "Cancel")'
IDLE = 'click("button", "Idle")'


async def attempt(agent: Agent, shop: Any, seed: int = 0, **more: Any) -> Trajectory:
    return await agent.attempt(await agent.task(shop, shop.families()[0], seed), shop, **more)


def asked(agent: Agent) -> list[str]:
    """Every text the model was shown."""
    return [message["content"] for messages in agent.model.asked for message in messages]  # type: ignore[attr-defined]


async def test_a_solved_task_is_journalled_step_by_step(
    make_agent: Make, shop: Any, good: Any
) -> None:
    events: list[Any] = []
    agent = make_agent(good)
    done = await attempt(agent, shop, on_event=events.append)
    assert done.outcome.success and done.outcome.judge == "check"
    assert done == await agent.journal.get(done.id) and done.model_calls == 1 and done.tokens > 0
    (step,) = done.steps
    assert [(call.primitive, call.effect, call.error) for call in step.calls] == [
        ("fill", "idempotent", None),
        ("click", "effect", None),
    ]
    assert all(call.answered and view_from_json(call.view).elements for call in step.calls)
    assert view_from_json(done.final_view).text == "The end."
    assert shop.checked == [done.task.id], "the check is asked once, at the end"
    kinds = [event.kind for event in events]
    assert kinds[0] == "start" and kinds[-1] == "end" and {"action", "judge"} <= set(kinds)


async def test_what_failed_is_reflected_on_and_not_done_again(
    make_agent: Make, shop: Any, good: Any
) -> None:
    agent = make_agent(CANCEL, good)
    done = await attempt(agent, shop, attempts=3)
    assert done.outcome.success and shop.checked == [done.task.id] * 2
    first, second = await agent.journal.all()
    assert first.outcome.success is False and first.extra["reflection"]
    assert second.id == done.id and "Cancel" in first.steps[0].action
    offered = agent.model.grammars  # type: ignore[attr-defined]
    assert "Cancel" in offered[0] and "Cancel" not in offered[1] and "Log in" in offered[1]


async def test_attempts_run_out(make_agent: Make, shop: Any) -> None:
    agent = make_agent(CANCEL, IDLE, IDLE, IDLE, IDLE)
    done = await attempt(agent, shop, attempts=2)
    assert done.outcome.success is False and len(await agent.journal.all(finished=True)) == 2


@pytest.mark.parametrize(
    ("budget", "calls", "why"),
    [
        (Budget(steps=2), 2, "steps"),
        (Budget(tokens=1), 1, "tokens"),
        (Budget(seconds=0.01), 1, "seconds"),
    ],
)
async def test_budgets_stop_a_run(
    make_agent: Make, shop: Any, budget: Budget, calls: int, why: str
) -> None:
    shop.budget = budget
    agent = make_agent(*[IDLE] * 9)
    done = await attempt(agent, shop)
    assert done.model_calls == calls and done.outcome.success is False
    assert why in done.extra["stopped"] and len(shop.checked) == 1


async def test_saying_done_ends_the_run_and_the_check_decides(make_agent: Make, shop: Any) -> None:
    agent = make_agent(IDLE, "done()")
    done = await attempt(agent, shop)
    assert done.outcome.success is False and done.model_calls == 2


async def test_bad_replies_are_failed_steps_that_the_model_hears_of(
    make_agent: Make, shop: Any, good: Any
) -> None:
    shop.budget = Budget(steps=9)
    bad = [
        "Sure! I will log in now.",
        "open('/etc/passwd').read()",
        "import socket\nsocket.create_connection(('127.0.0.1', 80))",
        "tap('button')",
        "print('x' * 10**8)",
    ]
    agent = make_agent(*bad, good)
    done = await attempt(agent, shop)
    assert done.outcome.success and len(done.steps) == len(bad) + 1
    assert all(step.error and "\n" not in step.error for step in done.steps[:-1])
    prompts = [texts[-1]["content"] for texts in agent.model.asked]  # type: ignore[attr-defined]
    for step, prompt in zip(done.steps, prompts[1:], strict=False):
        assert step.error and step.error in prompt, "the next request tells what went wrong"


async def test_what_never_ends_is_stopped(make_agent: Make, shop: Any, good: Any) -> None:
    agent = make_agent("while True: pass", good)
    limits = agent.settings.sandbox.model_copy(update={"seconds": 1.0})
    agent.settings = agent.settings.model_copy(update={"sandbox": limits})
    done = await attempt(agent, shop)
    assert done.outcome.success and "1 s" in str(done.steps[0].error)


async def test_a_page_that_hangs_ends_the_attempt(
    make_agent: Make, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeyman.sandbox.page.ANSWER", 1.0)
    agent = make_agent('click("button", "Hang")', CANCEL)
    started = time.monotonic()
    done = await attempt(agent, shop)
    assert done.outcome.success is False and "answer" in done.outcome.reason
    assert "answer" in str(done.steps[0].error) and done.model_calls == 1
    assert time.monotonic() - started < 30
    assert await agent.journal.unfinished() == []


async def test_a_call_that_was_cut_off_stays_unanswered(
    make_agent: Make, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeyman.sandbox.page.ANSWER", 1.5)
    agent = make_agent('click("button", "Hang")')
    limits = agent.settings.sandbox.model_copy(update={"seconds": 0.7})
    agent.settings = agent.settings.model_copy(update={"sandbox": limits})
    done = await attempt(agent, shop)
    assert [call.primitive for call in await agent.journal.in_doubt(done.id)] == ["click"]


async def test_a_mastered_skill_runs_without_a_model(
    make_agent: Make, shop: Any, trusted: Any
) -> None:
    agent = make_agent()
    await agent.open()
    assert agent.library is not None
    await agent.library.admit(*trusted())
    assert agent.library.get("log-in").status is Status.TRUSTED
    before = len(agent.library.get("log-in").evidence)
    done = await attempt(agent, shop, seed=3)
    assert done.outcome.success and done.model_calls == 0 and asked(agent) == []
    assert done.steps[0].skills == ("log-in@1",) and len(done.steps[0].calls) == 2
    evidence = agent.library.get("log-in").evidence
    assert len(evidence) == before + 1 and evidence[-1].success and evidence[-1].kind == "use"

    task = await agent.task(shop, shop.families()[0], 3)
    other = replace(task, goal="Please log in as Dan.")
    with pytest.raises(ScriptExhausted):
        await agent.attempt(other, shop)


@pytest.mark.parametrize("drift", ["renamed", "twice"])
async def test_a_changed_page_goes_on_with_the_model(
    make_agent: Make, shop: Any, trusted: Any, good: Any, drift: str
) -> None:
    """Renamed: its precondition does not hold. Twice: its postcondition does not."""
    agent = make_agent(good, good)
    await agent.open()
    assert agent.library is not None
    await agent.library.admit(*trusted())
    before = len(agent.library.get("log-in").evidence)
    shop.drift = drift
    for seed in (3, 4):
        done = await attempt(agent, shop, seed)
        assert done.outcome.success and done.model_calls == 1
        assert done.steps[-1].model_calls == 1
    used = agent.library.get("log-in").evidence[before:]
    if drift == "renamed":
        assert not used, "a skill that did not start says nothing about itself"
    else:
        assert [item.success for item in used] == [False, False]
        assert agent.library.get("log-in").status is Status.DEGRADED
        shop.drift = ""
        with pytest.raises(ScriptExhausted):
            await attempt(agent, shop, 5)


async def test_two_skills_that_fit_as_well_are_neither_executed(
    make_agent: Make, shop: Any, trusted: Any, good: Any
) -> None:
    agent = make_agent(good)
    await agent.open()
    assert agent.library is not None
    skill, report = trusted()
    await agent.library.admit(skill, report)
    twin = replace(skill, code=skill.code.replace("Log in.", "Twin."))
    await agent.library.admit(twin, replace(report, digest=twin.digest))
    done = await attempt(agent, shop)
    assert done.outcome.success and done.model_calls == 1


async def test_a_skill_of_another_site_is_not_executed(
    make_agent: Make, shop: Any, trusted: Any, good: Any
) -> None:
    agent = make_agent(good)
    await agent.open()
    assert agent.library is not None
    skill, report = trusted()
    away = replace(skill, manifest=replace(skill.manifest, origins=("http://other.test",)))
    await agent.library.admit(away, replace(report, digest=away.digest))
    done = await attempt(agent, shop)
    assert done.model_calls == 1 and done.outcome.success


async def test_nodes_leave_their_input_as_it_was(
    make_agent: Make, shop: Any, trusted: Any, good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: set[str] = set()

    def watched(name: str) -> Any:
        node = getattr(graph, name)

        async def run(state: AgentState, parts: Any) -> Any:
            before = copy.deepcopy(state)
            update = await node(state, parts)
            assert state == before, f"{name} changed its input"
            assert set(update) <= {field.name for field in fields(AgentState)}
            kept = copy.deepcopy(update)
            ran.add(name)
            assert update == kept
            return update

        return run

    names = ("recall", "plan", "act", "judge", "reflect", "learn")
    for name in names:
        monkeypatch.setattr(graph, name, watched(name))
    agent = make_agent(IDLE, CANCEL, good)
    await agent.open()
    assert agent.library is not None
    await agent.library.admit(*trusted())
    shop.drift = "renamed"
    assert (await attempt(agent, shop, attempts=2)).outcome.success
    assert ran == set(names)


FULL = AgentState(
    goal="g",
    url="u",
    trajectory="t",
    attempt=2,
    attempts=3,
    lessons=["l"],
    skills=["s"],
    mix={"a@1": 0.5},
    direct="s@1",
    binding={"who": "Ada", "items": ["a", "b"], "n": 3},
    steps=1,
    tokens=2,
    seconds=0.5,
    history=["click()"],
    note="n",
    tried={"view": ["call"]},
    barred={"view": ["call"]},
    finished=True,
    stopped="x",
    success=None,
    reason="r",
    reflections=["one"],
)


async def test_state_survives_a_strict_checkpoint(tmp_path: Path) -> None:
    plain = AgentState("g")
    names = [field.name for field in fields(AgentState) if field.name not in ("goal", "success")]
    same = [name for name in names if getattr(FULL, name) == getattr(plain, name)]
    assert same == [], "every field is tried with a value of its own"
    async with graph.checkpoints(tmp_path / "c.sqlite") as saver:
        for state in (FULL, plain, replace(FULL, success=True), replace(FULL, success=False)):
            back = saver.serde.loads_typed(saver.serde.dumps_typed(state))
            assert type(back) is AgentState and back == state
            back = saver.serde.loads_typed(saver.serde.dumps_typed(asdict(state)))
            assert back == asdict(state)
        foreign = saver.serde.loads_typed(saver.serde.dumps_typed(Task("t", "g")))
        assert not isinstance(foreign, Task), "only the state's own type is brought back"


async def test_checkpoints_hold_plain_values_and_stay_small(
    make_agent: Make, shop: Any, good: Any, tmp_path: Path
) -> None:
    agent = make_agent(IDLE, good)
    done = await attempt(agent, shop)
    await agent.close()
    async with graph.checkpoints(tmp_path / "workspace" / "journal.checkpoints.sqlite") as saver:
        found = [item async for item in saver.alist(None)]
        assert len(found) >= 6, "every node's update is kept"
        values = [item.checkpoint["channel_values"] for item in found]
        assert any(value.get("trajectory") == done.id for value in values)
        allowed = (str, int, float, bool, list, dict, type(None), AgentState)
        assert all(isinstance(part, allowed) for value in values for part in value.values())
        assert all(len(repr(value)) < 5000 for value in values)


async def test_a_model_that_fails_leaves_all_readable(
    make_agent: Make, shop: Any, good: Any
) -> None:
    agent = make_agent(IDLE)
    with pytest.raises(ScriptExhausted):
        await attempt(agent, shop)
    (left,) = await agent.journal.unfinished()
    assert len((await agent.journal.get(left)).steps) == 1
    again = make_agent(good)
    assert (await attempt(again, shop)).outcome.success


async def test_no_prompt_holds_the_check_the_family_or_the_seed(
    make_agent: Make, shop: Any, trusted: Any, good: Any
) -> None:
    agent = make_agent(IDLE, CANCEL, "tap()", good, *["return"] * 9)
    await agent.open()
    assert agent.library is not None and agent._lessons is not None
    await agent.library.admit(*trusted())
    await agent._lessons.add("Log in with the button named Sign in.", "Log in as Eve.", "plan", "")
    shop.drift = "renamed"
    seed = 73410
    done = await attempt(agent, shop, seed, attempts=2)
    assert done.outcome.success and done.task.seed == seed
    task = await agent.task(shop, shop.families()[0], seed)
    template = Template("Log in as {user}.", (Slot("user"),))
    assert await proposer(agent.model)(done, template), "induction asks too"
    texts = asked(agent) + [step.prompt for t in await agent.journal.all() for step in t.steps]
    texts += [str(grammar) for grammar in agent.model.grammars]  # type: ignore[attr-defined]
    assert len(texts) > 12 and any("named Sign in" in text for text in texts)
    for secret in (task.family, str(task.check), str(seed), task.id, shop.name, "zq-"):
        assert not any(secret in text for text in texts), secret


async def test_runs_side_by_side_do_not_mix(make_agent: Make, shop: Any, good: Any) -> None:
    agent = make_agent(*[good] * 4)
    done = await asyncio.gather(*(attempt(agent, shop, seed) for seed in range(4)))
    assert all(one.outcome.success and one.model_calls == 1 for one in done)
    assert len({one.id for one in done}) == 4
