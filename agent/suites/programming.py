"""Programming chores on files: each kind of `suites/code` is a family of tasks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache

from ...memory.trajectory import Budget, Outcome, Task
from ...sandbox import SandboxError
from ...sandbox.base import Export, Json, no_page
from ...sandbox.browser import Browser
from .base import EXAM_SEEDS, FILES, TRIAL_SEEDS, MakeSandbox, UnknownSuite
from .code import KINDS, Chore, chore, verdict


class Programming:
    """Chores whose start is files and whose check is a judge of the files that come out."""

    name = "code"

    def families(self) -> list[str]:
        return sorted(KINDS)

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        if family not in KINDS:
            near = difflib.get_close_matches(family, KINDS, 3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise UnknownSuite(f"code has no family {family!r}{hint}")
        return Task(
            id=f"code:{family}:{seed}",
            goal=_chore(family, seed).goal,
            url=FILES,
            check="a judge of the files",
            reset="full",
            budget=Budget(steps=4),
            family=family,
            seed=seed,
        )

    def trial_seeds(self, task: Task) -> Iterator[int]:
        yield from range(TRIAL_SEEDS, EXAM_SEEDS)

    def files(self, task: Task) -> Mapping[str, bytes]:
        return _of(task).files

    async def verdict(self, task: Task, export: Export, make_sandbox: MakeSandbox) -> Outcome:
        """Judge the files; what must be run for that runs in a sandbox of its own."""

        async def ask(code: str, files: Mapping[str, bytes]) -> Json:
            sandbox = make_sandbox()
            try:
                await sandbox.put(files)
                return (await sandbox.run(code, serve=no_page)).value
            except SandboxError:
                return None
            finally:
                await sandbox.close()

        exported = {path: file.data for path, file in export.files.items()}
        wrong = await verdict(_of(task), exported, ask)
        return Outcome(wrong is None, "check", wrong or "")


@lru_cache(maxsize=256)
def _chore(family: str, seed: int) -> Chore:
    return chore(family, seed)


def _of(task: Task) -> Chore:
    assert task.seed is not None
    return _chore(task.family, task.seed)
