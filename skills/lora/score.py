"""How well a mix of adapters predicts examples: what choosing a mix, and a gate, compare by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .attach import attached, lowest, set_mix
from .base import Base
from .extras import torch
from .forward import Forward
from .layout import read_adapter
from .pack import grouped, packs
from .tokens import Example

LossOf = Callable[[Sequence[float]], float]
"""Strengths of the adapters, in order, to the loss in nats a token to learn."""


@contextmanager
def mix_loss(
    base: Base, folders: Sequence[Path], examples: Sequence[Example], room: int = 3072
) -> Iterator[LossOf]:
    """The loss of examples under any mix of these adapters; all zero is the bare base.

    The layers below the lowest adapted one are computed once for all mixes.
    """
    adapters = [read_adapter(folder) for folder in folders]
    groups = grouped(examples)
    every = packs(examples, groups, range(len(examples)), room)
    counted = sum(sum(example.loss) for example in examples)
    with attached(base, folders) as names:
        first = lowest(adapters) if adapters else base.shape.layers - 1
        forward = Forward(base.model, examples, groups, first)

        def loss_of(strengths: Sequence[float]) -> float:
            set_mix(base, dict(zip(names, strengths, strict=True)))
            with torch().no_grad():
                return sum(float(forward.loss(pack)) for pack in every) / counted

        yield loss_of


def loss(base: Base, folder: Path | None, examples: Sequence[Example]) -> float:
    """The loss of examples under one adapter, or under the bare base; nats a token to learn."""
    with mix_loss(base, [folder] if folder else [], examples) as loss_of:
        return loss_of([1.0] if folder else [])
