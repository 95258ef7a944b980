"""What flows through the graph: plain values. Live parts (page, sandbox, model) are never state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Update = dict[str, Any]
"""What a node changes."""


@dataclass
class AgentState:
    """One run. Observations stay in the journal, which `trajectory` points to."""

    goal: str
    url: str = ""
    trajectory: str = ""
    """Id of the attempt under way, in the journal."""
    attempt: int = 1
    attempts: int = 1
    """How many attempts this run may make; more than one only in practice."""
    lessons: list[str] = field(default_factory=list)
    skills: list[str] = field(default_factory=list)
    """Names of skills that the model may call."""
    mix: dict[str, float] = field(default_factory=dict)
    """`name@version` of the adapters of this run with their scales; fixed once it has begun."""
    direct: str = ""
    """`name@version` of a skill to execute directly."""
    binding: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    history: list[str] = field(default_factory=list)
    """Calls made in this attempt, as the model is reminded of them."""
    note: str = ""
    """What went wrong with the last action, for the model."""
    tried: dict[str, list[str]] = field(default_factory=dict)
    """Digest of a view -> calls not to be made on it again."""
    barred: dict[str, list[str]] = field(default_factory=dict)
    """The same for calls that ended earlier attempts in failure."""
    finished: bool = False
    """The agent has stopped: the page ended, it said done, or a budget is spent."""
    stopped: str = ""
    """Why it stopped, in words."""
    success: bool | None = None
    reason: str = ""
    reflections: list[str] = field(default_factory=list)
