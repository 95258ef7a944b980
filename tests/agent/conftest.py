"""A workspace as a finished demo leaves it, and agents that work on a small page of their own."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from journeyman.agent.config import load_settings
from journeyman.agent.model import Message
from journeyman.agent.records import ExamRow, PracticeRow, Rows
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Budget, Outcome, Step, Task
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.page import LivePage, answered
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import open_url
from journeyman.skills.adapter import (
    Adapter,
    AdapterCandidate,
    Effect,
    GateReport,
    Pair,
    adapter_candidate,
)
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import (
    Candidate,
    Condition,
    Manifest,
    SkillVersion,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}]]>&lt;'

CODE = '''\
from page import click, fill


def book_a_table(guest: str) -> None:
    """Book a table for a guest."""
    fill("textbox", "Name", guest)
    click("button", "Book")
'''


def candidate(name: str = "book-a-table", code: str = CODE, source: str = "t-source") -> Candidate:
    return Candidate(
        name=name,
        description="Book a table for a guest <b>by name</b>.",
        template=Template("Book a table for {guest}.", (Slot("guest"),)),
        code=code,
        manifest=Manifest(
            origins=("http://shop.test",),
            primitives=("click", "fill"),
            pre=(Condition("present", {"role": "button", "name": "Book"}),),
            post=(Condition("absent", {"role": "button", "name": "Book"}),),
        ),
        sources=(source,),
        constructs=("lift",),
    )


def trial(of: Candidate, passed: bool = True) -> TrialReport:
    runs = tuple(
        TrialRun(
            task_id=f"task-{number}",
            goal=f"Book a table for guest {number}.",
            seed=number,
            success=passed or number < 2,
            called=True,
            reason="" if passed or number < 2 else "the button was not there",
            seconds=0.4,
            steps=2,
            source=number == 0,
        )
        for number in range(8)
    )
    return TrialReport(of.digest, runs, reset="full", baseline_successes=None if passed else 3)


@pytest.fixture
async def learnt_workspace(tmp_path: Path) -> Path:
    """Two families before and after, one skill, one rejected candidate, runs with a screenshot."""
    workspace = tmp_path / "workspace"
    journal = await Journal.open(workspace / "journal.sqlite")
    await keep(journal, "t-source", "Book a table for Ada.")
    await journal.close()
    exam = await Journal.open(workspace / "exams" / "journal-after.sqlite")
    await keep(exam, "t-exam", f"Book a table for {HOSTILE}")
    await exam.close()
    (workspace / "exams" / "journal-after.checkpoints.sqlite").write_bytes(b"not a journal")
    picture = workspace / "screenshots" / "t-exam" / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PIXEL)

    library = SkillLibrary.open(workspace / "library")
    good = candidate()
    await library.admit(good, trial(good))
    bad = candidate("book-badly", CODE.replace("book_a_table", "book_badly"))
    await library.reject(bad, trial(bad, passed=False), [f"only 2 of 8 passed {HOSTILE}"])
    await library.close()

    before = Rows(workspace / "exams" / "before.jsonl", ExamRow)
    after = Rows(workspace / "exams" / "after.jsonl", ExamRow)
    practice = Rows(workspace / "practice.jsonl", PracticeRow)
    for seed in (10000, 10001):
        before.append(ExamRow("book", seed, False, 4, 3000, 8.0))
        before.append(ExamRow("find", seed, seed == 10000, 2, 1500, 5.0))
        named = "t-exam" if seed == 10000 else ""
        after.append(ExamRow("book", seed, True, 0, 0, 0.1, named, "book-a-table@1"))
        after.append(ExamRow("find", seed, seed == 10000, 2, 1500, 5.0))
    practice.append(PracticeRow(30.0, "book", 1, "attempt", False))
    practice.append(PracticeRow(60.0, "book", 2, "attempt", True, trajectory="t-source"))
    practice.append(PracticeRow(70.0, "book", 2, "admitted", True, skill="book-a-table@1"))
    practice.append(PracticeRow(80.0, "find", 3, "rejected", False, reason="only 2 of 8"))
    return workspace


async def keep(journal: Journal, name: str, goal: str) -> None:
    task = Task(f"book:{name}", goal, url="http://shop.test/book.html", family="book", seed=1)
    await journal.begin(name, task, model="scripted")
    step = Step(
        number=1,
        action=f'fill("textbox", "Name", "{HOSTILE}")',
        observation=f"Thank you, {HOSTILE}",
        prompt_tokens=700,
        reply_tokens=12,
        model_calls=1,
        seconds=2.5,
        screenshot="1.jpg" if name == "t-exam" else "../../../etc/passwd",
    )
    await journal.add_step(name, step)
    await journal.finish(name, Outcome(True, "check", "reward 1"), seconds=3.0)


# A suite of one small page, and agents that work on it ------------------------------------------

USERS = ("Ada", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jim", "Kim", "Leo")
PAGE = """<!doctype html><meta charset=utf-8><title>Shop</title><body><script>
let done = false, solved = false;
const draw = (user, drift) => {
  let presses = drift === 'twice' ? 2 : 1;
  document.body.innerHTML = `<label>User <input id=u></label>
    <button id=ok>${drift === 'renamed' ? 'Sign in' : 'Log in'}</button><button id=no>Cancel</button>
    <button id=idle>Idle</button><button id=hang>Hang</button>`;
  const end = (success) => { done = true; solved = success; document.body.innerHTML = 'The end.'; };
  ok.onclick = () => { presses -= 1; if (!presses) end(u.value === user); };
  no.onclick = () => end(false);
  hang.onclick = () => { for (;;); };
};
</script>"""
FAMILY = "zq-family-of-logins"
CHECK = "zq-check-of-logins"


class Shop:
    """Logging in on one small page. Its one family stands in no address and on no page."""

    name = "zq-suite"
    viewport = (500, 300)

    def __init__(self, folder: Path, families: tuple[str, ...] = (FAMILY,)) -> None:
        (folder / "start.html").write_text(PAGE)
        self.folder = folder
        self.drift = ""
        self.checked: list[str] = []
        self.started: list[int | None] = []
        self.budget = Budget(steps=4, seconds=60)
        self._families = families

    def families(self) -> list[str]:
        return list(self._families)

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        return Task(
            id=f"{self.name}:{family}:{seed}",
            goal=f"Log in as {USERS[seed % len(USERS)]}.",
            url="http://shop.test/start.html",
            check=CHECK,
            reset="full",
            budget=self.budget,
            family=family,
            seed=seed,
        )

    def trial_seeds(self, task: Task) -> Iterator[int]:
        return iter(range(5000, 5040))

    def policy(self, task: Task) -> Policy:
        return Policy(mounts={"shop.test": self.folder})

    async def start(self, page: LivePage, task: Task) -> None:
        self.started.append(task.seed)
        await open_url(page, task.url)
        user = task.goal.split()[-1].rstrip(".")
        await page.page.evaluate("([user, drift]) => draw(user, drift)", [user, self.drift])

    async def over(self, page: LivePage) -> bool:
        return bool(await answered(page.page.evaluate("done")))

    async def verdict(self, page: LivePage, task: Task) -> Outcome:
        self.checked.append(task.id)
        solved = await answered(page.page.evaluate("solved"))
        return Outcome(bool(solved), "check", "" if solved else "nobody was logged in")


class Kept:
    """The file's browser, which an agent may use and not close."""

    def __init__(self, browser: Browser) -> None:
        self.page = browser.page

    async def close(self) -> None:
        return


