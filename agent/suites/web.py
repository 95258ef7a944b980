"""Any web page: one task at a time, begun by opening its address, with no check of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ...memory.trajectory import Budget, Outcome, Task
from ...sandbox.browser import Browser
from ...sandbox.page import LivePage
from ...sandbox.policy import Policy
from ...sandbox.server import open_url
from .base import UnknownSuite

SITE = "site.test"
"""Where a local folder is served when a task's address is a path."""


class Web:
    """Tasks on the web; `url` may also be the path of a local HTML file."""

    name = "web"
    viewport = (1024, 768)

    def __init__(self, domains: tuple[str, ...] = (), downloads_mb: int = 0) -> None:
        self._domains = domains
        self._downloads_mb = downloads_mb
        self._folders: dict[str, Path] = {}

    def families(self) -> list[str]:
        return []

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        raise UnknownSuite("the web has no families; give --url and a goal")

    def address(self, url: str) -> str:
        """The address to open: a path to a local file is served under a reserved origin."""
        path = Path(url)
        if "://" not in url and path.exists():
            file = path / "index.html" if path.is_dir() else path
            self._folders[SITE] = file.parent.resolve()
            return f"http://{SITE}/{file.name}"
        return url if "://" in url else f"https://{url}"

    def asked(self, goal: str, url: str, budget: Budget) -> Task:
        """The task of doing `goal` from an address on; it may be the path of a local HTML file."""
        address = self.address(url)
        identity = hashlib.sha256(f"{address}\n{goal}".encode()).hexdigest()[:16]
        return Task(id=f"web:{identity}", goal=goal, url=address, budget=budget)

    def trial_seeds(self, task: Task) -> Iterator[int]:
        return iter(())

    def policy(self, task: Task) -> Policy:
        parts = urlsplit(task.url)
        host = parts.hostname or ""
        mounts = {name: folder for name, folder in self._folders.items() if name == host}
        allowed = () if mounts else (host, *self._domains)
        private = (
            () if mounts else (f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}",)
        )
        # The person named this very host and port; that is what makes a private address right.
        return Policy(allowed, private, mounts, self._downloads_mb)

    async def start(self, page: LivePage, task: Task) -> None:
        await open_url(page, task.url)

    async def over(self, page: LivePage) -> bool:
        return False

    async def verdict(self, page: LivePage, task: Task) -> Outcome:
        return Outcome(None, "none", "nothing checks this task; say whether it worked")
