"""Which adapter a task is for, if any: the likeness of its goal to the goals of each adapter.

"None" is an answer: an adapter is taken only from its own `near` on, which `calibrate` sets between
the goals it was trained for and goals of other kinds. Adapters for another base, or for other
sites, are no choice. Source: LoraRetriever, arXiv 2402.09997 (an adapter is found by a few samples
of its training data).

Not covered: hundreds of adapters, whose examples would want an index; and tasks that need two at
once, for which a caller names the mix.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...memory.embed import Embedder
from ..adapter import Adapter
from ..library import SkillLibrary
from ..skill import Skill

NEAREST = 3
"""Examples whose likeness counts."""
LEAST, MOST = 0.3, 0.9
"""Bounds of what `calibrate` sets."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An adapter that a task was routed to."""

    skill: Skill
    likeness: float


async def route(library: SkillLibrary, goal: str, base: str, site: str = "") -> Choice | None:
    """The adapter in service that the goal is most like; None where it is like none.

    `base` is the sha256 of the model's weights, `site` the origin the task begins at.
    """
    able = [
        skill
        for skill in library.adapters(base)
        if not skill.current.manifest.origins or site in skill.current.manifest.origins
    ]
    if not base or not able:
        return None
    embedder = await library.embedder()
    adapters = [skill.current.adapter for skill in able if skill.current.adapter is not None]
    scores = await asyncio.to_thread(likenesses, embedder, goal, adapters)
    best: Choice | None = None
    for skill, adapter, score in zip(able, adapters, scores, strict=True):
        if score >= adapter.near and (best is None or score > best.likeness):
            best = Choice(skill, score)
    return best


def likenesses(embedder: Embedder, goal: str, adapters: Sequence[Adapter]) -> list[float]:
    """For each adapter the mean cosine of the goal and its nearest examples. Blocking."""
    texts = list(dict.fromkeys([goal, *(text for item in adapters for text in item.examples)]))
    vectors = dict(zip(texts, embedder.embed(texts), strict=True))
    return [_likeness(vectors[goal], [vectors[t] for t in item.examples]) for item in adapters]


def calibrate(embedder: Embedder, examples: Sequence[str], others: Sequence[str]) -> float:
    """Where "none" begins for an adapter with these examples. Blocking.

    Half way between the least likeness of an example to the rest and the greatest of a goal of
    another kind, where these lie apart; else the value that parts most of them.
    """
    vectors = embedder.embed([*examples, *others])
    own, foreign = vectors[: len(examples)], vectors[len(examples) :]
    inside = [_likeness(v, [*own[:place], *own[place + 1 :]]) for place, v in enumerate(own)]
    outside = [_likeness(vector, own) for vector in foreign]
    if len(own) < 2:
        inside = [1.0] * len(own)
    cuts = sorted({*inside, *outside, LEAST, MOST})
    places = [(low + high) / 2 for low, high in pairwise(cuts)]

    def parted(place: float) -> tuple[float, float]:
        right = sum(score >= place for score in inside) / max(1, len(inside))
        right += sum(score < place for score in outside) / max(1, len(outside))
        edges = [abs(score - place) for score in (*inside, *outside)]
        return right, min(edges, default=0.0)

    return min(MOST, max(LEAST, max(places, key=parted)))


def _likeness(vector: Sequence[float], examples: Sequence[Sequence[float]]) -> float:
    cosines = sorted(
        (sum(a * b for a, b in zip(vector, each, strict=True)) for each in examples), reverse=True
    )[:NEAREST]
    return sum(cosines) / len(cosines) if cosines else 0.0
