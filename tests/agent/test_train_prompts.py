"""Training prompts are the agent's own, as they would have been with no skill to call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent.reply import signature
from journeyman.agent.run import Agent
from journeyman.agent.suites.base import FILES
from journeyman.agent.templates import render
from journeyman.agent.train_prompts import AgentPrompts
from journeyman.memory.trajectory import Outcome, Step, Task, Trajectory
from journeyman.skills.lora.pairs import pairs
from journeyman.skills.lora.sample import Prompts
from journeyman.skills.lora.splice import splice
from journeyman.skills.lora.turns import step_samples
from journeyman.skills.skill import (
    Manifest,
    Skill,
    SkillVersion,
    Slot,
    Status,
    Template,
)

PROMPTS: Prompts = AgentPrompts()
CANCEL = 'click("button", "Cancel")'
IDLE = 'click("button", "Idle")'

ACT: dict[str, Any] = {
    "goal": "Book a table for Ada.",
    "lessons": ["The button is below because the page is long."],
    "secrets": ["{{password}}"],
    "page": 'textbox "Name" now ""\nbutton "Book"',
    "history": ['click("tab", "Tables")'],
    "note": "there is no button in view",
}
WRITE: dict[str, Any] = {
    "goal": "Count the rows.",
    "files": "a.csv:\nx,y\n1,2",
    "lessons": ["Rows end with a newline because the file is text."],
    "program": "print(1)",
    "note": "it changed no file",
}


def skill(name: str, description: str, *slots: Slot) -> Skill:
    version = SkillVersion(
        name=name,
        version=1,
        description=description,
        template=Template("t", slots),
        code="",
        content_hash="",
        manifest=Manifest(("http://shop.test",), ("click",)),
    )
    return Skill(name, version, Status.VERIFIED, (1,))


SKILLS = [
    skill("book-a-table", "Book a table (for a guest) # by name.", Slot("guest")),
    skill("count", "Count rows.\n\nThen (really)\nstop.", Slot("path"), Slot("most", "ordinal")),
    skill("stop", "Stop."),
]


@pytest.mark.parametrize(("template", "values"), [("act", ACT), ("write", WRITE)])
@pytest.mark.parametrize("offered", [0, 1, 3])
@pytest.mark.parametrize("bare", [False, True])
def test_stripping_a_prompt_gives_the_one_rendered_without_skills(
    template: str, values: dict[str, Any], offered: int, bare: bool
) -> None:
    if bare:
        values = {key: values[key] if isinstance(values[key], str) else [] for key in values}
        values |= {"note": ""}
    signatures = [signature(one) for one in SKILLS[:offered]]
    without = render(template, **values, skills=[])
    told = render(template, **values, skills=signatures)
    assert told.count("\n") == without.count("\n") + offered
    assert PROMPTS.strip(told) == without
    assert PROMPTS.strip(without) == without


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(goal=TEXTS, page=TEXTS, description=TEXTS.filter(str.strip))
def test_whatever_a_skill_says_of_itself_goes_and_nothing_else(
    goal: str, page: str, description: str
) -> None:
    values = {**ACT, "goal": goal, "page": page}
    told = render("act", **values, skills=[signature(skill("it", description, Slot("a")))])
    assert PROMPTS.strip(told) == render("act", **values, skills=[])


def test_the_system_message_is_that_of_the_kind_of_task() -> None:
    page = Trajectory("t", Task("a", "go", "http://shop.test/"))
    files = replace(page, task=Task("b", "go", FILES))
    assert PROMPTS.system(page) == render("system") != PROMPTS.system(files)
    assert PROMPTS.system(files) == render("write_system")


def test_a_revision_says_what_was_wrong() -> None:
    step = Step(1, "go()", "", error="there is no\nbutton.")
    failed = Trajectory("t", Task("a", "go"), (step,), Outcome(False, "check", "the wrong table"))
    assert "there is no button" in PROMPTS.revision(failed, step)
    assert "the wrong table" in PROMPTS.revision(failed, replace(step, error=None))


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_a_sample_is_what_the_model_was_asked_and_what_it_said(
    make_agent: Callable[..., Agent], shop: Any, good: Any
) -> None:
    agent = make_agent(CANCEL, IDLE, good)
    task = await agent.task(shop, shop.families()[0], 3)
    await agent.attempt(task, shop, attempts=2)
    failed, right = await agent.journal.all(finished=True)
    assert right.outcome.success and not failed.outcome.success
    asked = agent.model.asked  # type: ignore[attr-defined]
    samples = step_samples(right, PROMPTS)
    assert [[(m.role, m.content) for m in sample.prompt] for sample in samples] == [
        [(message["role"], message["content"]) for message in request] for request in asked[1:]
    ]
    assert [sample.reply for sample in samples] == [step.action for step in right.steps]
    (pair,) = pairs([right], [failed], PROMPTS)
    assert (pair.chosen, pair.rejected) == (IDLE, CANCEL)
    spliced = splice(failed, [right], PROMPTS)
    assert spliced is not None
    thought = PROMPTS.revision(failed, failed.steps[0])
    said = [message.content for message in spliced.messages if message.train]
    assert said == [thought, IDLE, samples[1].reply]


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_a_sample_of_an_attempt_that_was_offered_a_skill_does_not_show_it(
    make_agent: Callable[..., Agent], shop: Any, good: Any, trusted: Any
) -> None:
    candidate, report = trusted()
    agent = make_agent(good, good)
    task = await agent.task(shop, shop.families()[0], 3)
    bare = await agent.attempt(task, shop, credit=False)
    # Enough runs for a verified skill, too few for one that is executed without asking.
    await agent.library.admit(candidate, replace(report, runs=report.runs[:7]))
    told = await agent.attempt(task, shop, credit=False)
    assert "log_in(user: str)" in told.steps[0].prompt
    assert step_samples(told, PROMPTS)[0].messages == step_samples(bare, PROMPTS)[0].messages
