"""Adapter skills: samples from trajectories, training, the gate, serving.

SkillError                 (the skills room)
└── AdapterError           anything that making or serving an adapter raises
    ├── DatasetError       (also ValueError)  samples that cannot be trained on; says what to do
    │   ├── TooFewSamples  how many there are, and how to get more
    │   ├── Contradictory  the same prompt, different replies, and nothing that decides
    │   └── TaskInBoth     a task that is both trained on and held out
    ├── NotWritten         (also OSError)     a full disk, a folder that cannot be written
    ├── ExtraMissing       (also ImportError) a package of `journeyman[train]` that is not here
    ├── BaseUnusable       (also ValueError)  weights that cannot be trained on; says why
    ├── AdapterBroken      (also ValueError)  an adapter that is refused; `reasons` are sentences
    └── TrainingStopped    (also RuntimeError) a run that cannot go on; says what it kept
        └── LossNotFinite  (also ArithmeticError)
"""

from __future__ import annotations

from .. import SkillError


class AdapterError(SkillError):
    """Anything that making or serving an adapter raises."""


class DatasetError(AdapterError, ValueError):
    """Samples that cannot be trained on."""


class TooFewSamples(DatasetError):
    """Fewer samples than training needs."""


class Contradictory(DatasetError):
    """Too many prompts with different replies, and nothing that decides between them."""


class TaskInBoth(DatasetError):
    """A task, or a sample, that is both trained on and held out."""


class NotWritten(AdapterError, OSError):
    """A file or folder that could not be written."""


class ExtraMissing(AdapterError, ImportError):
    """A package that only training needs is not installed."""


class BaseUnusable(AdapterError, ValueError):
    """Base weights that cannot be trained on."""


class AdapterBroken(AdapterError, ValueError):
    """An adapter is refused; `reasons` are sentences."""

    def __init__(self, place: object, reasons: list[str]) -> None:
        super().__init__(f"the adapter {place} is refused: " + "; ".join(reasons))
        self.reasons = reasons


class TrainingStopped(AdapterError, RuntimeError):
    """A training run cannot go on; the message says what it kept."""


class LossNotFinite(TrainingStopped, ArithmeticError):
    """The loss or a gradient is no number any more."""
