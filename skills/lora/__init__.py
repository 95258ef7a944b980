"""Adapter skills: samples from trajectories, training, the gate, serving.

SkillError                 (the skills room)
└── AdapterError           anything that making or serving an adapter raises
    ├── DatasetError       (also ValueError)  samples that cannot be trained on; says what to do
    │   ├── TooFewSamples  how many there are, and how to get more
    │   ├── Contradictory  the same prompt, different replies, and nothing that decides
    │   └── TaskInBoth     a task that is both trained on and held out
    └── NotWritten         (also OSError)     a full disk, a folder that cannot be written
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
