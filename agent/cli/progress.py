"""What goes on, while it goes on: a live status line on a terminal, sparse plain lines elsewhere.

A `progress` event tells the place by its data, each part optional: `stage` (what is going on),
`task`, `done` of `total` (a whole number counts things, any other is seconds of a budget), `left`
(seconds, where the sender knows better than a straight line).
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..events import Event
from ..report_curve import clock

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

PLAIN_EVERY = 15.0
"""Seconds between plain lines of the same stage."""
KEPT_KINDS = ("learn",)
"""Kinds of event that stay on the screen; the rest only moves the status line."""


class Progress:
    """Called with each event; a context manager that owns the screen meanwhile."""

    def __init__(self, stage: str = "starting", console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False)
        self._live: Live | None = None
        self._begun = self._stage_begun = self._told = time.monotonic()
        self._said = float("-inf")
        self._stage, self._task = stage, ""
        self._placed = False
        self._done: float = 0
        self._total: float = 0
        self._first = 0.0
        self._left: float | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            from rich.live import Live

            self._live = Live(
                console=self.console,
                get_renderable=self.status,
                refresh_per_second=4,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        """Take one event in."""
        if event.kind == "progress":
            self._move(event)
        elif event.kind in KEPT_KINDS:
            self._print(event.text)
        if event.kind == "progress" and self._live is None:
            now = time.monotonic()
            if now - self._said >= PLAIN_EVERY:
                self._said = now
                self.console.print(self.status())

    def status(self) -> Text:
        """The status line: stage, place, task, time so far, and about how much is left."""
        from rich.text import Text

        parts = [self._stage]
        if self._total:
            done, total = self._done, self._total
            timed = isinstance(total, float)
            parts.append(f"{clock(done)}/{clock(total)}" if timed else f"{done:.0f}/{total}")
        if self._task:
            parts.append(self._task)
        parts.append(clock(time.monotonic() - self._begun))
        left = self.left()
        if left is not None:
            parts.append(f"about {clock(left)} left")
        # Text, not markup: a task's goal may hold [brackets]; one line, whatever it holds.
        return Text(" · ".join(" ".join(part.split()) for part in parts), no_wrap=True)

    def left(self) -> float | None:
        """Seconds left, as told or from the pace of this stage; None where nothing is known."""
        spent = time.monotonic() - self._stage_begun
        if self._left is not None:
            return max(0.0, self._left - (time.monotonic() - self._told))
        if isinstance(self._total, float):
            return max(0.0, self._total - self._done)
        moved = self._done - self._first
        if not self._total or moved <= 0:
            return None
        return max(0.0, spent / moved * (self._total - self._done))

    def _move(self, event: Event) -> None:
        data: dict[str, Any] = event.data
        stage = str(data.get("stage", "") or self._stage)
        self._done = data.get("done", self._done)
        if stage != self._stage or not self._placed:
            # What an earlier run did already is no measure of this one's pace.
            self._stage_begun, self._first = time.monotonic(), self._done
            self._stage, self._placed, self._said = stage, True, float("-inf")
            self._total, self._left = 0, None
        self._total = data.get("total", self._total)
        self._task = str(data.get("task", event.text))
        if "left" in data:
            self._left, self._told = float(data["left"]), time.monotonic()

    def _print(self, text: str) -> None:
        from rich.text import Text

        self.console.print(Text(f"  {text}"))
