"""The agent and its adapters: found with no flag, fixed for the run, credited, never written in
exams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import AdapterRefused
from journeyman.agent.config import load_settings
from journeyman.agent.identity import digest_of
from journeyman.agent.model import open_model
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.trajectory import Trajectory
from journeyman.skills.library import SkillLibrary

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]
BASE = "b" * 64


class Adaptive(ScriptedModel):
    """A scripted model that adapters can be served with."""

    weights = BASE
    refuses = ""

    async def base(self) -> str:
        return self.weights

    async def serve(self, adapters: Mapping[str, Path]) -> None:
        if self.refuses in adapters:
            raise AdapterRefused(f"{self.refuses} is for another base")
        self.served = dict(adapters)

    async def first_token(
        self, messages: Any, adapters: Mapping[str, float] | None = None, exact: bool = True
    ) -> Mapping[str, float]:
        return {"1": -0.2 if adapters else -0.1, "2": -2.0}


@pytest.fixture
async def workspace(tmp_path: Path, admit: Any) -> Path:
    library = SkillLibrary.open(tmp_path / "workspace/library", HashEmbedder())
    await admit(library, tmp_path / "made")
    await admit(library, tmp_path / "made", "of-another-base", "c" * 64)
    await admit(library, tmp_path / "made", "booking", goals=("Book a flight to Oslo.",) * 2)
    await library.close()
    return tmp_path / "workspace"


async def attempt(agent: Agent, shop: Any, **more: Any) -> Trajectory:
    return await agent.attempt(await agent.task(shop, shop.families()[0], 0), shop, **more)


async def test_the_agent_finds_its_adapter_with_no_flag_and_credits_the_version(
    make_agent: Make, shop: Any, good: Any, workspace: Path
) -> None:
    agent = make_agent(workspace=workspace)
    agent._model = model = Adaptive(["hover()", good])
    events: list[Any] = []
    done = await attempt(agent, shop, on_event=events.append)
    assert done.outcome.success
    assert model.mixes == [{"logging-in@1": 1.0}] * 2
    assert [step.skills for step in done.steps] == [("logging-in@1",)] * 2
    assert json.loads(done.extra["mix"]) == {"logging-in@1": 1.0}
    assert any("logging-in@1" in event.text for event in events if event.kind == "recall")
    # All of this base in one go: a server takes no further adapter once it runs.
    assert set(model.served) == {"logging-in@1", "booking@1"}
    assert all(path.is_file() for path in model.served.values())
    assert agent.library is not None
    use = agent.library.get("logging-in").evidence[-1]
    assert (use.kind, use.success, use.task_id) == ("use", True, done.task.id)
    assert agent.library.get("booking").evidence[-1].kind == "trial"


async def test_the_mix_is_fixed_for_the_run_whatever_is_retired_meanwhile(
    make_agent: Make, shop: Any, good: Any, workspace: Path
) -> None:
    agent = make_agent(workspace=workspace)
    await agent.open()
    library = agent.library
    assert library is not None

    def cancel(messages: Any) -> str:
        # Between two attempts of one run.
        thread = threading.Thread(target=lambda: asyncio.run(library.retire("logging-in")))
        thread.start()
        thread.join()
        return 'click("button", "Cancel")'

    agent._model = model = Adaptive([cancel, good])
    done = await attempt(agent, shop, attempts=2)
    assert done.outcome.success and model.mixes == [{"logging-in@1": 1.0}] * 2
    agent._model = model = Adaptive([good])
    await attempt(agent, shop)
    assert model.mixes == [{}]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (lambda good: ScriptedModel([good]), {}),
        (lambda good: of(Adaptive([good]), weights=""), {}),
        (lambda good: of(Adaptive([good]), weights="d" * 64), {}),
        (lambda good: Adaptive([good]), {"direct": False}),
        (lambda good: Adaptive([good]), {"mix": {}}),
    ],
)
async def test_there_is_no_adapter_for_a_model_without_and_none_where_none_is_wanted(
    make_agent: Make, shop: Any, good: Any, workspace: Path, model: Any, more: Any
) -> None:
    agent = make_agent(workspace=workspace)
    agent._model = model(good)
    done = await attempt(agent, shop, **more)
    assert done.outcome.success and agent._model.mixes == [{}]
    assert done.steps[0].skills == () and "mix" not in done.extra
    assert not hasattr(agent._model, "served")


def of(model: Adaptive, **changes: str) -> Adaptive:
    for name, value in changes.items():
        setattr(model, name, value)
    return model


async def test_a_mix_that_the_caller_names_is_used_and_not_credited(
    make_agent: Make, shop: Any, good: Any, workspace: Path
) -> None:
    agent = make_agent(workspace=workspace)
    agent._model = model = Adaptive([good])
    done = await attempt(agent, shop, mix={"candidate": 0.5, "logging-in@1": 0.5})
    assert model.mixes == [{"candidate": 0.5, "logging-in@1": 0.5}]
    assert done.steps[0].skills == ("candidate", "logging-in@1")
    assert agent.library is not None
    assert agent.library.get("logging-in").evidence[-1].kind == "trial"


async def test_one_that_cannot_be_served_is_said_and_the_run_goes_on(
    make_agent: Make, shop: Any, good: Any, workspace: Path
) -> None:
    for refuses, mix in (("booking@1", {"logging-in@1": 1.0}), ("logging-in@1", {})):
        agent = make_agent(workspace=workspace)
        agent._model = model = of(Adaptive([good]), refuses=refuses)
        events: list[Any] = []
        done = await attempt(agent, shop, on_event=events.append)
        assert done.outcome.success and model.mixes == [mix]
        left = [event.text for event in events if "left out" in event.text]
        assert len(left) == (not mix)


async def test_an_exam_uses_the_adapter_and_writes_nothing(
    make_agent: Make, shop: Any, good: Any, workspace: Path, tmp_path: Path
) -> None:
    before = (workspace / "library/events.jsonl").read_bytes()
    agent = make_agent(workspace=workspace, read_only=True, journal_path=tmp_path / "exam.sqlite")
    agent._model = model = Adaptive([good])
    done = await attempt(agent, shop, credit=False)
    assert model.mixes == [{"logging-in@1": 1.0}] and done.steps[0].skills == ("logging-in@1",)
    assert (workspace / "library/events.jsonl").read_bytes() == before


async def test_the_embedded_model_serves_what_the_library_admitted(
    make_agent: Make, shop: Any, tiny: Any, tmp_path: Path, admit: Any
) -> None:
    """All parts real but the size of the model: the library, llama.cpp, litellm, Chromium."""
    tiny.base(tmp_path / "base.gguf")
    tiny.adapter(tmp_path / "a.gguf", scale=2.0)
    workspace = tmp_path / "workspace"
    library = SkillLibrary.open(workspace / "library", HashEmbedder())
    await admit(
        library,
        tmp_path / "made",
        base=digest_of(tmp_path / "base.gguf"),
        gguf=(tmp_path / "a.gguf").read_bytes(),
    )
    await library.close()
    settings = load_settings(tmp_path, {}, {"model.context": 8192, "model.max_tokens": 24})
    agent = make_agent(workspace=workspace, settings=settings)
    model = open_model(f"local/{tmp_path / 'base.gguf'}", settings.model)
    agent._model = model
    done = await attempt(agent, shop)
    assert model.local is not None and model.local.adapters == ("logging-in@1",)
    assert done.steps and all(step.skills[-1:] == ("logging-in@1",) for step in done.steps)
    model.local.close()
