"""From a workspace's attempts to a trained adapter: samples, training, the served form, a look.

Everything heavy is behind `skills.lora`, and loaded when this runs: `pip install
'journeyman[train]'`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..memory.journal import Journal
from ..memory.trajectory import Task, Trajectory
from ..skills import SkillError
from ..skills.adapter import SERVED_FORM
from ..skills.manifest import origin
from . import AdapterMissing
from .act_page import ENDED
from .config import Settings
from .embedded import LOCAL
from .identity import digest_of
from .made import Made, save, some_goals
from .retell import retold
from .suites.base import EXAM_SEEDS
from .weights import cache_folder, weights_path

if TYPE_CHECKING:
    from ..skills.lora.base import BaseShape
    from ..skills.lora.dataset import Dataset
    from ..skills.lora.dataset import Recipe as DatasetRecipe
    from ..skills.lora.recipe import Progress, Recipe, Trained


async def train_adapter(
    settings: Settings,
    name: str,
    suite: str,
    families: Sequence[str],
    recipe: Recipe | None = None,
    *,
    say: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] = lambda text: None,
    device: str = "auto",
) -> tuple[Made, Trained]:
    """Train an adapter on what this workspace solved of some families; goes on after a kill.

    Raises SkillError (too few or contradictory samples, a loss that is no number, a full disk, the
    extra that is missing), AdapterMissing for a model that is not embedded.
    """
    from ..skills.lora import jsonl

    folder = settings.workspace / "adapters" / name
    path, digest = await asyncio.to_thread(base_file, settings)
    dataset, used = await samples_of(settings, families)
    tell(f"{len(dataset.train)} samples to train on, {len(dataset.held_out)} held out")
    jsonl.save(dataset, folder / f"dataset-{dataset.digest[:12]}")
    trained = await asyncio.to_thread(
        _train, path, digest, dataset, folder, recipe, say, tell, device
    )
    # Not what is rehearsed of other tasks.
    own = [each for each in dataset.train if used[each.trajectory].task.family in families]
    made = Made(
        name=name,
        description=f"Weights for {', '.join(families)} of {suite}, learnt from"
        f" {len(own)} of the agent's own steps."[:1024],
        suite=suite,
        families=tuple(families),
        base=digest,
        base_name=settings.model.name,
        examples=some_goals([sample.goal for sample in own]),
        origins=tuple(sorted({origin(used[sample.trajectory].task.url) for sample in own})),
        trained=tuple(sorted({sample.task for sample in dataset.train})),
        sources=tuple(sorted({sample.trajectory for sample in own})),
        dataset=dataset.digest,
    )
    save(made, folder)
    return made, trained


def base_file(settings: Settings) -> tuple[Path, str]:
    """The weights file of the configured model and its sha256. Blocking. Raises AdapterMissing."""
    name = settings.model.name
    if not name.startswith(LOCAL):
        raise AdapterMissing(
            f"{name} is served elsewhere: adapters are trained for an embedded model (local/…)"
        )
    path = weights_path(name.removeprefix(LOCAL), settings.model.weights)
    return path, digest_of(path)


def shape_of(settings: Settings) -> BaseShape:
    """What an adapter of the configured model has to fit. Blocking: minutes at the first call."""
    from ..skills.lora.base import dequantised, read_shape

    path, digest = base_file(settings)
    return read_shape(dequantised(path, cache_folder().parent / "dequantised", digest))


def looked_over(adapter: Path, shape: BaseShape, rank: int) -> list[str]:
    """What is wrong with an adapter's files, as sentences; its served form is made if it lacks."""
    from ..skills.lora.convert import convert
    from ..skills.lora.inspect import flaws

    found = flaws(adapter, shape, rank, shape.digest)
    if not found and not (adapter / SERVED_FORM).is_file():
        convert(adapter, shape)
    return found


async def samples_of(
    settings: Settings, families: Sequence[str], recipe: DatasetRecipe | None = None
) -> tuple[Dataset, dict[str, Trajectory]]:
    """What this workspace has to train on of some families, and the attempts it comes from by id.

    Raises SkillError where there is too little, or what contradicts itself.
    """
    from ..skills.lora.dataset import Recipe, build
    from .train_prompts import AgentPrompts

    path = settings.workspace / "journal.sqlite"
    if not path.is_file():
        raise SkillError(f"{settings.workspace} holds no attempts: `journeyman practise` first")
    journal = await Journal.open(path, read_only=True)
    try:
        attempts = await journal.all(finished=True)
    finally:
        await journal.close()
    wanted = [one for one in attempts if one.task.family in families]
    # Rehearsed is what the model itself can do, without an adapter.
    own = [one for one in attempts if one.model == settings.model.name and "mix" not in one.extra]
    # A mastered task runs without a model: what its skill did is told as the model would reply.
    done = [one for one in wanted if one.outcome.success and not one.model_calls]
    told = [one for one in map(_retold, done) if one is not None]
    dataset = build(
        [*wanted, *told],
        AgentPrompts(),
        is_exam=_of_an_exam,
        own=own,
        recipe=recipe or Recipe(),
    )
    return dataset, {one.id: one for one in (*attempts, *told)}


def _retold(done: Trajectory) -> Trajectory | None:
    return retold(done, ends=done.extra.get("stopped") == ENDED)


def _of_an_exam(task: Task) -> bool:
    return task.seed is not None and task.seed >= EXAM_SEEDS


def _train(
    path: Path,
    digest: str,
    dataset: Dataset,
    folder: Path,
    recipe: Recipe | None,
    say: Callable[[Progress], None] | None,
    tell: Callable[[str], None],
    device: str,
) -> Trained:
    from ..skills.lora.base import load_base
    from ..skills.lora.convert import convert
    from ..skills.lora.tokens import tokenise
    from ..skills.lora.train import train

    tell("loading the base; the first time takes minutes")
    base = load_base(path, cache_folder().parent / "dequantised", device, digest)

    def examples(samples: Any) -> list[Any]:
        return [tokenise(base.tokenizer, sample.messages) for sample in samples]

    held = examples(dataset.held_out)
    trained = train(base, examples(dataset.train), folder, recipe, say, held=held)
    convert(trained.adapter, base.shape)
    return trained
