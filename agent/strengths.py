"""Strengths: how much of each adapter suits some kinds of tasks, by the loss on a few solved ones.

Source: PSEC, arXiv 2502.05932. It costs some sixty forward passes over a few samples and no
training. Not covered: a choice for each request; one mix is fixed for a run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Settings
from .train import base_file, samples_of
from .weights import cache_folder

if TYPE_CHECKING:
    from ..skills.lora.sample import Sample

FEW = 8
"""Samples the loss is taken on."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """A mix, its loss, and that of the base alone; nats a token to learn."""

    scales: tuple[float, ...]
    loss: float
    base: float


async def strengths(
    settings: Settings,
    folders: Sequence[Path],
    families: Sequence[str],
    *,
    few: int = FEW,
    tell: Callable[[str], None] = lambda text: None,
) -> Strengths:
    """The scales of adapters under which this workspace's solved tasks are the likeliest replies.

    Raises SkillError where nothing of these kinds was solved, the extra `train` is missing, or a
    folder is no adapter for the base; AdapterMissing for a model that is not embedded.
    """
    from ..skills.lora.dataset import Recipe

    path, digest = await asyncio.to_thread(base_file, settings)
    dataset, _ = await samples_of(settings, families, Recipe(held_out=0.0, rehearsal=0.0, least=1))
    every = dataset.train
    samples = [every[place] for place in sorted({n * len(every) // few for n in range(few)})]
    tell(f"the loss on {len(samples)} of {len(every)} samples under mixes")
    return await asyncio.to_thread(_choose, path, digest, folders, samples)


def _choose(
    path: Path, digest: str, folders: Sequence[Path], samples: Sequence[Sample]
) -> Strengths:
    from ..skills.lora.base import load_base
    from ..skills.lora.compose import choose
    from ..skills.lora.score import mix_loss
    from ..skills.lora.tokens import tokenise

    base = load_base(path, cache_folder().parent / "dequantised", "auto", digest)
    examples = [tokenise(base.tokenizer, sample.messages) for sample in samples]
    with mix_loss(base, folders, examples) as loss_of:
        scales, loss = choose(loss_of, len(folders))
        return Strengths(scales, loss, loss_of((0.0,) * len(folders)))
