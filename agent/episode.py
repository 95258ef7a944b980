"""One attempt at a task: a page, a sandbox for code, and every call between them journalled.

Where the worlds meet: only here sandbox values become the plain text that memory keeps. An intent
is written before a call is sent, its answer before the code inside sees it. No value of a secret
passes: an intent holds the placeholder, which the page's server resolves after it is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..memory.journal import Journal
from ..memory.trajectory import Call, Outcome, Task
from ..sandbox import EpisodeOver, PrimitiveFailed, PrimitiveRefused, StateUnknown
from ..sandbox.base import Json, Limits, Result, Sandbox, View, view_to_json
from ..sandbox.bounds import EVERYTHING, Bounds
from ..sandbox.page import LivePage
from ..sandbox.pictures import take
from ..sandbox.primitives import CONTENT, PRIMITIVES
from ..sandbox.secrets import NO_SECRETS, Secrets
from ..sandbox.server import PageServer
from .suites.base import PageSuite

PATIENT = 0.35
"""Seconds a page must be still before the model looks at it: suggestions come that late."""


@dataclass
class Watch:
    """Stops what runs quietly once new things are in view: what was planned before they were seen
    may no longer be meant. One watch may go over several runs.
    """

    known: set[tuple[str, str]] | None = None
    stopped: bool = False

    def see(self, view: View) -> None:
        """Take in what is in view before a call that acts. Raises EpisodeOver for new things."""
        here = {(item.role, item.name) for item in view.elements}
        if self.known is None:
            self.known = here
        elif here - self.known:
            self.stopped = True
            raise EpisodeOver("something new has come into view")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an attempt on a page stood: what was done to get there, and what proves it."""

    calls: tuple[Call, ...]
    proof: str


class PageEpisode:
    """Implements `skills.trial.Episode` on a browser page."""

    def __init__(
        self,
        task: Task,
        page: LivePage,
        suite: PageSuite,
        sandbox: Sandbox,
        limits: Limits,
        journal: Journal | None = None,
        trajectory: str = "",
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self.task = task
        self.page = page
        self._suite = suite
        self._sandbox = sandbox
        self._limits = limits
        self._journal = journal
        self._trajectory = trajectory
        self._secrets = secrets
        self._server = PageServer(page, secrets=secrets)
        self._calls: list[Call] = []
        self._excesses: list[str] = []
        self._verdict: Outcome | None = None

    async def run(
        self,
        code: str,
        library: Mapping[str, str] | None = None,
        bounds: Bounds = EVERYTHING,
        *,
        watch: Watch | None = None,
        seconds: float | None = None,
    ) -> Result:
        """Run code on this page, within bounds, until what `watch` waits for has come."""
        server = PageServer(self.page, over=self.over, bounds=bounds, secrets=self._secrets)

        async def serve(primitive: str, args: dict[str, Json]) -> Json:
            view = None
            if primitive in PRIMITIVES and PRIMITIVES[primitive].effect != "read":
                view = await self.view(PATIENT if watch and watch.known else 0)
                if watch:
                    watch.see(view)
            return await self._journalled(server, primitive, args, view)

        limits = self._limits if seconds is None else replace(self._limits, seconds=seconds)
        await self._keep_downloads()
        try:
            result = await self._sandbox.run(code, serve=serve, library=library, limits=limits)
        finally:
            self._excesses += server.excesses
        return self._hidden(result)

    def _hidden(self, result: Result) -> Result:
        """What code says may hold what it could make out of a page's riddles."""
        hide = self._secrets.hide
        error = None if result.error is None else hide(result.error)
        value = self._secrets.hide_json(result.value) if self._secrets else result.value
        return replace(result, output=hide(result.output), error=error, value=value)

    async def _keep_downloads(self) -> None:
        """Put what the page gave into the work area, before code runs that may read it."""
        came = self.page.received()
        if came:
            try:
                await self._sandbox.put(came)
            except (StateUnknown, ValueError) as full:
                self.page.tabs.note(f"the downloads {', '.join(came)} were lost: {full}")

    async def _journalled(
        self, server: PageServer, primitive: str, args: dict[str, Json], view: View | None
    ) -> Json:
        effect = PRIMITIVES[primitive].effect if primitive in PRIMITIVES else "read"
        call = Call(
            sequence=len(self._calls) + 1,
            primitive=primitive,
            # Code may hold a value by guessing; the call is refused, and its record keeps nothing.
            # A file's content is the work area's, not the journal's.
            args=self._secrets.hide_json({k: v for k, v in args.items() if k != CONTENT}),
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
        return await self._server.look(quiet)

    async def picture(self, path: Path) -> None:
        """Keep a screenshot on which no secret is seen. Raises PrimitiveRefused."""
        await take(self.page, self._secrets, path)

    def notes(self) -> list[str]:
        """What the page did unasked since the last time: questions, new tabs, downloads."""
        return [self._secrets.hide(note) for note in self.page.tabs.take_notes()]

    def calls(self) -> tuple[Call, ...]:
        return tuple(self._calls)

    def excesses(self) -> tuple[str, ...]:
        """The calls so far that were refused for being beyond the bounds of their run."""
        return tuple(self._excesses)

    async def moment(self) -> Moment:
        """Where this attempt stands. Raises `StateUnknown` where it could not be gone back to."""
        made = tuple(call for call in self._calls if call.effect != "read")
        if self.task.reset != "full":
            raise StateUnknown("this start cannot be reset, so nothing can be done over again")
        for call in made:
            if not call.answered or call.primitive == "upload":
                raise StateUnknown(f"{call.primitive} cannot be done over again as it was")
        return Moment(made, await self._proof())

    async def replay(self, moment: Moment) -> None:
        """Make the same calls from the start on. Raises `StateUnknown` when it came otherwise."""
        for call in moment.calls:
            # Each call must see what a person would have waited for.
            await self.view(PATIENT)
            try:
                await self._journalled(self._server, call.primitive, dict(call.args), None)
            except (PrimitiveFailed, PrimitiveRefused, EpisodeOver) as failed:
                if call.error is None:
                    raise StateUnknown(f"{call.primitive} failed this time: {failed}") from failed
        if await self._proof() != moment.proof:
            raise StateUnknown("the page did not come back as it was")

    async def _proof(self) -> str:
        """sha256 over what is in view and what the site has stored."""
        view = await self.view(PATIENT)
        seen = [view.url, view.title, view.text, *map(str, view.elements)]
        stored = await self.page.page.context.storage_state()
        # When a cookie ends depends on when it was set.
        cookies = [{**cookie, "expires": 0} for cookie in stored["cookies"]]
        said = json.dumps([seen, cookies, stored["origins"]], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    async def verdict(self) -> Outcome:
        """The check's word, asked once."""
        if self._verdict is None:
            try:
                found = await self._suite.verdict(self.page, self.task)
            except PrimitiveFailed as silent:
                found = Outcome(False, "check", str(silent))
            self._verdict = replace(found, reason=self._secrets.hide(found.reason))
        return self._verdict
