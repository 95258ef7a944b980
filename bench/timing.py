"""Timings kept by name, shown as a table, written as JSON."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table


class Timings:
    """Seconds by name, in the order the names came."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def show(self, title: str, console: Console, against: dict[str, str] | None = None) -> None:
        """Print medians and the worst; `against` names what a name is compared with."""
        against = against or {}
        table = Table(title=title)
        for column in ("what", "runs", "median ms", "worst ms", "ratio", "to"):
            table.add_column(column, justify="left" if column in ("what", "to") else "right")
        for name, seconds in self.seconds.items():
            other = against.get(name, "")
            ratio = f"{self.median(name) / self.median(other):.2f}" if other else ""
            cells = [f"{1000 * self.median(name):.2f}", f"{1000 * max(seconds):.2f}", ratio, other]
            table.add_row(name, str(len(seconds)), *cells)
        console.print(table)

    def write(self, path: Path | None) -> None:
        """Write every figure, in seconds."""
        if path is not None:
            path.write_text(json.dumps(self.seconds, indent=1) + "\n", encoding="utf-8")
