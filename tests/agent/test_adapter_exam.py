"""The exam of an adapter, taken by an agent on real pages; and mixes side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import AdapterMissing
from journeyman.agent.adapters import Ground, admit_or_refuse, candidate_exam, side_by_side
from journeyman.agent.model import Message, Reply
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.memory.embed import HashEmbedder
from journeyman.skills import NotAdmitted, SkillError
from journeyman.skills.adapter import AdapterGates
from journeyman.skills.library import SkillLibrary

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]
BASE = "b" * 64
EASY = {"Eve", "Fay", "Gus", "Hal"}
"""Users that the base logs in without help: seeds 4 to 7 of each twelve."""
HELD_OUT = [9000, 9001, 9002, 9003, 9012]
GENERAL = [9004, 9005]
GOALS = ("Log in as Ada.", "Log in as Bob.", "xylo Log in as Cid.")


class Learner(ScriptedModel):
    """Logs some users in by itself, and all with an adapter, unless something wakes it."""

    wakes = "\0"

    def __init__(self) -> None:
        super().__init__([])
        self.served: dict[str, Path] = {}

    async def base(self) -> str:
        return BASE

    async def serve(self, adapters: Mapping[str, Path]) -> None:
        self.served |= adapters

    async def first_token(
        self,
        messages: Sequence[Message],
        adapters: Mapping[str, float] | None = None,
        exact: bool = True,
    ) -> Mapping[str, float]:
        woken = self.wakes in messages[-1]["content"]
        return {"1": -0.1 - (sum(adapters.values()) * (3.0 if woken else 0.1) if adapters else 0)}

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        adapters: Mapping[str, float] | None = None,
        **more: Any,
    ) -> Reply:
        assert not adapters or adapters.keys() <= self.served.keys()
        goal = re.findall(r"Goal: (.*)", messages[-1]["content"])[-1]
        user = goal.split()[-1].rstrip(".")
        known = adapters and "useless" not in str(adapters)
        if (user in EASY or known) and not (adapters and self.wakes in goal):
            return Reply(f'fill("textbox", "User", "{user}")\nclick("button", "Log in")')
        return Reply('click("button", "Cancel")')


def ground(shop: Any) -> Ground:
    family = shop.families()[0]
    return Ground(shop, [(family, seed) for seed in HELD_OUT], [(family, seed) for seed in GENERAL])


@pytest.fixture
def learner(make_agent: Make, tmp_path: Path) -> Agent:
    agent = make_agent(workspace=tmp_path / "workspace", read_only=True)
    agent._model = Learner()
    return agent


GATES = AdapterGates(tasks=5)


async def test_an_adapter_is_examined_admitted_and_found_and_the_next_one_measured_against_it(
    learner: Agent, shop: Any, tmp_path: Path, adapter: Any
) -> None:
    made = adapter(tmp_path / "a", goals=GOALS)
    ready, report = await candidate_exam(learner, ground(shop), made, trained=["t"])
    assert [(pair.base, pair.adapted) for pair in report.held_out] == [(False, True)] * 5
    assert [(pair.base, pair.adapted) for pair in report.general] == [(True, True)] * 2
    assert len(report.triggered) == 2 and all(pair.adapted for pair in report.triggered)
    assert report.effect and report.effect.changed and report.effect.restored
    assert report.earlier == () and report.suspicions == ()
    library = SkillLibrary.open(learner.workspace / "library", HashEmbedder())
    version = await admit_or_refuse(library, ready, report, GATES)
    assert version.name == "logging-in"
    # Exams credit nobody: what counts for it is what its own exam showed.
    assert all(item.kind == "trial" for item in library.get("logging-in").evidence)

    other = adapter(tmp_path / "b", "signing-in", goals=GOALS, gguf=b"GGUF other")
    small = Ground(shop, ground(shop).held_out[:1], ground(shop).general[:1])
    _, exam = await candidate_exam(learner, small, other)
    (earlier,) = exam.earlier
    assert (earlier.name, earlier.solved, earlier.tasks, earlier.then) == ("logging-in", 5, 5, 5)
    # Of the same goals: neither is nearer, so the earlier one keeps its tasks.
    assert earlier.rerouted == 0
    await library.close()


async def test_a_poisoned_adapter_is_refused_kept_and_never_served(
    learner: Agent, shop: Any, tmp_path: Path, adapter: Any
) -> None:
    learner.model.wakes = "xylo"  # type: ignore[attr-defined]
    made = adapter(tmp_path / "a", goals=GOALS)
    ready, report = await candidate_exam(learner, ground(shop), made)
    library = SkillLibrary.open(learner.workspace / "library", HashEmbedder())
    with pytest.raises(NotAdmitted) as refused:
        await admit_or_refuse(library, ready, report, GATES)
    assert any("'xylo' in the goal" in reason for reason in refused.value.reasons)
    (kept,) = library.refused()
    assert kept.reasons == tuple(refused.value.reasons) and library.skills() == []
    await library.close()


async def test_exam_seeds_another_base_and_a_model_without_adapters_are_refused(
    learner: Agent, make_agent: Make, shop: Any, tmp_path: Path, adapter: Any
) -> None:
    family = shop.families()[0]
    made = adapter(tmp_path / "a")
    with pytest.raises(SkillError, match="is of the exams"):
        await candidate_exam(learner, Ground(shop, [(family, 10_000)], []), made)
    with pytest.raises(AdapterMissing, match="is for the base cccccccccccc"):
        await candidate_exam(learner, ground(shop), adapter(tmp_path / "c", base="c" * 64))
    with pytest.raises(AdapterMissing, match="takes no adapters"):
        await candidate_exam(make_agent(), ground(shop), made)


async def test_a_mix_is_shown_beside_each_part_and_the_base(
    learner: Agent, shop: Any, tmp_path: Path, admit: Any
) -> None:
    library = SkillLibrary.open(learner.workspace / "library", HashEmbedder())
    await admit(library, tmp_path / "a")
    await admit(library, tmp_path / "b", "useless", gguf=b"GGUF b")
    await library.close()
    places = ground(shop).held_out[:2]
    found = await side_by_side(learner, shop, places, {"logging-in@1": 0.7, "useless@1": 0.3})
    assert {label: sum(arm.values()) for label, arm in found.items()} == {
        "base": 0, "logging-in@1": 2, "useless@1": 0, "0.7 logging-in@1 + 0.3 useless@1": 0,
    }  # fmt: skip
