"""How a training run is done, what it says on the way, and what it leaves."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from . import DatasetError
from .layout import RANK


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out of a run, given base and data."""

    rank: int = RANK
    """The base's fixed rank; another one only for trials that are never mixed."""
    alpha: float = 2.0 * RANK
    """LoRA's scale times the rank."""
    layers: int | None = None
    """How many of the upper layers are adapted; all of them if None. Fewer are cheaper: the layers
    below are computed once an example, not once an epoch."""
    epochs: int = 3
    batch: int = 8
    """Examples a step."""
    room: int = 3072
    """Tokens a forward; a batch is cut into as many as it takes. Bounds memory: about 0.1 MB a
    token and adapted layer for a 0.5B base."""
    rate: float = 2e-4
    """The highest learning rate."""
    warmup: float = 0.05
    """The part of the steps in which the rate rises; then it falls as a cosine."""
    decay: float = 0.0
    """AdamW's weight decay."""
    clip: float = 1.0
    """The highest norm of a step's gradient."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch", "room", "alpha", "rate", "clip"):
            if not getattr(self, name) > 0:
                raise DatasetError(
                    f"a recipe's {name} is {getattr(self, name)}: it has to be above 0"
                )
        if self.layers is not None and self.layers < 1:
            raise DatasetError("a recipe adapts no layer: set layers to 1 or more, or to None")
        if not 0 <= self.warmup < 1:
            raise DatasetError(f"a recipe's warmup is {self.warmup}: it is a part of the steps")

    def steps(self, examples: int) -> int:
        """Steps of the whole run."""
        return self.epochs * math.ceil(examples / self.batch)

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = max(1, round(self.warmup * steps))
        if step < rising:
            return self.rate * (step + 1) / rising
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each step."""

    step: int
    """Steps done."""
    steps: int
    loss: float
    """Nats a token to learn, over this step's examples."""
    tokens_per_second: float
    """Tokens of the examples, shared ones counted each time, over this step."""
    seconds: float
    """Spent on the run so far, resumed parts together."""
    left: float
    """Estimate of the seconds to go; too high in the first epoch, which fills the cache."""


Say = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run left."""

    adapter: Path
    """The adapter's folder, in PEFT's form."""
    curve: Path
    """The loss curve: a JSON object a step, one a line."""
    steps: int
    tokens: int
    seconds: float
    loss: float
    """Mean over the last epoch, nats a token to learn."""
    held: tuple[float, ...]
    """The held-out examples' loss before the first epoch and after each."""


def run_digest(recipe: Recipe, base: str, data: str, held: str) -> str:
    """Tells runs apart: sha256 over recipe, base and data."""
    text = json.dumps([asdict(recipe), base, data, held], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def recipe_from(data: dict[str, object]) -> Recipe:
    """A recipe from its JSON object. Raises DatasetError for an unknown name or a wrong value."""
    known = {field.name for field in fields(Recipe)}
    if unknown := sorted(set(data) - known):
        raise DatasetError(f"a recipe has no {unknown[0]}: it has {', '.join(sorted(known))}")
    try:
        return Recipe(**data)  # type: ignore[arg-type]
    except TypeError as error:
        raise DatasetError(f"not a recipe: {error}") from error
