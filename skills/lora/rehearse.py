"""The model's own right answers, so that learning one kind of task costs no other.

Source: Selective Self-Rehearsal, arXiv 2409.04787: where the model answers a prompt right itself,
its own words are the target, not another's; and right answers to other tasks are trained on beside.
`own` are samples of attempts that succeeded with no adapter; whoever calls knows which did.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from . import DatasetError
from .sample import Message, Sample


def own_words(samples: Iterable[Sample], own: Iterable[Sample]) -> list[Sample]:
    """The samples, each with the model's own reply where `own` has one to the same prompt.

    Such a sample is then of kind "rehearsal"; its task stays.
    """
    answers = {sample.key: sample for sample in own}
    return [
        sample
        if (answer := answers.get(sample.key)) is None or sample.kind == "splice"
        else replace(
            sample,
            messages=(*sample.prompt, Message("assistant", answer.reply, train=True)),
            trajectory=answer.trajectory,
            kind="rehearsal",
        )
        for sample in samples
    ]


def mix(
    samples: Sequence[Sample], own: Iterable[Sample], share: float, beside: Iterable[str] = ()
) -> list[Sample]:
    """The samples with as many of `own` as make rehearsal `share` (0 to below 1) of the whole.

    Where there are fewer, all are taken. Prompts that the samples have, or whose keys stand in
    `beside`, are passed over. They are taken evenly from the families and then the tasks, and the
    choice does not depend on the order of `own`.
    """
    if not 0 <= share < 1:
        raise DatasetError(f"a share of {share} cannot be rehearsal: give 0 or more, below 1")
    known = {sample.key for sample in samples} | set(beside)
    spare = {s.key: s for s in sorted(own, key=lambda s: s.digest) if s.key not in known}
    had = sum(sample.kind == "rehearsal" for sample in samples)
    # Rounded up, but not for what binary fractions add to a whole number.
    wanted = math.ceil((share * len(samples) - had) / (1 - share) - 1e-9)
    added = evenly(spare.values())[: max(wanted, 0)]
    return [*samples, *(replace(sample, kind="rehearsal") for sample in added)]


def evenly(samples: Iterable[Sample]) -> list[Sample]:
    """The samples so ordered that each beginning holds families, and tasks in them, evenly."""
    ordered = sorted(samples, key=lambda sample: sample.digest)
    families: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in ordered:
        families[sample.family][sample.task].append(sample)
    return _by_turns([_by_turns(list(tasks.values())) for tasks in families.values()])


def _by_turns(lists: Sequence[Sequence[Sample]]) -> list[Sample]:
    longest = max(map(len, lists), default=0)
    return [found[turn] for turn in range(longest) for found in lists if turn < len(found)]
