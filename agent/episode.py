"""One attempt at a task: a page, a sandbox for code, and every call between them journalled.

Where the worlds meet: only here sandbox values become the plain text that memory keeps. An intent
is written before a call is sent, its answer before the code inside sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from ..memory.journal import Journal
from ..memory.trajectory import Call, Outcome, Task
from ..sandbox import EpisodeOver, PrimitiveFailed, PrimitiveRefused
from ..sandbox.base import Json, Limits, Result, Sandbox, View, view_to_json
from ..sandbox.browser import Browser, PageServer
from ..sandbox.page import LivePage
from ..sandbox.primitives import PRIMITIVES
from .suites.base import Suite

PATIENT = 0.35
"""Seconds a page must be still before the model looks at it: suggestions come that late."""


MakeSandbox = Callable[[], Sandbox]


class PageEpisode:
    """Implements `skills.trial.Episode` on a browser page."""

    def __init__(
        self,
        task: Task,
        page: LivePage,
        suite: Suite,
        sandbox: Sandbox,
        limits: Limits,
        journal: Journal | None = None,
        trajectory: str = "",
    ) -> None:
        self.task = task
        self.page = page
        self._suite = suite
        self._sandbox = sandbox
        self._limits = limits
        self._journal = journal
        self._trajectory = trajectory
        self._calls: list[Call] = []
        self._verdict: Outcome | None = None

    async def run(
        self,
        code: str,
        library: Mapping[str, str] | None = None,
        primitives: tuple[str, ...] | None = None,
        *,
        watch: bool = False,
        seconds: float | None = None,
    ) -> Result:
        """Run code on this page. With `watch`, it stops quietly once new things are in view: what
        was planned before they were seen may no longer be meant.
        """
        server = PageServer(self.page, over=self.over, primitives=primitives)
        known: set[tuple[str, str]] | None = None

        async def serve(primitive: str, args: dict[str, Json]) -> Json:
            nonlocal known
            acts = primitive in PRIMITIVES and PRIMITIVES[primitive].effect != "read"
            view = None
            if acts:
                view = (
                    await self.page.look(PATIENT) if watch and known else await self.page.glance()
                )
                here = {(item.role, item.name) for item in view.elements}
                if watch and known is not None and here - known:
                    raise EpisodeOver("something new has come into view")
                known = here if known is None else known
            return await self._journalled(server, primitive, args, view)

        limits = self._limits if seconds is None else replace(self._limits, seconds=seconds)
        return await self._sandbox.run(code, serve=serve, library=library, limits=limits)

    async def _journalled(
        self, server: PageServer, primitive: str, args: dict[str, Json], view: View | None
    ) -> Json:
        effect = PRIMITIVES[primitive].effect if primitive in PRIMITIVES else "read"
        call = Call(
            sequence=len(self._calls) + 1,
            primitive=primitive,
            args=dict(args),
            effect=effect,  # type: ignore[arg-type]
            view=view_to_json(view) if view is not None else "",
            answered=False,
        )
        if self._journal is not None:
            await self._journal.intend(self._trajectory, call)
        self._calls.append(call)
        # A run that is stopped in the middle of a call leaves it unanswered: it is in doubt.
        try:
            reply = await server.serve(primitive, args)
        except (PrimitiveFailed, PrimitiveRefused, EpisodeOver) as refused:
            await self._answer(call, None, str(refused))
            raise
        await self._answer(call, reply, None)
        return reply

    async def _answer(self, call: Call, reply: Json, error: str | None) -> None:
        self._calls[call.sequence - 1] = replace(call, reply=reply, error=error, answered=True)
        if self._journal is not None:
            await self._journal.answer(self._trajectory, call.sequence, reply, error, "")

    async def over(self) -> bool:
        """Whether the task's page has ended."""
        return await self._suite.over(self.page)

    async def view(self, quiet: float | None = None) -> View:
        """See the page, once it has been still for `quiet` seconds; at once for 0."""
        if quiet == 0:
            return await self.page.glance()
        return await self.page.look() if quiet is None else await self.page.look(quiet)

    def calls(self) -> tuple[Call, ...]:
        return tuple(self._calls)

    async def verdict(self) -> Outcome:
        """The check's word, asked once."""
        if self._verdict is None:
            try:
                self._verdict = await self._suite.verdict(self.page, self.task)
            except PrimitiveFailed as silent:
                self._verdict = Outcome(False, "check", str(silent))
        return self._verdict


@asynccontextmanager
async def open_episode(
    task: Task,
    suite: Suite,
    browser: Browser,
    make_sandbox: MakeSandbox,
    limits: Limits,
    journal: Journal | None = None,
    trajectory: str = "",
) -> AsyncIterator[PageEpisode]:
    """Begin a task on a page and in a sandbox of its own: nothing is left of the task before."""
    sandbox = make_sandbox()
    # The sandbox starts while the page loads.
    warm = asyncio.create_task(sandbox.run("pass", serve=_nothing))
    try:
        async with browser.page(suite.policy(task), suite.viewport) as page:
            await suite.start(page, task)
            await warm
            yield PageEpisode(task, page, suite, sandbox, limits, journal, trajectory)
    finally:
        warm.cancel()
        await asyncio.gather(warm, return_exceptions=True)
        await sandbox.close()


async def _nothing(primitive: str, args: dict[str, Json]) -> Json:
    raise PrimitiveFailed("there is no page yet")


class SuiteArena:
    """Implements `skills.trial.Arena` with the practice tasks of a suite."""

    def __init__(
        self, suite: Suite, browser: Browser, make_sandbox: MakeSandbox, limits: Limits
    ) -> None:
        self._suite = suite
        self._browser = browser
        self._make_sandbox = make_sandbox
        self._limits = limits

    @asynccontextmanager
    async def open(self, task: Task) -> AsyncIterator[PageEpisode]:
        async with open_episode(
            task, self._suite, self._browser, self._make_sandbox, self._limits
        ) as episode:
            yield episode

    async def siblings(self, task: Task) -> AsyncIterator[Task]:
        """Practice tasks of the same family on seeds not used for attempts."""
        for seed in self._suite.trial_seeds(task):
            yield await self._suite.task(task.family, seed, self._browser)
