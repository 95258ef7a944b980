"""Rows that exams and practice append to JSON-lines files, and read back after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar


@dataclass(frozen=True, slots=True)
class ExamRow:
    """One exam task: one attempt, judged once after the agent has stopped."""

    family: str
    seed: int
    success: bool
    model_calls: int
    tokens: int
    seconds: float
    trajectory: str = ""
    direct: str = ""
    """`name@version` of the skill that was executed directly, if one was."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PracticeRow:
    """One practice attempt, or one trial of a candidate."""

    at: float
    """Seconds of practice so far."""
    family: str
    seed: int
    kind: str
    """`attempt`, `admitted` or `rejected`."""
    success: bool
    model_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    trajectory: str = ""
    skill: str = ""
    reason: str = ""


Row = TypeVar("Row", ExamRow, PracticeRow)


class Rows(Generic[Row]):
    """An append-only file of rows; a torn last line (a killed writer) is dropped."""

    def __init__(self, path: Path, kind: type[Row]) -> None:
        self.path = path
        self._kind: Callable[..., Row] = kind

    def read(self) -> list[Row]:
        """Every whole row, oldest first."""
        if not self.path.exists():
            return []
        rows: list[Row] = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(self._kind(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return rows

    def append(self, row: Row) -> None:
        """Add one row and sync it. A torn line before it is closed first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell() and not self._whole(file):
                file.write(b"\n")
            file.write(json.dumps(asdict(row), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _whole(file: BinaryIO) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
