"""What a source of tasks offers. Family and seed are its bookkeeping: the agent reads neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ...memory.trajectory import Outcome, Task
from ...sandbox.browser import Browser
from ...sandbox.page import LivePage
from ...sandbox.policy import Policy
from .. import AgentError

EXAM_SEEDS = 10_000
"""The first seed of exams; practice and trials stay below."""
TRIAL_SEEDS = 5_000
"""The first seed of trials; practice attempts stay below."""


class UnknownSuite(AgentError, LookupError):
    """No suite or family of that name; the message lists what is near."""


class Suite(Protocol):
    """A source of tasks by family and seed."""

    name: str
    viewport: tuple[int, int]

    def families(self) -> list[str]:
        """All families, sorted."""
        ...

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        """One task; the page may have to be opened to read its goal."""
        ...

    def trial_seeds(self, task: Task) -> Iterator[int]:
        """Seeds for trials of what was learnt on a task, never an exam's."""
        ...

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
