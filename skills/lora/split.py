"""Which tasks are held out: by a hash of the task's id, so that a task never changes sides.

More samples of a task, or more tasks, move no other task, so what an earlier adapter was trained
on is not held out for a later one. Only where a side would be empty, the nearest task is moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from . import DatasetError, TooFewSamples


def place(task: str) -> float:
    """Where a task's id falls between 0 and 1."""
    return int.from_bytes(hashlib.sha256(task.encode()).digest()[:6]) / 2**48


def held_out(tasks: Iterable[str], share: float) -> frozenset[str]:
    """The tasks that are held out, about `share` of them (0 holds out none).

    At least one task stands on each side. Raises TooFewSamples for a single task, DatasetError
    for a share that is not 0 or more and below 1.
    """
    if not 0 <= share < 1:
        raise DatasetError(f"{share} of the tasks cannot be held out: give 0 or more, below 1")
    ordered = sorted(set(tasks), key=lambda task: (place(task), task))
    if not share or not ordered:
        return frozenset()
    if len(ordered) == 1:
        raise TooFewSamples(
            f"all samples are of one task, {ordered[0]}, so none can be held out: practise another"
            " seed or another task of the kind, or hold out none"
        )
    count = sum(place(task) < share for task in ordered)
    return frozenset(ordered[: min(max(count, 1), len(ordered) - 1)])
