"""Dataset: what an adapter is trained on and what is held out, built from trajectories.

Only attempts that a check found right and nothing taints; never a task of an exam. Duplicates and
outvoted replies go (`settle.py`), tasks stand on one side only (`split.py`), the model's own right
answers are mixed in (`rehearse.py`). The same trajectories give the same dataset in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ...memory.trajectory import Task, Trajectory
from . import TaskInBoth, TooFewSamples
from .pairs import Pair, pairs
from .rehearse import mix, own_words
from .sample import Kind, Prompts, Sample, sha
from .settle import Settled, settle
from .splice import FirstError, marked, splices
from .split import held_out, place
from .turns import conversation, step_samples, unlearnt


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a dataset is made of."""

    form: Literal["steps", "conversation"] = "steps"
    """A request a step, as the agent serves it; or whole attempts, with first-error splices."""
    held_out: float = 0.2
    """Share of the tasks that is held out."""
    rehearsal: float = 0.25
    """Share of the training samples that are the model's own right answers, where it has them."""
    least: int = 8
    """Training samples needed, rehearsal of other tasks not counted."""
    contradictory: float = 0.2
    """Share of the prompts that may be left out because their replies contradict one another."""
    judges: tuple[str, ...] = ("check",)
    """Whose word on success counts."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples to train on and samples held out. Raises TaskInBoth if a task is among both."""

    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...] = ()
    pairs: tuple[Pair, ...] = ()
    """Preference pairs of the training tasks."""
    left_out: tuple[tuple[str, int], ...] = ()
    """Why attempts, steps and samples were left out, and how many each time."""

    def __post_init__(self) -> None:
        learnt = [(sample.task, sample.key) for sample in self.train]
        learnt += [(pair.task, pair.key) for pair in self.pairs]
        held = {sample.task for sample in self.held_out}
        unseen = {sample.key for sample in self.held_out}
        for what, tasks in (
            ("tasks", {task for task, _ in learnt if task in held}),
            ("prompts", {f"one of {task}" for task, key in learnt if key in unseen}),
        ):
            if tasks:
                raise TaskInBoth(
                    f"{len(tasks)} {what} are both trained on and held out"
                    f" ({', '.join(sorted(tasks)[:5])}): move each to one side, or the held-out"
                    " score says nothing"
                )

    @property
    def digest(self) -> str:
        """Tells datasets apart: sha256 of the digests on each side, in order."""
        sides = (self.train, self.held_out, self.pairs)
        return sha([[item.digest for item in side] for side in sides])


def build(
    trajectories: Iterable[Trajectory],
    prompts: Prompts,
    *,
    is_exam: Callable[[Task], bool],
    own: Iterable[Trajectory] = (),
    recipe: Recipe = Recipe(),
    first_error: FirstError = marked,
) -> Dataset:
    """Make a dataset. `own`: attempts of the model to be trained, made with no adapter.

    Raises TooFewSamples, Contradictory; each says how many there are and what to do.
    """
    left: Counter[str] = Counter()
    right, failed = _sorted_out(trajectories, is_exam, recipe, left)
    mine, _ = _sorted_out(own, is_exam, recipe, Counter())
    steps = {one.id: len(one.steps) for one in (*right, *failed, *mine)}
    answers = settle(_samples(mine, prompts, recipe, "rehearsal"), steps).samples
    made = own_words(_samples(right, prompts, recipe), answers)
    for one in right:
        left.update(f"steps: {why}" for step in one.steps if (why := unlearnt(step)))
    if recipe.form == "conversation":
        made += splices(failed, right, prompts, first_error)
    settled = settle(made, steps)
    _count(settled, left)
    settled.require(recipe.contradictory)

    held = held_out({sample.task for sample in settled.samples}, recipe.held_out)
    train = [sample for sample in settled.samples if sample.task not in held]
    kept_back = tuple(sample for sample in settled.samples if sample.task in held)
    if len(train) < recipe.least:
        raise TooFewSamples(_too_few(train, right, recipe, left))

    def trainable(task: str) -> bool:
        return task not in held and (task in tasks or place(task) >= recipe.held_out)

    tasks = {sample.task for sample in train}
    unseen = {sample.key for sample in kept_back}
    spare = [sample for sample in answers if trainable(sample.task)]
    mixed = mix(train, spare, recipe.rehearsal, unseen)
    preferred = [
        pair
        for pair in pairs(right, failed, prompts)
        if trainable(pair.task) and pair.key not in unseen
    ]
    return Dataset(
        train=tuple(sorted(mixed, key=lambda sample: sample.digest)),
        held_out=kept_back,
        pairs=tuple(preferred),
        left_out=tuple(sorted((why, count) for why, count in left.items() if count)),
    )


def _sorted_out(
    trajectories: Iterable[Trajectory],
    is_exam: Callable[[Task], bool],
    recipe: Recipe,
    left: Counter[str],
) -> tuple[list[Trajectory], list[Trajectory]]:
    """The clean successes and the clean failures, each by id; others are counted in `left`."""
    right, failed = [], []
    for one in sorted({one.id: one for one in trajectories}.values(), key=lambda one: one.id):
        why = _unfit(one, is_exam, recipe)
        left[f"attempts: {why}"] += bool(why)
        if not why:
            right.append(one)
        elif why == FAILED:
            failed.append(one)
    return right, failed


FAILED = "failed"


def _unfit(one: Trajectory, is_exam: Callable[[Task], bool], recipe: Recipe) -> str:
    if is_exam(one.task):
        return "of an exam"
    if one.taint:
        return "tainted by what a page said"
    if one.outcome.success is None:
        return "not finished or not judged"
    if one.outcome.judge not in recipe.judges:
        return f"judged by {one.outcome.judge}, not by {' or '.join(recipe.judges)}"
    return "" if one.outcome.success else FAILED


def _samples(
    right: Sequence[Trajectory], prompts: Prompts, recipe: Recipe, kind: Kind = "right"
) -> list[Sample]:
    if recipe.form == "steps":
        return [sample for one in right for sample in step_samples(one, prompts, kind)]
    whole = (conversation(one, prompts, kind) for one in right)
    return [sample for sample in whole if sample is not None]


def _count(settled: Settled, left: Counter[str]) -> None:
    left["samples: said again"] += settled.duplicates
    left["samples: another reply was better founded"] += settled.outvoted
    left["prompts: replies contradict one another"] += len(settled.contradictory)


def _too_few(
    train: Sequence[Sample], right: Sequence[Trajectory], recipe: Recipe, left: Counter[str]
) -> str:
    tasks = len({sample.task for sample in train})
    beside = "; ".join(f"{count} {why}" for why, count in sorted(left.items()) if count)
    return (
        f"{len(train)} training samples of {tasks} tasks are too few, {recipe.least} are needed:"
        f" {len(right)} attempts succeeded, so practise more (journeyman practise), with more"
        " attempts a task or a stronger model" + (f" (left out: {beside})" if beside else "")
    )
