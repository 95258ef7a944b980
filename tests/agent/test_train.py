"""The whole way of an adapter: attempts in a journal, training, the files, llama.cpp, the library."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("gguf")
pytest.importorskip("journeyman.skills.lora.train")

from journeyman.agent import AdapterMissing
from journeyman.agent.cli import main
from journeyman.agent.config import Settings, load_settings
from journeyman.agent.identity import digest_of
from journeyman.agent.local import LocalModel
from journeyman.agent.made import candidate_of, load
from journeyman.agent.strengths import strengths
from journeyman.agent.suites.base import EXAM_SEEDS
from journeyman.agent.train import looked_over, shape_of, train_adapter
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Outcome, Step, Task
from journeyman.skills import SkillError
from journeyman.skills.library import SkillLibrary
from journeyman.skills.lora.compose import compose
from journeyman.skills.lora.recipe import Progress, Recipe

WORDS = (
    "red",
    "blue",
    "green",
    "black",
    "white",
    "grey",
    "pink",
    "gold",
    "teal",
    "lime",
    "plum",
    "sand",
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Qwen2 of the tests of training."""
    place = Path(__file__).parents[1] / "skills/lora/conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_qwen", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: Path = module._write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    return path


@pytest.fixture
def settings(weights: Path, tmp_path: Path) -> Settings:
    given = {"model.name": f"local/{weights}", "workspace": tmp_path / "w"}
    return load_settings(tmp_path, {}, given)


async def attempts(settings: Settings, seeds: range) -> None:
    """Solved tasks of one family, a step each."""
    journal = await Journal.open(settings.workspace / "journal.sqlite")
    for seed in seeds:
        word = WORDS[seed % len(WORDS)]
        task = Task(
            f"s:press:{seed}", f"Press {word}.", url="http://a.test/p.html", family="press", seed=seed,
            reset="full",
        )  # fmt: skip
        name = f"t-{seed}"
        await journal.begin(name, task, settings.model.name)
        prompt = f'Goal: Press {word}.\nOn the page:\nbutton "{word}"\nCalls:'
        step = Step(
            1, f'click("button", "{word}")', "", prompt=prompt, model_calls=1, prompt_tokens=9
        )
        await journal.add_step(name, step)
        await journal.finish(name, Outcome(True, "check"))
    await journal.close()


async def test_what_was_solved_becomes_an_adapter_that_is_served(
    settings: Settings, weights: Path
) -> None:
    await attempts(settings, range(24))
    await attempts(settings, range(EXAM_SEEDS, EXAM_SEEDS + 3))
    said: list[Progress] = []
    made, trained = await train_adapter(
        settings,
        "press",
        "s",
        ["press"],
        Recipe(epochs=2, rate=3e-3),
        say=said.append,
        device="cpu",
    )
    assert said[-1].step == said[-1].steps == trained.steps
    assert trained.held[-1] < trained.held[0]
    folder = settings.workspace / "adapters/press"
    assert load(folder) == made
    assert made.base == digest_of(weights) and made.origins == ("http://a.test",)
    assert all(int(task.rpartition(":")[2]) < EXAM_SEEDS for task in made.trained)
    assert len(made.examples) == len(set(made.examples)) <= 12
    shape = await asyncio.to_thread(shape_of, settings)
    assert looked_over(folder / "adapter", shape, Recipe().rank) == []
    candidate = candidate_of(made, folder / "adapter")
    assert candidate.about.rank == Recipe().rank and candidate.sources == made.sources
    model = LocalModel(weights, context=512, threads=1)
    await model.serve({"press": folder / "adapter/adapter.gguf"})
    asked = [{"role": "user", "content": "Goal: Press red."}]
    base = await model.first_token(asked)
    assert await model.first_token(asked, {"press": 1.0}) != base
    assert await model.first_token(asked, {"press": 0.0}) == base
    await asyncio.to_thread(model.close)
    # Done already: the same again trains nothing.
    said.clear()
    again, _ = await train_adapter(
        settings,
        "press",
        "s",
        ["press"],
        Recipe(epochs=2, rate=3e-3),
        say=said.append,
        device="cpu",
    )
    assert again == made and said == []


async def test_the_strength_that_suits_solved_tasks_is_found_and_the_mix_written(
    settings: Settings, tmp_path: Path, exam_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await attempts(settings, range(24))
    recipe = Recipe(epochs=2, rate=3e-3)
    made, _ = await train_adapter(settings, "press", "s", ["press"], recipe, device="cpu")
    weights = settings.workspace / "adapters/press/adapter"
    against = tmp_path / "against"
    compose([weights], [-1.0], against)
    found = await strengths(settings, [against, weights], ["press"], few=4)
    assert found.scales[0] == 0 < found.scales[1] and found.loss < found.base
    with pytest.raises(SkillError, match="journeyman practise"):
        await strengths(settings, [weights], ["knock"])

    candidate = candidate_of(made, weights)
    library = SkillLibrary.open(settings.workspace / "library", HashEmbedder())
    await library.admit_adapter(candidate, exam_of(candidate))
    await library.close()
    out = tmp_path / "half"
    told = ("adapters", "mix", "press=0.5", "--out", str(out), "--model", settings.model.name)
    argv = (*told, "--workspace", str(settings.workspace))
    assert await asyncio.to_thread(main, argv) == 0, capsys.readouterr().err
    shape = await asyncio.to_thread(shape_of, settings)
    assert (out / "adapter.gguf").is_file() and looked_over(out, shape, recipe.rank) == []
    assert await asyncio.to_thread(main, argv) == 2
    assert "is there already" in capsys.readouterr().err


async def test_too_little_to_learn_from_and_a_model_elsewhere_are_sentences(
    settings: Settings,
) -> None:
    with pytest.raises(SkillError, match="journeyman practise"):
        await train_adapter(settings, "press", "s", ["press"])
    await attempts(settings, range(2))
    with pytest.raises(SkillError):
        await train_adapter(settings, "press", "s", ["press"])
    hosted = settings.model_copy(
        update={"model": settings.model.model_copy(update={"name": "openai/x"})}
    )
    with pytest.raises(AdapterMissing, match="served elsewhere"):
        await train_adapter(hosted, "press", "s", ["press"])


def test_a_damaged_adapter_is_found_out_before_it_is_served(
    settings: Settings, tmp_path: Path
) -> None:
    shape: Any = shape_of(settings)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_model.bin").write_bytes(b"\x80\x04.")
    (reason,) = looked_over(tmp_path / "adapter", shape, 8)
    assert "pickled" in reason
