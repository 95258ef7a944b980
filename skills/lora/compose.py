"""Mixes of adapters: one adapter that is exactly Σ αᵢ·BᵢAᵢ, and the α that suit a context.

Source: PSEC, arXiv 2502.05932 (a library of LoRA primitives over a frozen base, composed by weights
chosen from context). The search needs no gradient, as LoraHub, arXiv 2307.13269.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from . import AdapterBroken
from .layout import Pair, Place, Weights, read_adapter, write_adapter

LossOf = Callable[[Sequence[float]], float]


def compose(folders: Sequence[Path], strengths: Sequence[float], out: Path) -> Path:
    """Write the adapter Σ αᵢ·scaleᵢ·BᵢAᵢ as a folder of its own. The parts are only read.

    Its rank is the sum of theirs: the A stand one above the other, the scaled B side by side.
    Raises AdapterBroken for parts of different bases, NotWritten.
    """
    return write_adapter(out, mixed([read_adapter(folder) for folder in folders], strengths))


def mixed(parts: Sequence[Weights], strengths: Sequence[float]) -> Weights:
    """The exact mix of adapters, in memory."""
    if not parts or len(parts) != len(strengths):
        reason = f"a mix has {len(parts)} adapters and {len(strengths)} strengths: give one each"
        raise AdapterBroken("mix", [reason])
    bases = {part.about.get("base") for part in parts}
    if len(bases) > 1:
        raise AdapterBroken("mix", ["its parts were trained on different bases: train them on one"])
    sizes: dict[Place, tuple[int, int]] = {}
    for part in parts:
        for place, pair in part.pairs.items():
            size = (pair.b.shape[0], pair.a.shape[1])
            if sizes.setdefault(place, size) != size:
                raise AdapterBroken("mix", [f"its parts have different shapes at {place}"])
    rank = sum(part.rank for part in parts)
    pairs = {}
    for place in sorted(sizes):
        out, into = sizes[place]
        # Zeros where a part does not change a place: PEFT wants the same rank everywhere.
        a, b = np.zeros((rank, into), np.float32), np.zeros((out, rank), np.float32)
        start = 0
        for part, strength in zip(parts, strengths, strict=True):
            end = start + part.rank
            if place in part.pairs:
                a[start:end] = part.pairs[place].a
                b[:, start:end] = strength * part.scale * part.pairs[place].b
            start = end
        pairs[place] = Pair(a, b)
    about = {
        "base": parts[0].about.get("base"),
        "base_name": parts[0].about.get("base_name", ""),
        "parts": [
            {"run": part.about.get("run"), "strength": float(strength)}
            for part, strength in zip(parts, strengths, strict=True)
        ],
    }
    return Weights(pairs, rank, float(rank), about)


def choose(
    loss_of: LossOf,
    many: int,
    *,
    tries: int = 60,
    low: float = 0.0,
    high: float = 1.5,
    finest: float = 0.05,
) -> tuple[tuple[float, ...], float]:
    """The strengths with the least loss found, and that loss; never worse than any one adapter
    alone, the even mix, or none at all.

    A compass search: from the best of those, one strength after the other (and each pair against
    one another) by a step that is halved when nothing helps. `tries`: losses computed at most
    beyond the starts. Deterministic. A loss that is no number counts as the worst.
    """
    known: dict[tuple[float, ...], float] = {}

    def tried(point: tuple[float, ...]) -> float:
        if point not in known:
            value = float(loss_of(point))
            known[point] = value if np.isfinite(value) else np.inf
        return known[point]

    alone = [tuple(float(i == j) for j in range(many)) for i in range(many)]
    even = [(1.0 / many,) * many, (1.0,) * many] if many else []
    starts = [(0.0,) * many, *alone, *even]
    best = min(starts, key=tried)
    budget, step = len(known) + tries, 0.5
    while step >= finest and len(known) < budget and many:
        moved = False
        for move in _moves(many):
            point = tuple(
                round(min(high, max(low, x + step * m)), 6) for x, m in zip(best, move, strict=True)
            )
            if tried(point) < tried(best):
                best, moved = point, True
            if len(known) >= budget:
                break
        step = step if moved else step / 2
    return best, tried(best)


def _moves(many: int) -> list[tuple[int, ...]]:
    """Each strength up or down, then each pair against one another."""
    single = [tuple(sign * (i == j) for j in range(many)) for i in range(many) for sign in (1, -1)]
    swaps = [
        tuple((i == k) - (j == k) for k in range(many))
        for i in range(many)
        for j in range(many)
        if i != j
    ]
    return [*single, *swaps]
