"""A mastered task run by Journeyman, against a script written by hand for that page.

    python -m bench.mastered --workspace demo-workspace [--seeds 10] [--out mastered.json]

Both run on the same seeds, in turns, in one Chromium, each in a context of its own behind a policy
proxy of its own. Timed is the whole task: from nothing (no proxy, context, page or sandbox) to the
verdict read and everything closed again. The agent has its goal given and its workspace read-only;
its model has no reply to give, so a run that asks for one is counted as not solved. Seeds lie
above those of practice, trials and exams.

Not covered: families without a script in `scripts.py`; start-up of Chromium and of Python.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.scripts import SCRIPTS
from journeyman.agent import ScriptExhausted
from journeyman.agent.config import load_settings
from journeyman.agent.events import Event
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.agent.suites import open_suite
from journeyman.agent.suites.base import Suite
from journeyman.memory.trajectory import Task

SEEDS = 20_000
"""The first seed measured."""
LIMIT = 2.0
"""How many times the script's time a mastered task may take."""
WARM = 3
"""Seeds before `SEEDS` on which a family shows whether it is mastered, and warms both ways."""
PARTS = {"start": "open", "direct": "choose", "action": "run", "judge": "judge", "end": "finish"}
"""Event that ends a part of an attempt -> the part's name."""


@dataclass(frozen=True, slots=True)
class Run:
    """One task done one way."""

    family: str
    seed: int
    way: str
    """`agent` or `script`."""
    seconds: float
    success: bool
    reason: str = ""
    skill: str = ""
    """`name@version` that the agent executed."""
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds of each part of the agent's attempt."""


@dataclass(frozen=True, slots=True)
class Row:
    """One family."""

    family: str
    skill: str
    runs: int
    agent_solved: int
    script_solved: int
    agent_seconds: float | None
    """Median over the runs that were solved; None where none was."""
    script_seconds: float | None
    ratio: float | None
    parts: dict[str, float]
    """Median seconds of each part of the agent's runs."""


async def by_agent(agent: Agent, suite: Suite, task: Task) -> Run:
    """Have the agent do it. A run that needs a model is not solved."""
    marks: list[tuple[str, float]] = []

    def mark(event: Event) -> None:
        if event.kind in PARTS:
            marks.append((PARTS[event.kind], time.perf_counter()))

    skill = ""
    start = time.perf_counter()
    try:
        trajectory = await agent.attempt(task, suite, on_event=mark)
        success, reason = bool(trajectory.outcome.success), trajectory.outcome.reason
        assert trajectory.model_calls == 0
        skill = trajectory.steps[0].skills[0]
    except ScriptExhausted:
        success, reason = False, "it asked for a model"
    end = time.perf_counter()
    times = [start, *(at for _, at in marks), end]
    names = [*(name for name, _ in marks), "close"]
    parts = {name: b - a for name, (a, b) in zip(names, pairwise(times), strict=True)}
    return Run(task.family, task.seed or 0, "agent", end - start, success, reason, skill, parts)


async def by_script(agent: Agent, suite: Suite, task: Task) -> Run:
    """Run the hand-written script, in the agent's Chromium."""
    reason = ""
    start = time.perf_counter()
    async with agent.browser.page(suite.policy(task), suite.viewport) as live:
        await suite.start(live, task)
        try:
            await SCRIPTS[task.family](live.page)
        except Exception as error:  # a script that fails is a result too
            reason = str(error).splitlines()[0]
        outcome = await suite.verdict(live, task)
    seconds = time.perf_counter() - start
    why = reason or outcome.reason
    return Run(task.family, task.seed or 0, "script", seconds, bool(outcome.success), why)


async def measure(agent: Agent, suite: Suite, family: str, seeds: int) -> list[Run]:
    """Every run of a family, or none where no skill takes its goals."""
    mastered = False
    for seed in range(SEEDS - WARM, SEEDS):
        task = await agent.task(suite, family, seed)
        mastered |= bool((await by_agent(agent, suite, task)).skill)
        if mastered:
            await by_script(agent, suite, task)
            break
    runs: list[Run] = []
    for seed in range(SEEDS, SEEDS + seeds if mastered else SEEDS):
        task = await agent.task(suite, family, seed)
        # Taking turns at going first, neither gains by what the other left warm.
        ways = [by_agent, by_script] if seed % 2 else [by_script, by_agent]
        runs += [await way(agent, suite, task) for way in ways]
    return runs