def solve(messages: Sequence[Message]) -> str:
    """What a good model replies on the log-in page."""
    goal = re.findall(r"Goal: (.*)", messages[-1]["content"])[-1]
    user = goal.split()[-1].rstrip(".")
    button = "Sign in" if "Sign in" in messages[-1]["content"] else "Log in"
    return f'fill("textbox", "User", "{user}")\nclick("button", "{button}")'


def log_in() -> tuple[Candidate, TrialReport]:
    """A skill for the log-in page, with trials that make it trusted."""
    skill = Candidate(
        name="log-in",
        description="Log in as a user.",
        template=Template("Log in as {user}.", (Slot("user"),)),
        code='from page import click, fill\n\n\ndef log_in(user: str) -> None:\n    """Log in."""\n'
        '    fill("textbox", "User", user)\n    click("button", "Log in")\n',
        manifest=Manifest(
            ("http://shop.test",),
            ("click", "fill"),
            pre=(Condition("present", {"role": "button", "name": "Log in"}),),
            post=(Condition("absent", {"role": "button", "name": "Log in"}),),
        ),
        sources=("t",),
    )
    runs = [TrialRun(f"t{n}", "g", n, True, True, source=n == 0) for n in range(60)]
    return skill, TrialReport(skill.digest, tuple(runs), reset="full")


MakeAgent = Callable[..., Agent]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    folder = tmp_path / "pages"
    folder.mkdir()
    return Shop(folder)


@pytest_asyncio.fixture(loop_scope="module")
async def make_agent(chromium: Browser, tmp_path: Path) -> AsyncIterator[MakeAgent]:
    """Agents in one workspace, on the file's browser, with a scripted model."""
    made: list[Agent] = []

    def make(*replies: Any, workspace: Path = tmp_path / "workspace", **more: Any) -> Agent:
        more.setdefault("settings", load_settings(tmp_path, {}))
        model = ScriptedModel(replies)
        agent = Agent(model=model, workspace=workspace, embedder=HashEmbedder(), **more)
        agent.browser = Kept(chromium)  # type: ignore[assignment]
        made.append(agent)
        return agent

    yield make
    for agent in made:
        await agent.close()


@pytest.fixture
def good() -> Callable[[Sequence[Message]], str]:
    """A reply that solves the log-in page."""
    return solve


@pytest.fixture
def trusted() -> Callable[[], tuple[Candidate, TrialReport]]:
    return log_in


def make_adapter(
    folder: Path, name: str = "logging-in", base: str = "b" * 64,
    goals: tuple[str, ...] = ("Log in as Ada.", "Log in as Bob."), gguf: bytes = b"GGUF", **more: Any,
) -> AdapterCandidate:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(name.encode())
    (folder / "adapter_config.json").write_text('{"r": 4}')
    (folder / "adapter.gguf").write_bytes(gguf)
    about = Adapter(base, "tiny", 4, goals, near=0.6)
    return adapter_candidate(name, f"For {name} <b>well</b>.", folder, about, **more)


@pytest.fixture
def adapter() -> Callable[..., AdapterCandidate]:
    return make_adapter


def passed(made: AdapterCandidate) -> GateReport:
    held_out = tuple(Pair(f"t-{n}", False, True) for n in range(10))
    general = tuple(Pair(f"g-{n}", True, True) for n in range(10))
    return GateReport(made.digest, held_out, general, effect=Effect(2, 2, 0.5, True))


@pytest.fixture
def exam_of() -> Callable[[AdapterCandidate], GateReport]:
    """An exam that was never taken, and passed."""
    return passed


@pytest.fixture
def admit() -> Callable[..., Awaitable[SkillVersion]]:
    """Admits an adapter on an exam that was never taken."""

    async def admit(library: SkillLibrary, *args: Any, **more: Any) -> SkillVersion:
        made = make_adapter(*args, **more)
        return await library.admit_adapter(made, passed(made))

    return admit
