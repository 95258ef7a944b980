"""A reply as runs: each skill alone within its manifest, and what goes beyond it comes to light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from journeyman.agent.perform import Piece, pieces
from journeyman.agent.run import Agent
from journeyman.memory.trajectory import Outcome, Task, Trajectory
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.policy import Policy
from journeyman.skills.skill import (
    Candidate,
    Evidence,
    Manifest,
    Skill,
    SkillVersion,
    Status,
    Template,
    TrialReport,
    TrialRun,
)

Make = Callable[..., Agent]


def skill(name: str) -> Skill:
    version = SkillVersion(name, 1, "d", Template("t"), "code", Manifest((), ()), "")
    return Skill(name, version, Status.VERIFIED, (1,))


A, B = skill("log-in"), skill("log-out")
CLICK = 'click("button", "Go")'


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (CLICK, [Piece(CLICK)]),
        ("", [Piece("")]),
        ("for i in range(2):\n    click('a')", [Piece("for i in range(2):\n    click('a')")]),
        ("log_in(", [Piece("log_in(")]),
        ('log_in("ann")', [Piece('log_in("ann")', (A,), alone=True)]),
        (
            f'{CLICK}\n{CLICK}\nlog_in("ann")\n{CLICK}\nlog_out(["a", "b"], n=2)',
            [
                Piece(f"{CLICK}\n{CLICK}"),
                Piece('log_in("ann")', (A,), alone=True),
                Piece(CLICK),
                Piece('log_out(["a", "b"], n=2)', (B,), alone=True),
            ],
        ),
        (
            f"from library import log_in\nfrom page import click\n{CLICK}\nlog_in('x')",
            [Piece(CLICK), Piece("log_in('x')", (A,), alone=True)],
        ),
    ],
)
def test_plain_calls_are_cut_and_each_skill_is_alone(code: str, expected: list[Piece]) -> None:
    assert pieces(code, [A, B]) == expected


@pytest.mark.parametrize(
    "code",
    [
        "for user in 'ab':\n    log_in(user)",
        "x = log_in('a')",
        "log_in(names('link')[0])",
        "log_in(*['a'])",
        "log_in(**{'user': 'a'})",
        "go = log_in\ngo('a')",
        "log_in('a').y",
        "from library import log_in as go\ngo('a')",
        "import library\nlog_in('a')",
        f"x = 1\n{CLICK}\nlog_in('a')",
    ],
)
def test_what_cannot_be_cut_is_one_run_with_the_skills_it_names(code: str) -> None:
    assert pieces(code, [A, B]) == [Piece(code, (A,))]


def test_a_skill_that_is_not_named_is_not_at_hand() -> None:
    code = "import library\ngetattr(library, 'log' + '_in')('a')"
    assert pieces(code, [A, B]) == [Piece(code)]


# On pages of two sites --------------------------------------------------------------------------

HOME = """<button onclick="location = 'http://other.test/start.html'">On</button>
  <button onclick="said.textContent += 'x'">Say</button><p id=said></p>
  <label>Name <input value=Ada></label><script>var done = false</script>"""
OTHER = (
    '<button onclick="done = true; this.remove()">Done</button><script>var done = false</script>'
)
GO_ON = 'from page import click\n\n\ndef go_on() -> None:\n    """Go on."""\n'
LEAVES = f'{GO_ON}    click("button", "On")\n    click("button", "Done")\n'


def made(code: str, **manifest: Any) -> tuple[Candidate, TrialReport]:
    """A trusted skill of this code, whatever it really does."""
    found = Candidate(
        name="go-on",
        description="Go on.",
        template=Template("Go on."),
        code=code,
        manifest=Manifest(("http://shop.test",), ("click",), **manifest),
        sources=("t",),
    )
    runs = [TrialRun(f"t{n}", "g", n, True, True, source=n == 0) for n in range(60)]
    return found, TrialReport(found.digest, tuple(runs), reset="full")


@pytest.fixture
def sites(shop: Any, tmp_path: Path) -> Any:
    """The shop's suite on two hosts, with pages of this file's own."""
    for host, page in (("shop.test", HOME), ("other.test", OTHER)):
        (tmp_path / host).mkdir()
        (tmp_path / host / "start.html").write_text(f"<!doctype html><body>{page}")

    def policy(task: Task) -> Policy:
        return Policy(mounts={host: tmp_path / host for host in ("shop.test", "other.test")})

    async def start(page: Any, task: Task) -> None:
        await page.page.goto("http://shop.test/start.html")

    async def verdict(page: Any, task: Task) -> Outcome:
        return Outcome(bool(await page.page.evaluate("done")), "check", "not done")

    shop.policy, shop.start, shop.verdict = policy, start, verdict
    return shop


async def attempt(agent: Agent, sites: Any, goal: str = "Go on.", **more: Any) -> Trajectory:
    task = replace(await agent.task(sites, sites.families()[0], 0), goal=goal)
    return await agent.attempt(task, sites, **more)


def standing(agent: Agent) -> tuple[Status, list[Evidence]]:
    assert agent.library is not None
    held = agent.library.skills()[0]
    return held.status, [item for item in held.evidence if item.kind == "excess"]


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_direct_execution_elsewhere_is_refused_recorded_and_ends_the_service(
    make_agent: Make, sites: Any
) -> None:
    agent = await make_agent('click("button", "Done")').open()
    await agent.library.admit(*made(LEAVES))  # type: ignore[union-attr]
    assert standing(agent)[0] is Status.TRUSTED
    done = await attempt(agent, sites)
    direct = done.steps[0]
    assert direct.skills == ("go-on@1",) and "beyond the manifest" in str(direct.error)
    assert [call.error is None for call in direct.calls] == [True, False]
    status, (excess,) = standing(agent)
    assert status is Status.QUARANTINED and "other.test" in excess.reason
    assert await agent.library.find("Go on.") == []  # type: ignore[union-attr]
    # The model was not kept from the other site: the task may go there.
    assert done.outcome.success and done.steps[-1].calls[-1].error is None
    await agent.library.record(Evidence("go-on", 1, "review", True))  # type: ignore[union-attr]
    assert standing(agent)[0] is Status.TRUSTED


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_an_excess_that_the_code_swallows_is_none_the_less_one(
    make_agent: Make, sites: Any
) -> None:
    swallows = (
        "from page import PageError, click\n\n\ndef go_on() -> None:\n"
        '    """Go on."""\n    click("button", "On")\n    try:\n'
        '        click("button", "Done")\n    except PageError:\n        return\n'
    )
    agent = await make_agent('click("button", "Done")').open()
    await agent.library.admit(*made(swallows))  # type: ignore[union-attr]
    done = await attempt(agent, sites)
    assert "beyond" in str(done.steps[0].error) and standing(agent)[0] is Status.QUARANTINED


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_a_skill_the_model_calls_is_held_to_its_manifest_and_the_model_is_not(
    make_agent: Make, sites: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await make_agent(
        'check("x", "y")\ngo_on()',
        'value("textbox", "Name")\ngo_on()',
        'click("button", "On")',
        'click("button", "Done")',
    ).open()
    reads = GO_ON + '    click("button", "Say")\n'
    await agent.library.admit(*made(reads, data="public"))  # type: ignore[union-attr]
    # What the static check would not let in: code that goes past its own imports.
    held = agent.library.get("go-on")  # type: ignore[union-attr]
    sly = held.current.code.replace(
        '    click("button", "Say")\n',
        '    click("button", "Say")\n    import page\n    page.value("textbox", "Name")\n',
    )
    monkeypatch.setattr(
        agent.library, "get", lambda *_: replace(held, current=replace(held.current, code=sly))
    )
    monkeypatch.setattr("journeyman.agent.recall.takers", lambda *_: [])
    monkeypatch.setattr("journeyman.agent.plan.takers", lambda *_: [])

    async def ranked(*_: Any) -> list[tuple[Skill, float]]:
        return [(held, 1.0)]

    monkeypatch.setattr(agent.library, "ranked", ranked)
    done = await attempt(agent, sites)
    errors = [str(step.error) for step in done.steps]
    assert "there is no x" in errors[0]
    assert "value is not in the manifest, which has click" in errors[1]
    second = [(call.primitive, call.error is None) for call in done.steps[1].calls]
    assert second == [("value", True), ("click", True), ("value", False)]
    assert done.steps[1].skills == ("go-on@1",)
    status, (excess,) = standing(agent)
    assert status is Status.QUARANTINED and excess.version == 1


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_in_an_exam_nothing_is_held_against_a_skill(make_agent: Make, sites: Any) -> None:
    agent = await make_agent("done()").open()
    await agent.library.admit(*made(LEAVES))  # type: ignore[union-attr]
    done = await attempt(agent, sites, credit=False)
    assert "beyond" in str(done.steps[0].error) and standing(agent) == (Status.TRUSTED, [])


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_cut_is_held_to_what_its_skills_share(
    make_agent: Make, sites: Any, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from journeyman.agent import perform
    from journeyman.agent.arena import open_episode

    agent = await make_agent().open()
    library = agent.library
    assert library is not None
    await library.admit(*made(GO_ON + '    click("button", "Say")\n'))
    held = library.get("go-on")
    task = await agent.task(sites, sites.families()[0], 0)
    limits = agent.settings.sandbox.limits()
    async with open_episode(task, sites, chromium, await agent._sandboxes(), limits) as live:
        parts = SimpleNamespace(
            limits=limits, bare=False, live=live, library=library, credit=True, task=task
        )
        loop = "for _ in 'ab':\n    go_on()\nprint(value('textbox', 'Name'))"
        result = await perform.perform(loop, [held], live, parts)  # type: ignore[arg-type]
        assert "value is not in the manifest" in str(result.error)
        assert result.called == ("go_on",) and len(live.excesses()) == 1
        assert standing(agent) == (Status.TRUSTED, []), "whose call it was cannot be known"
        reading = "print(value('textbox', 'Name'))"
        alone = await perform.perform(reading, [held], live, parts)  # type: ignore[arg-type]
        assert alone.ok and alone.output == "Ada\n"
