"""What a run tells while it goes on: typed events, for a terminal, an application or a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "start", "recall", "direct", "plan", "action", "observation", "reflect", "judge", "learn",
    "end", "progress",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, in words, with its figures."""

    kind: Kind
    text: str
    data: dict[str, Any] = field(default_factory=dict)
