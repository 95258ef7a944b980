"""A failure led back to a success: its first error, a revision, then how it was done right.

Source: Agent-R, arXiv 2501.11425: the failed attempt up to and with its first error, a revision
thought, and from there on a correct attempt that had the same parent, that is, that was asked the
same and replied the same until then. Where no correct attempt has, there is no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...memory.trajectory import Trajectory
from .sample import Message, Prompts, Sample
from .turns import parting, revised, sample_of, turns, unlearnt

FirstError = Callable[[Trajectory], int | None]
"""Judges a failed attempt: index of its first wrong step, None where it cannot tell."""


def marked(failed: Trajectory) -> int | None:
    """The first step that failed or was reflected on as wrong; None if none is marked."""
    wrong = (i for i, step in enumerate(failed.steps) if step.error or step.reflection)
    return next(wrong, None)


def splice(
    failed: Trajectory,
    right: Iterable[Trajectory],
    prompts: Prompts,
    first_error: FirstError = marked,
) -> Sample | None:
    """The failed attempt, led back to the best of the right ones; None without a sibling.

    Where `first_error` cannot tell, the first error is the step that left the right attempt it
    went along with longest. Of several siblings the one with the shortest way on is taken. Only
    the revision and the sibling's learnt replies count in the loss.
    """
    error = first_error(failed)
    siblings = [
        (place, other)
        for other in right
        if other.task.id == failed.task.id
        and (place := parting(failed.steps, other.steps, prompts)) is not None
        and not unlearnt(other.steps[place])
        and error in (None, place)
    ]
    if not siblings:
        return None
    place, sibling = max(siblings, key=lambda one: (one[0], -len(one[1].steps), one[1].id))
    wrong = failed.steps[place]
    said = [
        Message("system", prompts.system(failed)),
        *turns(failed.steps[: place + 1], prompts, learn=False),
        *revised(wrong, wrong.reflection or prompts.revision(failed, wrong)),
        *turns(sibling.steps[place:], prompts),
    ]
    while not said[-1].train:
        said.pop()
    return sample_of(failed, "splice", said)


def splices(
    failed: Sequence[Trajectory],
    right: Sequence[Trajectory],
    prompts: Prompts,
    first_error: FirstError = marked,
) -> list[Sample]:
    """A sample for each failed attempt that has a sibling."""
    made = (splice(one, right, prompts, first_error) for one in failed)
    return [sample for sample in made if sample is not None]
