"""Where attempts begin: each on a page or files, and in a sandbox, of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..memory.journal import Journal
from ..memory.trajectory import Task
from ..sandbox import PrimitiveRefused, StateUnknown
from ..sandbox.base import Limits, no_page
from ..sandbox.browser import Browser
from ..sandbox.secrets import NO_SECRETS, Secrets
from .episode import Moment, PageEpisode
from .files_episode import FilesEpisode
from .suites.base import FileSuite, MakeSandbox, Suite


@asynccontextmanager
async def open_episode(
    task: Task,
    suite: Suite,
    browser: Browser,
    make_sandbox: MakeSandbox,
    limits: Limits,
    journal: Journal | None = None,
    trajectory: str = "",
    secrets: Secrets = NO_SECRETS,
    trace: Path | None = None,
) -> AsyncIterator[PageEpisode | FilesEpisode]:
    """Begin a task in a sandbox of its own, on its page or files: nothing of the task before.

    With `trace`, a Playwright trace of the page is written there at the end. Raises
    `PrimitiveRefused` for one of a task with secrets.
    """
    if trace is not None and secrets:
        raise PrimitiveRefused("a trace would hold the secrets that are typed: leave one out")
    sandbox = make_sandbox()
    if isinstance(suite, FileSuite):
        try:
            files = FilesEpisode(task, suite, sandbox, limits, make_sandbox)
            await files.begin()
            yield files
        finally:
            await sandbox.close()
        return
    # The sandbox starts while the page loads.
    warm = asyncio.create_task(sandbox.run("pass", serve=no_page))
    try:
        async with browser.page(suite.policy(task), suite.viewport, trace) as page:
            await suite.start(page, task)
            await warm
            yield PageEpisode(task, page, suite, sandbox, limits, journal, trajectory, secrets)
    finally:
        warm.cancel()
        await asyncio.gather(warm, return_exceptions=True)
        await sandbox.close()


class SuiteArena:
    """Implements `skills.trial.Arena` with the practice tasks of a suite."""

    def __init__(
        self,
        suite: Suite,
        browser: Browser,
        make_sandbox: MakeSandbox,
        limits: Limits,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self._suite = suite
        self._browser = browser
        self._make_sandbox = make_sandbox
        self._limits = limits
        self._secrets = secrets

    @asynccontextmanager
    async def open(self, task: Task) -> AsyncIterator[PageEpisode | FilesEpisode]:
        async with open_episode(
            task,
            self._suite,
            self._browser,
            self._make_sandbox,
            self._limits,
            secrets=self._secrets,
        ) as episode:
            yield episode

    async def siblings(self, task: Task) -> AsyncIterator[Task]:
        """Practice tasks of the same family on seeds not used for attempts."""
        for seed in self._suite.trial_seeds(task):
            yield await self._suite.task(task.family, seed, self._browser)

    @asynccontextmanager
    async def resume(self, task: Task, moment: Moment) -> AsyncIterator[PageEpisode]:
        """Begin the task anew and bring it to a moment of an earlier attempt, proved by digest.

        Raises `StateUnknown` where the page does not come back as it was.
        """
        async with self.open(task) as episode:
            if not isinstance(episode, PageEpisode):
                raise StateUnknown("only a page is gone back to in this way; files have snapshots")
            await episode.replay(moment)
            yield episode
