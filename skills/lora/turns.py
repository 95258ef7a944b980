"""From a trajectory to samples: a request a step as served, or the whole attempt as a conversation.

A wrong step (it failed, or was reflected on as wrong) stays in view and out of the loss. As served
it stands in the next step's prompt ("Done so far: ... # failed: ...") and yields no sample of its
own; in a conversation its reply stands unmarked, and the reflection and correction after it count.
Source: STeP, arXiv 2505.20023.

Not covered: a step that did no harm and no good; nothing in the journal tells it from a useful one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...memory.trajectory import Step, Trajectory
from .sample import Kind, Message, Prompts, Sample


def unlearnt(step: Step) -> str:
    """Why the reply of a step is not learnt, in words; empty when it is."""
    if step.error or step.reflection:
        return "it went wrong"
    if not step.prompt:
        return "no model was asked"
    if step.skills:
        # The skill's line is taken out of the prompt: its name would come from nowhere.
        return "it calls a skill"
    if not step.action.strip():
        return "the reply was empty"
    return ""


def step_samples(trajectory: Trajectory, prompts: Prompts, kind: Kind = "right") -> list[Sample]:
    """One sample for each step whose reply is learnt: system, prompt, reply."""
    system = Message("system", prompts.system(trajectory))
    return [
        sample_of(trajectory, kind, [
            system,
            Message("user", prompts.strip(step.prompt)),
            Message("assistant", step.action, train=True),
        ])
        for step in trajectory.steps
        if not unlearnt(step)
    ]  # fmt: skip


def conversation(trajectory: Trajectory, prompts: Prompts, kind: Kind = "right") -> Sample | None:
    """The attempt as one sample that ends with its last learnt reply; None if it has none."""
    said = [Message("system", prompts.system(trajectory)), *turns(trajectory.steps, prompts)]
    while said and not said[-1].train:
        said.pop()
    return sample_of(trajectory, kind, said) if said else None


def turns(steps: Iterable[Step], prompts: Prompts, learn: bool = True) -> list[Message]:
    """Prompts and replies in turn; a reflection follows its step as a turn of its own.

    With `learn` false nothing counts and nothing is reflected on: it is all context.
    """
    said: list[Message] = []
    seen = ""
    for step in steps:
        train = learn and not unlearnt(step)
        said.append(Message("user", prompts.strip(step.prompt) or seen))
        said.append(Message("assistant", step.action, train))
        seen = step.error or step.observation
        if learn and step.reflection.strip():
            said += revised(step, step.reflection)
    return said


def revised(step: Step, thought: str) -> list[Message]:
    """What came of a wrong step, and the thought on it, which is learnt."""
    return [
        Message("user", step.error or step.observation),
        Message("assistant", thought, train=True),
    ]


def parting(one: Sequence[Step], other: Sequence[Step], prompts: Prompts) -> int | None:
    """Index of the first step at which two attempts, asked the same until then and there,
    replied differently; None if they were never asked the same and replied differently."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if prompts.strip(left.prompt) != prompts.strip(right.prompt):
            return None
        if left.action != right.action:
            return place if left.prompt else None
    return None


def sample_of(trajectory: Trajectory, kind: Kind, messages: Sequence[Message]) -> Sample:
    """A sample with the provenance of that trajectory."""
    task = trajectory.task
    return Sample(tuple(messages), task.id, task.goal, trajectory.id, kind, task.family)
