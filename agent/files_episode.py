"""One attempt at a task that starts from files: a sandbox of its own that holds them.

What it shows is told from inside the sandbox, and what is judged is the files exported from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..memory.trajectory import Call, Outcome, Task
from ..sandbox import StateUnknown, peek
from ..sandbox.base import Json, Limits, Result, Sandbox, Snapshot, View, no_page
from ..sandbox.bounds import EVERYTHING, Bounds
from .suites.base import FileSuite, MakeSandbox

PEEK = Path(peek.__file__).read_text(encoding="utf-8")


class FilesEpisode:
    """Implements `skills.trial.Episode` on the work area of a sandbox."""

    def __init__(
        self,
        task: Task,
        suite: FileSuite,
        sandbox: Sandbox,
        limits: Limits,
        make_sandbox: MakeSandbox,
    ) -> None:
        self.task = task
        self._suite = suite
        self._sandbox = sandbox
        self._limits = limits
        self._make_sandbox = make_sandbox
        self._view: View | None = None
        self._verdict: Outcome | None = None
        self._lost = ""

    async def begin(self) -> None:
        """Put the task's files into the sandbox."""
        await self._sandbox.put(self._suite.files(self.task))

    async def run(
        self,
        code: str,
        library: Mapping[str, str] | None = None,
        bounds: Bounds = EVERYTHING,
        *,
        seconds: float | None = None,
    ) -> Result:
        """Run code where the files are. A program has no page, so there is nothing to bound."""
        limits = self._limits if seconds is None else replace(self._limits, seconds=seconds)
        kept, before = await self._keep(), self._sandbox.losses
        result = await self._sandbox.run(code, serve=no_page, library=library, limits=limits)
        if self._sandbox.losses != before:
            # The run had to be ended with its sandbox: it is as if it had changed nothing.
            if kept is None:
                self._lost = f"the files were lost with the sandbox: {result.error}"
            else:
                await self._sandbox.restore(kept)
        self._view = None
        return result

    async def _keep(self) -> Snapshot | None:
        try:
            return await self._sandbox.snapshot()
        except StateUnknown:
            return None

    async def view(self, quiet: float | None = None) -> View:
        """The files as a person would see them at a glance."""
        if self._view is None:
            told = await self._sandbox.run(
                "from library import peek\npeek()", serve=no_page, library={"peek": PEEK}
            )
            self._view = View(self.task.url, "", (), _listing(told.value))
        return self._view

    async def state(self) -> str:
        """Tells apart what differs in any file; empty where that cannot be known."""
        kept = await self._keep()
        return kept.digest if kept is not None else ""

    async def over(self) -> bool:
        """Work on files has no end of its own."""
        return False

    def calls(self) -> tuple[Call, ...]:
        """No call crosses to the host."""
        return ()

    def excesses(self) -> tuple[str, ...]:
        """Nothing is called that could be beyond a manifest."""
        return ()

    async def verdict(self) -> Outcome:
        """The check's word on the exported files, asked once."""
        if self._verdict is None:
            try:
                if self._lost:
                    raise StateUnknown(self._lost)
                export = await self._sandbox.export()
                self._verdict = await self._suite.verdict(self.task, export, self._make_sandbox)
            except StateUnknown as unknown:
                self._verdict = Outcome(False, "check", str(unknown))
        return self._verdict


def _listing(told: Json) -> str:
    """What `peek` told, as text. It comes from a sandbox: anything may stand there."""
    if not isinstance(told, list):
        return "the files could not be read"
    lines = []
    for item in told:
        match item:
            case [str(path), str(summary)]:
                lines.append(f"{path[:200]}:" if summary else path[:200])
                lines += [f"    {line}" for line in summary[:2000].splitlines()]
    return "\n".join(lines) or "no files"
