"""Sample: one conversation to train on, and which of its words count in the loss.

The default form is what the agent serves: one system message, one user message (the step's prompt,
without the lines that offered skills), one reply. Longer conversations keep wrong replies in view
and out of the loss.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, get_args

from ...memory.trajectory import Step, Trajectory
from . import DatasetError

Role = Literal["system", "user", "assistant"]
Kind = Literal["right", "splice", "rehearsal"]
"""From a success; a failure led back to one (AGENTR); the model's own right answer (SSR)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `train`: its words count in the loss; only an assistant's may."""

    role: Role
    content: str
    train: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation that ends with a reply to learn. Raises DatasetError for anything else."""

    messages: tuple[Message, ...]
    task: str
    """Id of the task, by which samples are split."""
    goal: str = ""
    trajectory: str = ""
    kind: Kind = "right"
    family: str = ""
    """The suite's bookkeeping, for counts and an even choice; it stands in no message."""

    def __post_init__(self) -> None:
        if not isinstance(self.task, str) or not self.task:
            raise DatasetError("a sample names no task: give the id by which it is split")
        if not self.messages or not self.messages[-1].train:
            raise DatasetError(f"a sample of {self.task} does not end with a reply to learn")
        for message in self.messages:
            if not isinstance(message.content, str):
                raise DatasetError(f"a sample of {self.task} has a turn that is no text")
            if message.role not in get_args(Role):
                raise DatasetError(f"a sample of {self.task} has a turn by {message.role!r}")
            if message.train and message.role != "assistant":
                raise DatasetError(f"a sample of {self.task} trains on the {message.role}'s words")
            if message.train and not message.content.strip():
                raise DatasetError(f"a sample of {self.task} trains on an empty reply")
        if self.kind not in get_args(Kind):
            raise DatasetError(f"a sample of {self.task} is of an unknown kind, {self.kind!r}")

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All that stands before the last reply."""
        return self.messages[:-1]

    @property
    def reply(self) -> str:
        """The last reply, which always counts."""
        return self.messages[-1].content

    @property
    def key(self) -> str:
        """Tells prompts apart: sha256 of the roles and words before the last reply."""
        return sha([[message.role, message.content] for message in self.prompt])

    @property
    def digest(self) -> str:
        """Tells samples apart: sha256 of roles, words and what counts; not where they came from."""
        return sha([[m.role, m.content, m.train] for m in self.messages])


class Prompts(Protocol):
    """How the agent asks its model; it implements this, since skills know no agent."""

    def system(self, trajectory: Trajectory) -> str:
        """The system message of its requests."""
        ...

    def strip(self, prompt: str) -> str:
        """A step's prompt as it would have been with no skill to call."""
        ...

    def revision(self, trajectory: Trajectory, step: Step) -> str:
        """What the agent should say on noticing that a step was wrong."""
        ...


def sha(value: object) -> str:
    """Hex sha256 of a JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def to_row(sample: Sample) -> dict[str, Any]:
    """A sample as a JSON object that TRL reads as `messages`, with its digest."""
    return {**asdict(sample), "messages": [asdict(m) for m in sample.messages],
            "digest": sample.digest}  # fmt: skip


def from_row(row: Mapping[str, Any]) -> Sample:
    """Read back what `to_row` wrote. Raises DatasetError for another shape or a changed text."""
    try:
        fields = {key: value for key, value in row.items() if key != "digest"}
        turns: Sequence[Mapping[str, Any]] = fields.pop("messages")
        sample = Sample(messages=tuple(Message(**turn) for turn in turns), **fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"not a sample: {error}") from error
    if row.get("digest", sample.digest) != sample.digest:
        raise DatasetError(f"a sample of {sample.task} was changed after it was written")
    return sample