def row_of(runs: Sequence[Run]) -> Row:
    """The figures of one family."""
    agent = [run for run in runs if run.way == "agent"]
    script = [run for run in runs if run.way == "script"]
    ours, theirs = _median(agent), _median(script)
    names = dict.fromkeys(name for run in agent for name in run.parts)
    return Row(
        family=runs[0].family,
        skill=statistics.mode(run.skill for run in agent),
        runs=len(agent),
        agent_solved=sum(run.success for run in agent),
        script_solved=sum(run.success for run in script),
        agent_seconds=ours,
        script_seconds=theirs,
        ratio=ours / theirs if ours and theirs else None,
        parts={
            name: statistics.median(run.parts[name] for run in agent if name in run.parts)
            for name in names
        },
    )


def _median(runs: Sequence[Run]) -> float | None:
    solved = [run.seconds for run in runs if run.success]
    return statistics.median(solved) if solved else None


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the comparison, and where the agent's time goes."""
    table = Table(title="A mastered task, whole (median seconds)")
    for name in ("family", "agent solved", "script solved", "agent", "script", "ratio"):
        table.add_column(name, justify="left" if name == "family" else "right")
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        over = row.ratio is None or row.ratio > LIMIT
        table.add_row(
            row.family, f"{row.agent_solved}/{row.runs}", f"{row.script_solved}/{row.runs}",
            _seconds(row.agent_seconds), _seconds(row.script_seconds),
            f"[red]{ratio}[/red]" if over else ratio,
        )  # fmt: skip
    console.print(table)
    parts = Table(title="Where the agent's time goes (median milliseconds)")
    names = list(dict.fromkeys(name for row in rows for name in row.parts))
    parts.add_column("family")
    for name in names:
        parts.add_column(name, justify="right")
    for row in rows:
        parts.add_row(row.family, *(f"{row.parts.get(name, 0) * 1000:.0f}" for name in names))
    console.print(parts)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


async def bench(workspace: Path, families: Sequence[str], seeds: int) -> list[Run]:
    """Measure the families, one after the other."""
    runs: list[Run] = []
    suite = open_suite("miniwob")
    # Beside the workspace: on the same disk, so that the journal's syncs cost what they cost.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=workspace.parent) as folder:
        agent = Agent(
            load_settings(),
            model=ScriptedModel([]),
            workspace=workspace,
            read_only=True,
            journal_path=Path(folder) / "journal.sqlite",
        )
        async with agent:
            for family in families:
                found = await measure(agent, suite, family, seeds)
                print(f"{family}: {'done' if found else 'not mastered'}", flush=True)
                runs += found
    return runs


def main() -> int:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.mastered", description=words)
    parser.add_argument("--workspace", type=Path, required=True, help="whose library to measure")
    parser.add_argument("--seeds", type=int, default=10, help="seeds a family (default 10)")
    parser.add_argument("--family", action="append", choices=sorted(SCRIPTS), help="repeatable")
    parser.add_argument("--out", type=Path, help="write rows and runs here as JSON")
    given = parser.parse_args()
    workspace = given.workspace.resolve()
    if not (workspace / "library" / "events.jsonl").exists():
        parser.error(f"{workspace} has no library: name the workspace of a demo or a measurement")
    runs = asyncio.run(bench(workspace, given.family or sorted(SCRIPTS), given.seeds))
    families = dict.fromkeys(run.family for run in runs)
    rows = [row_of([run for run in runs if run.family == family]) for family in families]
    show(rows, Console(highlight=False))
    if given.out:
        body = {"rows": [asdict(row) for row in rows], "runs": [asdict(run) for run in runs]}
        given.out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return 0 if rows and all(row.ratio and row.ratio <= LIMIT for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
