"""The live parts a run works with, kept out of the state."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..memory.journal import Journal
from ..memory.lessons import Lessons
from ..memory.trajectory import Step, Task
from ..sandbox.base import Limits, View
from ..sandbox.browser import Browser
from ..sandbox.secrets import NO_SECRETS, Secrets
from ..skills.library import SkillLibrary
from .arena import open_episode
from .config import Settings
from .episode import PageEpisode
from .events import Event, Kind
from .files_episode import FilesEpisode
from .model import Model
from .suites.base import MakeSandbox, Suite

Learn = Callable[[str], Awaitable[None]]
"""Offers a finished trajectory, by id, to induction."""


@dataclass
class Parts:
    """What the nodes of one run share. Owned by `Agent`; an episode lives for one attempt."""

    task: Task
    suite: Suite
    settings: Settings
    model: Model | None
    browser: Browser
    make_sandbox: MakeSandbox
    journal: Journal
    library: SkillLibrary | None
    lessons: Lessons | None = None
    secrets: Secrets = NO_SECRETS
    temperature: float = 0.0
    seed: int = 0
    mix: Mapping[str, float] | None = None
    """Adapters that the caller wants mixed in; None lets routing decide."""
    credit: bool = True
    """Whether outcomes are written as evidence; never in an exam."""
    learn: Learn | None = None
    screenshots: Path | None = None
    traces: Path | None = None
    """Where a Playwright trace of each attempt is kept."""
    tell: Callable[[Event], None] = lambda event: None
    bare: bool = False
    """The bare loop of the measurements: one call a reply, no guards, no memory of what failed."""
    episode: PageEpisode | FilesEpisode | None = None
    earlier: View | None = None
    """The view the model saw last."""
    prompt: str = ""
    steps: list[Step] = field(default_factory=list)
    began: float = 0.0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def say(self, kind: Kind, text: str, **data: object) -> None:
        self.tell(Event(kind, text, dict(data)))

    @property
    def limits(self) -> Limits:
        return self.settings.sandbox.limits()

    async def begin(self) -> str:
        """Start an attempt on a fresh page; returns its trajectory's id."""
        await self.end()
        trajectory = uuid.uuid4().hex
        name = self.model.name if self.model is not None else "none"
        await self.journal.begin(trajectory, self.task, name, self.seed, "agent")
        self.began = time.perf_counter()
        self.steps, self.earlier = [], None
        self.episode = await self._stack.enter_async_context(
            open_episode(
                self.task,
                self.suite,
                self.browser,
                self.make_sandbox,
                self.limits,
                self.journal,
                trajectory,
                self.secrets,
                self.traces / f"{trajectory}.zip" if self.traces is not None else None,
            )
        )
        return trajectory

    async def end(self) -> None:
        """Close the page of the attempt under way."""
        self.episode = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    @property
    def live(self) -> PageEpisode | FilesEpisode:
        if self.episode is None:
            raise RuntimeError("no attempt is under way")
        return self.episode

    async def keep(self, trajectory: str, step: Step) -> None:
        """Journal a step, with a screenshot where these are wanted."""
        if self.screenshots is not None and isinstance(self.live, PageEpisode):
            name = f"{trajectory}/{step.number}.jpg"
            path = self.screenshots / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                await self.live.picture(path)
                step = replace(step, screenshot=name)
            except Exception:
                # A page that has crashed has no picture, nor one that shows a secret; the step is
                # kept all the same.
                step = replace(step, screenshot="")
        self.steps.append(step)
        await self.journal.add_step(trajectory, step)
