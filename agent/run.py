"""`Agent`: builds the parts, runs the graph, streams its events, takes a person's feedback."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from ..memory.embed import Embedder, default_embedder
from ..memory.journal import Journal
from ..memory.lessons import Lessons
from ..memory.trajectory import Outcome, Task, Trajectory
from ..sandbox.browser import Browser
from ..sandbox.choice import choose
from ..sandbox.secrets import Secrets
from ..sandbox.worker import Worker
from ..skills.induce import Learnt, Memo, learn
from ..skills.library import SkillLibrary
from .arena import SuiteArena
from .config import Settings, load_settings
from .events import Event, stream
from .feedback import Word, keep
from .loop import shared_loop
from .model import Model, open_model
from .parts import Parts
from .propose import proposer
from .secrets import read_secrets, without
from .state import AgentState
from .suites.base import MakeSandbox, Suite
from .suites.web import Web

Tell = Callable[[Event], None]


class Agent:
    """An agent with a workspace: run goals, keep what worked, call it again.

    Not covered: two agents writing the checkpoints of one workspace (library and journal bear it).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        model: Model | None = None,
        workspace: Path | str | None = None,
        read_only: bool = False,
        use_library: bool = True,
        bare: bool = False,
        journal_path: Path | None = None,
        screenshots: bool = False,
        traces: Path | None = None,
        embedder: Embedder | None = None,
        make_sandbox: MakeSandbox | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.settings = settings or load_settings()
        self.secrets = read_secrets(self.settings.secrets) if secrets is None else secrets
        self.workspace = Path(workspace) if workspace is not None else self.settings.workspace
        self._model = model
        self._read_only = read_only
        self._use_library = use_library and not bare
        self._bare = bare
        self._journal_path = journal_path or self.workspace / "journal.sqlite"
        self._screenshots = self.workspace / "screenshots" if screenshots else None
        self._traces = traces
        self._embedder = embedder
        self._stack = AsyncExitStack()
        self._journal: Journal | None = None
        self._library: SkillLibrary | None = None
        self._lessons: Lessons | None = None
        self._saver: Any = None
        self._memo: Memo = {}
        self._web = Web(self.settings.browser.domains, self.settings.browser.downloads_mb)
        executable = self.settings.browser.executable
        self.browser = Browser(
            str(executable) if executable else None, self.settings.browser.headless
        )
        self._make_sandbox = make_sandbox

    async def open(self) -> Self:
        """Open the workspace. The model and the browser start at first use."""
        if self._journal is not None:
            return self
        from .graph import checkpoints

        self.workspace.mkdir(parents=True, exist_ok=True)
        self._journal = await Journal.open(self._journal_path)
        self._stack.push_async_callback(self._journal.close)
        if self._use_library:
            self._embedder = self._embedder or default_embedder()
            self._library = SkillLibrary.open(
                self.workspace / "library",
                embedder=self._embedder,
                read_only=self._read_only,
                gates=self.settings.gates.gates(),
                secrets=self.secrets,
            )
            self._stack.push_async_callback(self._library.close)
            if not self._read_only:
                self._lessons = Lessons(
                    self._journal, self.workspace / "lessons-index", self._embedder
                )
                self._stack.push_async_callback(self._lessons.close)
        beside = self._journal_path.with_suffix(".checkpoints.sqlite")
        self._saver = await self._stack.enter_async_context(checkpoints(beside))
        return self

    async def close(self) -> None:
        """Close the workspace and end the browser."""
        await self.browser.close()
        await self._stack.aclose()
        self._journal = self._library = self._lessons = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def journal(self) -> Journal:
        assert self._journal is not None, "open the agent first: async with Agent() as agent"
        return self._journal

    @property
    def library(self) -> SkillLibrary | None:
        """The skill library; None for an agent made without one."""
        return self._library

    @property
    def model(self) -> Model:
        """The model, opened at first use."""
        if self._model is None:
            self._model = open_model(self.settings.model.name, self.settings.model)
        return self._model

    async def _sandboxes(self) -> MakeSandbox:
        """What makes sandboxes; which backend works is found out at first use."""
        if self._make_sandbox is None:
            limits = self.settings.sandbox.limits()
            launcher = await choose(self.settings.sandbox.backend, limits)
            self._make_sandbox = lambda: Worker(launcher, limits)
        return self._make_sandbox

    async def task(self, suite: Suite, family: str, seed: int) -> Task:
        """One task of a suite."""
        return await suite.task(family, seed, self.browser)

    def web_task(self, goal: str, url: str) -> Task:
        """A task on any page; `url` may be the path of a local HTML file."""
        return self._web.asked(goal, url, self.settings.budget.budget())

    async def run(self, goal: str, url: str = "", *, on_event: Tell | None = None) -> Trajectory:
        """Do one goal on a page and return how it went."""
        return await self.attempt(self.web_task(goal, url), self._web, on_event=on_event)

    async def attempt(
        self,
        task: Task,
        suite: Suite,
        *,
        attempts: int = 1,
        temperature: float | None = None,
        seed: int = 0,
        credit: bool = True,
        direct: bool = True,
        ask: bool = True,
        mix: Mapping[str, float] | None = None,
        on_event: Tell | None = None,
    ) -> Trajectory:
        """Run the graph on one task. With `attempts` above 1 it reflects and tries anew.

        `mix` names served adapters with their scales, none for `{}`; unsaid, routing decides.
        Without `ask` no model is asked: only what is mastered is done.
        """
        from .graph import build

        task = without(self.secrets, task)
        await self.open()
        parts = Parts(
            task=task,
            suite=suite,
            settings=self.settings,
            model=self.model if ask else None,
            browser=self.browser,
            make_sandbox=await self._sandboxes(),
            journal=self.journal,
            library=self._library if direct else None,
            lessons=self._lessons,
            secrets=self.secrets,
            temperature=self.settings.model.temperature if temperature is None else temperature,
            seed=seed,
            mix=mix,
            credit=credit and not self._read_only,
            screenshots=self._screenshots,
            traces=self._traces,
            tell=on_event or (lambda event: None),
            bare=self._bare,
        )
        state = AgentState(task.goal, task.url, attempts=attempts, mix=dict(mix or {}))
        config: Any = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": 400}
        try:
            final = await build(parts, self._saver).ainvoke(state, config)
        finally:
            await parts.end()
        return await self.journal.get(final["trajectory"])

    def stream(self, goal: str, url: str = "") -> AsyncIterator[Event]:
        """Do one goal and yield what happens as it happens."""
        return stream(lambda tell: self.run(goal, url, on_event=tell))

    async def learn_from(
        self, trajectories: list[Trajectory], suite: Suite, *, say: Callable[[str], None],
        ask: bool = True,
    ) -> list[Learnt]:  # fmt: skip
        """Induce, try and admit skills from successes on one page of a suite."""
        await self.open()
        assert self._library is not None
        limits = self.settings.sandbox.limits()
        arena = SuiteArena(suite, self.browser, await self._sandboxes(), limits, self.secrets)

        async def without(task: Task) -> Outcome:
            alone = await self.attempt(task, suite, credit=False, direct=False)
            return alone.outcome

        propose = proposer(self.model) if ask else None
        return await learn(
            trajectories,
            self._library,
            arena,
            baseline=without,
            propose=propose,
            say=say,
            memo=self._memo,
        )

    async def feedback(self, trajectory_id: str, worked: bool, correction: str = "") -> list[str]:
        """Keep a person's word on an attempt: that it worked, or how it should have been done."""
        await self.open()
        word = Word(worked, self.secrets.hide(correction))
        return await keep(word, trajectory_id, self.journal, self._lessons)

    def run_sync(self, goal: str, url: str = "") -> Trajectory:
        """`run` for code without an event loop, and inside a running one too."""
        return shared_loop().run(self.run(goal, url))

    def close_sync(self) -> None:
        """`close` after `run_sync`."""
        shared_loop().run(self.close())
