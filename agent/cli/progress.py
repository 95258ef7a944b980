"""What goes on, while it goes on: a live status line on a terminal, sparse plain lines elsewhere.

A `progress` event tells the place by its data, each part optional: `stage` (what is going on),
`done` of `total` (a whole number counts tasks, a float is seconds of a budget), `row` (a
`PracticeRow`).
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from ..events import Event
from ..report_curve import clock
from .plain import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

PLAIN_EVERY = 20.0
"""Seconds between plain lines of the same stage."""


class Progress:
    """Called with each event; a context manager that owns the screen meanwhile."""

    def __init__(self, stage: str = "starting", console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False)
        self._live: Live | None = None
        self._begun = time.monotonic()
        self._said = float("-inf")
        self._task = ""
        self._begin(stage)

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
        row = event.data.get("row")
        if row is not None and row.kind == "admitted":
            self._print(event.text)
        if event.kind == "progress":
            self._move(event)
        elif event.kind == "learn":
            self._task = event.text
        else:
            return
        now = time.monotonic()
        if self._live is None and now - self._said >= PLAIN_EVERY:
            self._said = now
            self.console.print(self.status(), soft_wrap=True)

    def status(self) -> Text:
        """The status line: stage, place, task, time so far, and about how much is left."""
        from rich.text import Text

        parts = [self._stage]
        if isinstance(self._total, float):
            parts.append(f"{clock(self._spent())}/{clock(self._total)}")
        elif self._total:
            parts.append(f"{self._done:.0f}/{self._total}")
        if self._task != self._stage:
            parts.append(self._task)
        parts.append(f"{clock(time.monotonic() - self._begun)} so far")
        left = self.left()
        if left is not None and left >= 1:
            parts.append(f"about {clock(left)} left in this stage")
        # Text, not markup: a task's goal may hold [brackets]; one line, whatever it holds.
        line = " · ".join(" ".join(part.split()) for part in parts if part)
        return Text(plain(line), no_wrap=True, overflow="ellipsis")

    def left(self) -> float | None:
        """Seconds left in this stage; None where nothing is known yet."""
        if isinstance(self._total, float):
            return max(0.0, self._total - self._spent())
        if not self._total or not self._moves:
            return None
        pace = (self._moved_at - self._stage_begun) / self._moves
        waited = time.monotonic() - self._moved_at
        return max(0.0, pace * (self._total - self._done) - waited)

    def _spent(self) -> float:
        """Seconds of the stage's budget spent: as last told, and what has passed since."""
        passed = time.monotonic() - self._moved_at
        return min(float(self._total), self._done + passed)

    def _begin(self, stage: str) -> None:
        self._stage, self._stage_begun = stage, time.monotonic()
        self._moved_at = self._stage_begun
        self._done: float = 0
        self._total: float = 0
        # Counted, since `done` also counts what an earlier run did, in no time at all.
        self._moves = 0

    def _move(self, event: Event) -> None:
        stage = str(event.data.get("stage", self._stage))
        if stage != self._stage:
            self._begin(stage)
            self._said = float("-inf")
        self._task = event.text
        self._total = event.data.get("total", self._total)
        if "done" in event.data:
            self._done, self._moved_at = event.data["done"], time.monotonic()
            self._moves += 1

    def _print(self, text: str) -> None:
        from rich.text import Text

        self.console.print(Text(f"  {plain(text)}"), soft_wrap=True)
