"""MiniWoB++: the pages of the `miniwob` package, served under a reserved origin.

Source: Liu et al., 2018 (Reinforcement Learning on Web Interfaces); Farama's package, MIT licence.
A task is solved only at full raw reward. Not covered: pages outside the miniwob folder.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from ...memory.trajectory import Budget, Outcome, Task
from ...sandbox import SandboxUnavailable
from ...sandbox.browser import Browser
from ...sandbox.page import LivePage, answered
from ...sandbox.policy import Policy
from ...sandbox.server import open_url
from .base import EXAM_SEEDS, TRIAL_SEEDS, UnknownSuite

HOST = "miniwob.test"
# The pages' own clock and score board are the benchmark's, not the task's.
BEGIN = """async (seed) => {
  core.EPISODE_MAX_TIME = 1e7;
  core.endEpisode(0);
  Math.seedrandom(seed);
  core.setDataMode('train');
  core.startEpisodeReal();
  for (const id of ['reward-display', 'click-canvas']) {
    const part = document.getElementById(id);
    if (part) part.style.display = 'none';
  }
  while (WOB_TASK_READY !== true) await new Promise((done) => setTimeout(done, 10));
}"""


class MiniWob:
    """The pages as tasks by family (the page's name) and seed."""

    name = "miniwob"
    viewport = (500, 320)

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _installed()
        self._known: dict[tuple[str, int], Task] = {}

    def families(self) -> list[str]:
        return sorted(path.stem for path in (self._folder / "miniwob").glob("*.html"))

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        """Open the page once to read its goal, and remember it."""
        if family not in self.families():
            near = difflib.get_close_matches(family, self.families(), 3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise UnknownSuite(f"miniwob has no family {family!r}{hint}")
        known = self._known.get((family, seed))
        if known is not None:
            return known
        blank = Task(
            id=f"miniwob:{family}:{seed}",
            goal="",
            url=f"http://{HOST}/miniwob/{family}.html",
            check="raw reward is full",
            reset="full",
            budget=Budget(steps=6),
            family=family,
            seed=seed,
        )
        async with browser.page(self.policy(blank), self.viewport) as page:
            await self.start(page, blank)
            goal = str(await page.page.evaluate("core.getUtterance()"))
        task = Task(**{**_fields(blank), "goal": goal})
        self._known[(family, seed)] = task
        return task

    def trial_seeds(self, task: Task) -> Iterator[int]:
        yield from range(TRIAL_SEEDS, EXAM_SEEDS)

    def policy(self, task: Task) -> Policy:
        return Policy(mounts={HOST: self._folder})

    async def start(self, page: LivePage, task: Task) -> None:
        await open_url(page, task.url)
        await answered(page.page.evaluate(BEGIN, task.seed))

    async def over(self, page: LivePage) -> bool:
        return bool(await answered(page.page.evaluate("WOB_DONE_GLOBAL")))

    async def verdict(self, page: LivePage, task: Task) -> Outcome:
        done, reward = await answered(
            page.page.evaluate("[WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL]")
        )
        if not done:
            return Outcome(False, "check", "the page was never brought to its end")
        solved = reward == 1
        return Outcome(solved, "check", "" if solved else f"the page gave {reward} of 1")


def _fields(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in Task.__slots__}


def _installed() -> Path:
    try:
        files = metadata.files("miniwob") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.parts[-2:] == ("core", "core.js"):
            return Path(str(file.locate())).parent.parent
    raise SandboxUnavailable("the MiniWoB++ pages are not installed: pip install --no-deps miniwob")
