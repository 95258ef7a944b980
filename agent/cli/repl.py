"""The interactive session: a goal, the run as it happens, and a person's word on how it went.

The prompt comes first; what is heavy (browser, model, graph) is loaded with the first goal. Ctrl-C
stops the run that is going on, Ctrl-D or /quit ends the session.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...memory import MemoryFault
from ...memory.trajectory import Trajectory
from ...sandbox import SandboxError
from ...skills import SkillError
from .. import AgentError
from ..events import Event
from .plain import plain
from .said import Said, understand

if TYPE_CHECKING:
    from ...skills.library import SkillLibrary
    from ..config import Settings

T = TypeVar("T")

HELP = """\
  https://… goal      do something, beginning at that page
  goal                the same, at the page opened last
  /open URL           begin there from now on (a path to a local page will do)
  that worked         it was right: learn from it
  no, like this: …    it was wrong: remember how it is done
  /skills             what has been learnt
  /cost               what this session has spent
  /quit               leave (Ctrl-D too); Ctrl-C stops only what is running"""
FAULTS = (AgentError, MemoryFault, SandboxError, SkillError, OSError)


class Acting(Protocol):
    """What a session needs of an `Agent`."""

    async def run(
        self, goal: str, url: str = "", *, on_event: Callable[[Event], None] | None = None
    ) -> Trajectory: ...

    async def feedback(
        self, trajectory_id: str, worked: bool, correction: str = ""
    ) -> list[str]: ...

    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *error: Any) -> Any: ...


Factory = Callable[[], Acting]
"""Makes the agent; called with the first goal."""


def repl(settings: Settings, factory: Factory | None = None) -> int:
    """Hold a session at the terminal; returns the exit status."""

    def agent() -> Acting:
        from ..run import Agent

        return Agent(settings)

    return asyncio.run(Session(settings, factory or agent).hold())


class Session:
    """One session: its agent, the page it is at, and what it has spent."""

    def __init__(self, settings: Settings, factory: Factory) -> None:
        self._settings = settings
        self._factory = factory
        self._agent: Acting | None = None
        self._stack = AsyncExitStack()
        self._url = self._last = ""
        self._going_on: asyncio.Future[Any] | None = None
        self._runs = self._calls = self._tokens = 0
        self._seconds = 0.0

    async def hold(self) -> int:
        """Read and answer until the person leaves."""
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        kept = _history(self._settings.workspace)
        prompt: PromptSession[str] = PromptSession(
            history=FileHistory(str(kept)) if kept else InMemoryHistory()
        )
        # Ours for the whole session: pressed between two prompts, Ctrl-C must not end it either.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        print("Journeyman. Give an address and a goal, or /help.")
        async with self._stack:
            while True:
                try:
                    line = await prompt.prompt_async("> ", handle_sigint=False)
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return 0
                said = understand(line, ran=bool(self._last))
                if said.kind == "quit":
                    return 0
                await self._answer(said)

    async def _answer(self, said: Said) -> None:
        try:
            if said.kind == "goal":
                await self._run(said)
            elif said.kind == "open":
                self._open(said.url)
            elif said.kind in ("worked", "wrong"):
                await self._feedback(said)
            elif said.kind == "skills":
                self._skills()
            elif said.kind == "cost":
                self._cost()
            elif said.kind == "help":
                print(HELP)
            elif said.kind == "unknown":
                print(f"There is no {said.text}: /help says what there is.")
        except FAULTS as fault:
            print(" ".join(str(fault).split()))

    def _open(self, url: str) -> None:
        from .run import checked_url

        self._url = checked_url(url)
        print(f"The next goal begins at {self._url}")

    async def _run(self, said: Said) -> None:
        from .events import ending, line

        if said.url:
            self._open(said.url)
        if not self._url:
            print("Say where first: begin with an address, or /open URL.")
            return
        from rich.console import Console

        console = Console(highlight=False)

        def show(event: Event) -> None:
            text = line(event)
            if text is not None:
                console.print(text, soft_wrap=True)

        async def work() -> Trajectory:
            agent = await self._ready()
            return await agent.run(said.text, self._url, on_event=show)

        trajectory = await self._stoppable(work())
        if trajectory is None:
            print("Stopped. What was done is kept.")
            return
        self._last = trajectory.id
        self._runs += 1
        self._calls += trajectory.model_calls
        self._tokens += trajectory.tokens
        self._seconds += trajectory.seconds
        print(ending(trajectory))
        print('Say "that worked", or "no, like this: …".')

    async def _feedback(self, said: Said) -> None:
        async def work() -> list[str]:
            agent = await self._ready()
            return await agent.feedback(self._last, said.kind == "worked", said.text)

        told = await self._stoppable(work())
        for sentence in told if told is not None else ["Stopped."]:
            print(sentence)
        if told is not None:
            # Answered once; a later "no, …" is about the next run.
            self._last = ""

    async def _stoppable(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await the work; None when Ctrl-C stopped it."""
        going_on = asyncio.ensure_future(work)
        self._going_on = going_on
        try:
            return await going_on
        except asyncio.CancelledError:
            return None
        finally:
            self._going_on = None

    def _interrupt(self) -> None:
        if self._going_on is not None:
            self._going_on.cancel()

    async def _ready(self) -> Acting:
        if self._agent is None:
            print("Starting the browser and the model …")
            agent = self._factory()
            self._agent = await self._stack.enter_async_context(agent)
        assert self._agent is not None
        return self._agent

    def _skills(self) -> None:
        from ...skills.library import SkillLibrary

        folder = self._settings.workspace / "library"
        library: SkillLibrary = SkillLibrary.open(folder, read_only=True)
        found = library.skills()
        for skill in found:
            print(f"{skill.name}@{skill.current.version}  {skill.status}  ", end="")
            print(plain(skill.current.template.text or skill.current.description))
        if not found:
            print('Nothing yet. Say "that worked" after a run, or let `journeyman practise` learn.')

    def _cost(self) -> None:
        print(
            f"{self._runs} runs, {self._calls} model calls, {self._tokens:,} tokens, "
            f"{self._seconds:.1f} s in this session"
        )


def _history(workspace: Path) -> Path | None:
    """Where lines are remembered; nowhere when the workspace cannot be written."""
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        path = workspace / "history"
        path.touch(mode=0o600)
    except OSError:
        return None
    return path
