"""A folder with one writer at a time, whose readers work on private copies of finished generations.

The writer holds `<path>.lock` and marks the folder unfinished while it works; a folder whose writer
was killed stays marked, is never read, and is emptied by the next writer. Only for what can be
rebuilt: nothing is synced to the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import MemoryFault

STATE = "state.json"
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""


class Busy(MemoryFault):
    """Another process is writing; ask again."""


class Generations:
    """The folder. Making one touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def current(self) -> int:
        """Grows with every write; 0 where nothing was written."""
        return int(self.state().get("generation", 0))

    @contextmanager
    def writing(self, mark: str, fresh: bool) -> Iterator[Path]:
        """Work in the folder alone; `mark` says what the new generation reflects.

        Emptied first when `fresh` or unfinished. An exception leaves it unfinished. Raises Busy.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock", timeout=PATIENCE)
        try:
            lock.acquire()
        except Timeout as error:
            raise Busy(
                f"{self.path} has been written by another process for {PATIENCE:.0f} s: end it"
            ) from error
        try:
            state = self.state()
            if fresh or state.get("writing"):
                shutil.rmtree(self.path, ignore_errors=True)
            number = int(state.get("generation", 0)) + 1
            self._save({"generation": number, "writing": True})
            yield self.path
            self._save({"generation": number, "mark": mark})
        finally:
            lock.release()

    def copy(self) -> tuple[tempfile.TemporaryDirectory[str], Path, int]:
        """A private copy of the folder: its owner, its path, its generation. Raises Busy."""
        before = self.state()
        owner = tempfile.TemporaryDirectory(prefix="journeyman-index-")
        place = Path(owner.name, "copy")
        try:
            if not before.get("writing"):
                shutil.copytree(self.path, place)
            if before.get("writing") or self.state() != before:
                raise Busy(f"{self.path} is being written, or a writer was killed: ask again")
        except BaseException:
            owner.cleanup()
            raise
        return owner, place, int(before.get("generation", 0))

    def state(self) -> dict[str, Any]:
        """`generation`, `mark`, and `writing` while unfinished; empty where there is none."""
        try:
            state = json.loads((self.path / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _save(self, state: dict[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        beside = self.path / f".{STATE}.{os.getpid()}"
        beside.write_text(json.dumps(state), encoding="utf-8")
        os.replace(beside, self.path / STATE)
