"""Task, Step, Trajectory, Outcome: the JSON values that remember one attempt.

Plain text and numbers only: this room knows neither sandboxes nor models, and whoever sees both
sides (act, trial) converts. Every value survives `to_json` / `from_json` unchanged.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Reset = Literal["full", "read-only", "none"]
Effect = Literal["read", "idempotent", "effect"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What one attempt may spend."""

    steps: int = 8
    """Steps (actions run in the sandbox)."""
    seconds: float = 180.0
    """Wall-clock seconds."""
    tokens: int = 30_000
    """Model tokens, prompt and reply together."""


@dataclass(frozen=True, slots=True)
class Task:
    """A goal in words and where it starts. The check itself stays with the suite."""

    id: str
    goal: str
    url: str = ""
    check: str | None = None
    """The id of the check that decides; never the check."""
    reset: Reset = "none"
    """What the start can be put back to; trials of effectful skills need `full`."""
    budget: Budget = Budget()
    family: str = ""
    """The suite's bookkeeping: recall, routing, binding and prompts never read it."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an attempt did its task, and who says so."""

    success: bool | None
    judge: Literal["check", "evaluator", "person", "none"] = "none"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One primitive call that crossed from the sandbox to the host."""

    sequence: int
    primitive: str
    args: dict[str, Any]
    effect: Effect
    reply: Any = None
    error: str | None = None
    """A sentence when the call failed."""
    view: str = ""
    """What was in view just before, as JSON text (`sandbox.base.View`); empty for reads."""
    answered: bool = True
    """False when the run ended before the reply came: in doubt if `effect` is `effect`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action, what it did, and what it cost."""

    number: int
    action: str
    """The Python that ran."""
    observation: str
    """What the agent sees afterwards."""
    calls: tuple[Call, ...] = ()
    error: str | None = None
    prompt_tokens: int = 0
    reply_tokens: int = 0
    model_calls: int = 0
    seconds: float = 0.0
    skills: tuple[str, ...] = ()
    """`name@version` of each skill the step called."""
    screenshot: str = ""
    """File name of a screenshot kept beside the journal, if one was taken."""
    reflection: str = ""
    prompt: str = ""
    """What the model was shown for this step; empty when no model was asked."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The steps of one attempt, how it ended, and where it came from."""

    id: str
    task: Task
    steps: tuple[Step, ...] = ()
    outcome: Outcome = Outcome(None)
    model: str = ""
    seed: int = 0
    """The sampling seed of the model."""
    source: Literal["agent", "person", "direct"] = "agent"
    taint: str = ""
    """Why no skill may come from this without a person's review; empty when clean."""
    created: float = 0.0
    """Seconds since the epoch."""
    seconds: float = 0.0
    final_view: str = ""
    """What was in view at the end, as JSON text."""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Model tokens spent, prompt and reply together."""
        return sum(step.prompt_tokens + step.reply_tokens for step in self.steps)

    @property
    def model_calls(self) -> int:
        """Requests answered by a model."""
        return sum(step.model_calls for step in self.steps)


def to_json(trajectory: Trajectory) -> str:
    """Write a trajectory as one line of JSON."""
    return json.dumps(asdict(trajectory), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Trajectory:
    """Read back what `to_json` wrote. Raises ValueError naming what is wrong."""
    try:
        data = json.loads(text)
        task = data.pop("task")
        steps = data.pop("steps")
        outcome = Outcome(**data.pop("outcome"))
        return Trajectory(
            task=task_from(task),
            steps=tuple(step_from(step) for step in steps),
            outcome=outcome,
            **data,
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a trajectory: {error}") from error


def task_from(data: dict[str, Any]) -> Task:
    """Read a task from its JSON object."""
    return Task(**{**data, "budget": Budget(**data.get("budget", {}))})


def step_from(data: dict[str, Any]) -> Step:
    """Read a step from its JSON object."""
    calls = tuple(Call(**call) for call in data.get("calls", ()))
    return Step(**{**data, "calls": calls, "skills": tuple(data.get("skills", ()))})
