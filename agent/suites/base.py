"""What a source of tasks offers. Family and seed are its bookkeeping: the agent reads neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from ...memory.trajectory import Outcome, Task
from ...sandbox.base import Export, Sandbox
from ...sandbox.browser import Browser
from ...sandbox.page import LivePage
from ...sandbox.policy import Policy
from .. import AgentError

EXAM_SEEDS = 10_000
"""The first seed of exams; practice and trials stay below."""
TRIAL_SEEDS = 5_000
"""The first seed of trials; practice attempts stay below."""


FILES = "files://work"
"""The site of every task that starts from files: what is learnt on files serves files."""

MakeSandbox = Callable[[], Sandbox]


class UnknownSuite(AgentError, LookupError):
    """No suite or family of that name; the message lists what is near."""


class Source(Protocol):
    """Tasks by family and seed, wherever they start."""

    name: str

    def families(self) -> list[str]:
        """All families, sorted."""
        ...

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        """One task; its page may have to be opened to read its goal."""
        ...

    def trial_seeds(self, task: Task) -> Iterator[int]:
        """Seeds for trials of what was learnt on a task, never an exam's."""
        ...


class PageSuite(Source, Protocol):
    """Tasks on a page."""

    viewport: tuple[int, int]

    def policy(self, task: Task) -> Policy:
        """Where the task's page may go."""
        ...

    async def start(self, page: LivePage, task: Task) -> None:
        """Bring a fresh page to the task's start."""
        ...

    async def over(self, page: LivePage) -> bool:
        """Whether the task has ended by itself."""
        ...

    async def verdict(self, page: LivePage, task: Task) -> Outcome:
        """Let the check decide."""
        ...


@runtime_checkable
class FileSuite(Source, Protocol):
    """Tasks on files in a sandbox."""

    def files(self, task: Task) -> Mapping[str, bytes]:
        """What the task starts from."""
        ...

    async def verdict(self, task: Task, export: Export, make_sandbox: MakeSandbox) -> Outcome:
        """Let the check decide on the files that came out; a sandbox is made for tests it runs."""
        ...


Suite = PageSuite | FileSuite
