"""Trials: only what solved its tasks again, through the skill, gets into the library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.memory.embed import HashEmbedder
from journeyman.memory.trajectory import Call, Outcome, Step, Task, Trajectory
from journeyman.sandbox import PrimitiveFailed, PrimitiveRefused
from journeyman.sandbox.base import Element, Limits, Result, View, view_to_json
from journeyman.sandbox.bounds import EVERYTHING, Bounds
from journeyman.sandbox.worker import Worker
from journeyman.skills import NotAdmitted
from journeyman.skills.induce import learn
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import Candidate, Condition, Gates, Manifest, Status
from journeyman.skills.trial import screen, trial

Make = Callable[..., Candidate]
NAMES = [f"user{number}" for number in range(40)]
SOURCE = Task("shop:0", "Log in as user0.", url="http://shop.test/", reset="full", seed=0)


class Visit:
    """One attempt on the log-in page; the check wants the right user and the right button."""

    def __init__(self, shop: Shop, task: Task) -> None:
        self.shop, self.task = shop, task
        button = Element("button", shop.button(task), kind="button")
        noise = Element("button", "Reset", kind="button")
        box = Element("textbox", "User", kind="f", actions=("fill", "click"))
        self.page = shop.toy(box, noise, button, react=self.react)
        self.solved = False
        self.beyond: list[str] = []

    def excesses(self) -> tuple[str, ...]:
        return tuple(self.beyond)

    def react(self, page: Any, primitive: str, element: Element) -> None:
        if primitive == "click" and element.name != "Reset":
            wanted = self.task.goal.removeprefix("Log in as ").removesuffix(".")
            self.solved = page.elements[0].value == wanted and not self.shop.broken(self.task)
            page.elements, page.over = [], True

    async def run(
        self,
        code: str,
        library: Mapping[str, str] | None = None,
        bounds: Bounds = EVERYTHING,
    ) -> Result:
        async def serve(primitive: str, args: dict[str, Any]) -> Any:
            beyond = bounds.refuse(primitive, args, self.page.view().url)
            if beyond is not None:
                self.beyond.append(beyond)
                raise PrimitiveRefused(beyond)
            return await self.page.serve(primitive, args)

        return await self.shop.sandbox.run(
            code, serve=serve, library=library, limits=Limits(seconds=1, calls=30)
        )

    async def view(self, quiet: float | None = None) -> View:
        if self.shop.hangs and self.page.over:
            raise PrimitiveFailed("the page does not answer")
        return self.page.view()

    def calls(self) -> tuple[Call, ...]:
        return tuple(self.page.calls)

    async def verdict(self) -> Outcome:
        self.shop.judged.append(self.task.seed)
        return Outcome(self.shop.verdict(self.solved), "check", "" if self.solved else "wrong")


class Shop:
    """An arena of log-in tasks; siblings have seeds from 5000."""

    def __init__(self, sandbox: Worker, toy: Any, count: int = 40) -> None:
        self.sandbox, self.toy, self.count = sandbox, toy, count
        self.judged: list[int | None] = []
        self.opened: list[Visit] = []
        self.hangs = False
        self.verdict: Callable[[bool], bool | None] = lambda solved: solved
        self.broken: Callable[[Task], bool] = lambda task: False
        self.button: Callable[[Task], str] = lambda task: "Log in"
        self.goal: Callable[[int], str] = lambda number: f"Log in as {NAMES[number]}."

    @asynccontextmanager
    async def open(self, task: Task) -> AsyncIterator[Visit]:
        visit = Visit(self, task)
        self.opened.append(visit)
        yield visit

    async def siblings(self, task: Task) -> AsyncIterator[Task]:
        for number in range(1, self.count):
            seed = 5000 + number
            yield replace(task, id=f"shop:{seed}", goal=self.goal(number), seed=seed)


@pytest.fixture
def shop(bubblewrap: Worker, toy: Any) -> Shop:
    return Shop(bubblewrap, toy)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[SkillLibrary]:
    yield SkillLibrary.open(tmp_path / "library", HashEmbedder())


async def refused(library: SkillLibrary, candidate: Candidate, report: Any) -> list[str]:
    """See that the candidate is not admitted and that nothing was written."""
    before = library.digest()
    with pytest.raises(NotAdmitted) as error:
        await library.admit(candidate, report)
    assert library.digest() == before and library.skills() == []
    assert error.value.reasons and all(error.value.reasons)
    return list(error.value.reasons)


async def test_what_holds_on_its_siblings_is_admitted_and_trusted(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    good = candidate()
    report = await trial(good, SOURCE, shop, Gates())
    version = await library.admit(good, report)
    assert report.runs[0].source and report.runs[0].seed == 0
    assert len(report.runs) == len({run.task_id for run in report.runs}) >= 6
    assert all(run.success and run.called and run.digest for run in report.runs)
    assert all(run.steps == 2 and run.seconds > 0 for run in report.runs)
    assert library.get(version.name).status is Status.TRUSTED
    assert library.trials(version.name).runs == report.runs
    assert len(shop.judged) == len(report.runs), "the check is asked once a run"


async def test_a_wrong_locator_is_rejected_at_its_source(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    wrong = candidate(button="Log on")
    report = await trial(wrong, SOURCE, shop, Gates())
    assert [run.success for run in report.runs] == [False]
    assert "Log on" in report.runs[0].reason
    assert await refused(library, wrong, report)


async def test_a_skill_that_solved_only_its_source_is_rejected(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    code = candidate().code.replace('"User", user', '"User", "user0"')
    report = await trial(candidate(code=code), SOURCE, shop, Gates())
    assert [run.success for run in report.runs] == [True, False]
    await refused(library, candidate(code=code), report)


async def test_success_without_the_skill_proves_nothing(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    shop.verdict = lambda solved: True
    never = Manifest(("http://shop.test",), ("click", "fill"),
                     pre=(Condition("present", {"role": "button", "name": "Nowhere"}),))  # fmt: skip
    idle = candidate(manifest=never)
    report = await trial(idle, SOURCE, shop, Gates())
    assert [(run.success, run.called) for run in report.runs] == [(True, False)]
    assert "without calling the skill" in " ".join(await refused(library, idle, report))


class Deaf(Visit):
    """An episode that runs code of its own instead of the skill."""

    async def run(self, code: str, *args: Any, **named: Any) -> Result:
        user = self.task.goal.split()[-1].rstrip(".")
        await self.page.do("fill", "textbox", "User", text=user)
        return await super().run("click('button', 'Log in')")


async def test_a_run_that_did_not_call_the_skill_counts_for_nothing(
    shop: Shop, library: SkillLibrary, candidate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def opened(task: Task) -> AsyncIterator[Visit]:
        yield Deaf(shop, task)

    monkeypatch.setattr(shop, "open", opened)
    report = await trial(candidate(), SOURCE, shop, Gates())
    assert report.runs[0].success and not report.runs[0].called and report.passed == 0
    await refused(library, candidate(), report)


async def test_siblings_that_the_skill_does_not_take_are_not_counted(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    button = Condition("present", {"role": "button", "name": "Log in"})
    careful = candidate(manifest=Manifest(("http://shop.test",), ("click", "fill"), pre=(button,)))
    shop.goal = lambda n: f"Log in as {NAMES[n]}." if n % 2 else f"Log out {NAMES[n]}."
    shop.button = lambda task: "Sign in" if task.seed and task.seed % 3 == 0 else "Log in"
    report = await trial(careful, SOURCE, shop, Gates())
    assert len(report.runs) > 6 and all(run.success and run.called for run in report.runs)
    assert not any(run.goal.startswith("Log out") for run in report.runs)
    assert not any(run.seed and run.seed % 3 == 0 for run in report.runs)
    assert (await library.admit(careful, report)).version == 1


async def test_too_few_siblings_do_not_admit(
    bubblewrap: Worker, toy: Any, library: SkillLibrary, candidate: Make
) -> None:
    report = await trial(candidate(), SOURCE, Shop(bubblewrap, toy, count=5), Gates())
    assert len(report.runs) == 5 and all(run.success for run in report.runs)
    assert "4 sibling" in " ".join(await refused(library, candidate(), report))


async def test_a_low_bar_for_trust_asks_for_no_fewer_siblings(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    report = await trial(candidate(), SOURCE, shop, Gates(siblings=5, trust=0.3))
    assert len(report.runs) == 6
    assert (await library.admit(candidate(), report)).version == 1


BODIES = {
    "raises": "raise ValueError('no')",
    "never ends": "while user:\n        pass",
    "exits": "raise SystemExit(3)",
    "reads what it may not": "names('link')",
    "is refused a primitive": "press('Enter')",
    "does nothing": "return",
}


@pytest.mark.parametrize("body", BODIES)
async def test_code_that_fails_is_not_admitted(
    shop: Shop, library: SkillLibrary, candidate: Make, body: str
) -> None:
    code = (
        "from page import click, fill, names, press\n\n\ndef log_in(user: str) -> None:\n"
        f'    """Log in."""\n    {BODIES[body]}\n    fill("textbox", "User", user)\n'
        '    click("button", "Log in")\n'
    )
    bad = candidate(code=code)
    report = await trial(bad, SOURCE, shop, Gates())
    assert len(report.runs) == 1 and not report.runs[0].success and report.runs[0].reason
    await refused(library, bad, report)


@pytest.mark.parametrize("verdict", [False, None])
async def test_an_outcome_that_is_not_a_success_is_a_failure(
    shop: Shop, library: SkillLibrary, candidate: Make, verdict: bool | None
) -> None:
    shop.verdict = lambda solved: verdict
    report = await trial(candidate(), SOURCE, shop, Gates())
    assert report.passed == 0
    await refused(library, candidate(), report)


async def test_a_page_that_stops_answering_is_a_failed_run(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    shop.hangs, shop.verdict = True, lambda solved: False
    gone = Condition("absent", {"role": "button", "name": "Log in"})
    careful = candidate(manifest=Manifest(("http://shop.test",), ("click", "fill"), post=(gone,)))
    report = await trial(careful, SOURCE, shop, Gates())
    assert [run.reason for run in report.runs] == ["after it ended, the page does not answer"]
    await refused(library, careful, report)


@pytest.mark.parametrize("reset", ["none", "read-only"])
async def test_what_cannot_be_reset_is_not_admitted_on_trials_alone(
    shop: Shop, library: SkillLibrary, candidate: Make, reset: Any
) -> None:
    report = await trial(candidate(), replace(SOURCE, reset=reset), shop, Gates())
    assert "reset" in " ".join(await refused(library, candidate(), report))


async def test_a_trial_of_other_code_admits_nothing(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    report = await trial(candidate(), SOURCE, shop, Gates())
    await refused(library, candidate(button="Reset"), report)
    await refused(library, candidate(manifest=Manifest(("*",), ("click", "fill"))), report)


@pytest.mark.parametrize(("without", "admitted"), [(True, False), (False, True)])
async def test_later_failures_are_weighed_against_the_arm_without_the_skill(
    shop: Shop, library: SkillLibrary, candidate: Make, without: bool, admitted: bool
) -> None:
    asked: list[str] = []

    async def baseline(task: Task) -> Outcome:
        asked.append(task.id)
        return Outcome(without, "check")

    shop.broken = lambda task: task.seed in (5008, 5012)
    report = await trial(candidate(), SOURCE, shop, Gates(), baseline)
    assert asked == [run.task_id for run in report.runs], "on the same tasks"
    assert len(report.runs) - report.passed == 2
    if admitted:
        version = await library.admit(candidate(), report)
        assert library.get(version.name).status in (Status.VERIFIED, Status.TRUSTED)
    else:
        assert "worse" in " ".join(await refused(library, candidate(), report))


async def test_a_trial_comes_to_an_end(shop: Shop, candidate: Make) -> None:
    shop.broken = lambda task: bool(task.seed and task.seed > 5005 and task.seed % 2)
    report = await trial(candidate(), SOURCE, shop, Gates(trust=0.99))
    assert len(report.runs) < len(NAMES)


async def test_screening_stops_at_the_first_failure(shop: Shop, candidate: Make) -> None:
    siblings = [task async for task in shop.siblings(SOURCE)][:4]
    assert await screen(candidate(), [SOURCE], shop, siblings) == 5
    assert await screen(candidate(button="Log on"), [SOURCE], shop, siblings) == 0
    shop.broken = lambda task: task.seed == 5002
    assert await screen(candidate(), [SOURCE], shop, siblings) == 2


# From trajectories to the library, without a model ----------------------------------------------


async def success(shop: Shop, number: int, *detours: str, user: str = "") -> Trajectory:
    """An attempt that solved its task, with idle clicks on the way."""
    task = replace(SOURCE, id=f"shop:{number}", goal=shop.goal(number), seed=number)
    visit = Visit(shop, task)
    await visit.page.do("fill", "textbox", "User", text=user or NAMES[number])
    for name in detours:
        await visit.page.do("click", "button", name)
    await visit.page.do("click", "button", "Log in")
    outcome = await visit.verdict()
    step = Step(1, "…", "", calls=visit.calls())
    end = view_to_json(visit.page.view())
    return Trajectory(f"t{number}", task, (step,), outcome, final_view=end)


async def test_successes_become_an_admitted_skill(shop: Shop, library: SkillLibrary) -> None:
    (learnt,) = await learn([await success(shop, 3, "Reset", "Nowhere")], library, shop)
    assert learnt.version is not None, learnt.reasons
    skill = library.get(learnt.version.name)
    assert skill.status is Status.TRUSTED and skill.current.sources == ("t3",)
    assert "Reset" not in skill.current.code and "user3" not in skill.current.code
    assert skill.current.template.slots and skill.current.manifest.origins == ("http://shop.test",)


async def test_failures_and_taint_teach_nothing(shop: Shop, library: SkillLibrary) -> None:
    good = await success(shop, 1)
    before = library.digest()
    others = [
        await success(shop, 2, user="somebody"),
        replace(good, outcome=Outcome(None, "none")),
        replace(good, taint="a literal came from the page"),
        replace(good, task=replace(good.task, reset="none")),
    ]
    assert await learn(others, library, shop) == []
    assert library.digest() == before and not shop.opened


async def test_what_no_candidate_solves_again_is_kept_as_rejected(
    shop: Shop, library: SkillLibrary
) -> None:
    once = await success(shop, 3)
    shop.broken = lambda task: bool(task.seed and task.seed >= 5000)
    (learnt,) = await learn([once], library, shop)
    assert learnt.version is None and learnt.reasons and library.skills() == []
    assert library.rejected()


async def test_a_model_is_asked_only_where_generalising_fails_and_is_tried_the_same(
    shop: Shop, library: SkillLibrary, candidate: Make
) -> None:
    asked: list[str] = []

    async def propose(trajectory: Trajectory, template: Any) -> list[str]:
        asked.append(trajectory.id)
        return ["import os", "def log_in_as(): pass", template.text]

    (learnt,) = await learn(
        [await success(shop, n) for n in (1, 2)], library, shop, propose=propose
    )
    assert learnt.version is not None and asked == []

    shop.broken = lambda task: bool(task.seed and task.seed >= 5000)
    other = SkillLibrary.open(library.store.root.parent / "other", HashEmbedder())
    before = [await success(shop, n) for n in (1, 2)]
    (learnt,) = await learn(before, other, shop, propose=propose)
    assert learnt.version is None and asked and other.skills() == []
