"""A person's own files: one task on a copy of a folder, with no check of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...memory.trajectory import Budget, Outcome, Task
from ...sandbox.base import Export
from ...sandbox.browser import Browser
from ...sandbox.entries import refuse_path
from .. import AgentError
from .base import FILES, MakeSandbox, UnknownSuite

LARGEST = 12_000_000
"""Bytes of all files together; a sandbox holds a little more."""


class FolderTooLarge(AgentError, ValueError):
    """The folder does not fit into a sandbox."""


class Folder:
    """Tasks on a copy of one folder. The folder itself is never written."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.export = Export({}, {})
        """The files as the last attempt left them."""

    def families(self) -> list[str]:
        return []

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        raise UnknownSuite("a folder has no families; give --files and a goal")

    def asked(self, goal: str, budget: Budget) -> Task:
        """The task of doing `goal` on the folder."""
        text = f"{self._folder.resolve()}\n{goal}"
        identity = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Task(id=f"folder:{identity}", goal=goal, url=FILES, reset="full", budget=budget)

    def trial_seeds(self, task: Task) -> Iterator[int]:
        return iter(())

    def files(self, task: Task) -> Mapping[str, bytes]:
        """A copy of every plain file. Raises `FolderTooLarge`, OSError."""
        found: dict[str, bytes] = {}
        size = 0
        for where, folders, names in os.walk(self._folder, onerror=_refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(where, name)
                path = file.relative_to(self._folder).as_posix()
                if (
                    name.startswith(".")
                    or file.is_symlink()
                    or not file.is_file()
                    or refuse_path(path) is not None
                ):
                    continue
                size += file.stat().st_size
                if size > LARGEST:
                    raise FolderTooLarge(
                        f"{self._folder} holds more than {LARGEST:,} bytes: name a smaller folder"
                    )
                found[path] = file.read_bytes()
        return found

    async def verdict(self, task: Task, export: Export, make_sandbox: MakeSandbox) -> Outcome:
        self.export = export
        return Outcome(None, "none", "nothing checks this task; say whether it worked")


def _refuse(error: OSError) -> None:
    """What cannot be read is said: done without it, the task would be another."""
    raise error
