"""One event of a run as lines for a terminal, for `journeyman run` and the REPL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...memory.trajectory import Trajectory
from ..events import Event
from .plain import plain

if TYPE_CHECKING:
    from rich.text import Text

LONGEST = 600
"""Characters of one event that are shown."""
STYLES = {"action": "bold", "direct": "cyan", "learn": "cyan", "reflect": "yellow"}
QUIET = ("start", "progress", "end")
"""Kinds that a person at the terminal needs no line for."""


def line(event: Event) -> Text | None:
    """The event with its kind in the margin; None for what needs no line."""
    from rich.text import Text

    text = event.text.strip()
    if event.kind in QUIET or not text:
        return None
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} …"
    style = STYLES.get(event.kind, "")
    # Text, not markup, and no control characters: a page decides what stands here.
    body = plain(text).replace("\n", "\n" + " " * 13)
    return Text.assemble((f"{event.kind:>11}  ", "dim"), (body, style))


def ending(trajectory: Trajectory) -> str:
    """`solved (check): 3 steps, 4 model calls, 2,310 tokens, 8.1 s`."""
    outcome = trajectory.outcome
    verdict = {True: "solved", False: "not solved", None: "done, not judged"}[outcome.success]
    said = verdict if outcome.judge == "none" else f"{verdict} ({outcome.judge})"
    cost = (
        f"{_count(len(trajectory.steps), 'step')}, {_count(trajectory.model_calls, 'model call')}, "
        f"{trajectory.tokens:,} tokens, {trajectory.seconds:.1f} s"
    )
    reason = f": {outcome.reason}" if outcome.reason and outcome.success is not True else ""
    return plain(f"{said}{reason}; {cost}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
