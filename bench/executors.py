"""Ours beside smolagents' and SWE-ReX's executors: the same programs, in one process, in turns.

    .venv/bin/pip install --target /tmp/executors smolagents swe-rex
    PYTHONPATH=/tmp/executors .venv/bin/python -m bench.executors [--runs 40] [--out executors.json]

Whatever is not there is left out, with a line that says why. All of them are warm; what the time
buys differs, so the table says what each isolates. SWE-ReX runs commands: its Python is started for
each call, once as a program and once typed into its shell.

Not covered: smolagents' and SWE-ReX's executors in containers, whose images come from a registry
(python:3.12-slim and a server installed into it over the network); remote ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.others import Run, pipes, smolagents_local, swerex_program, swerex_shell
from bench.timing import Timings
from journeyman.sandbox import SandboxUnavailable
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.container import Container
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.pool import Pool
from journeyman.sandbox.worker import Launcher

MANY = 8
LINES = "\n".join(f"{n},item {n},{n * 37 % 1000}" for n in range(2000))
PROGRAMS = {
    "trivial": ("print(1 + 1)", "2"),
    "2,000 lines of CSV": (
        f"import csv\nLINES = {LINES!r}\n"
        "print(sum(int(row[2]) for row in csv.reader(LINES.splitlines())))",
        str(sum(n * 37 % 1000 for n in range(2000))),
    ),
}


@dataclass(frozen=True)
class Executor:
    """One way to run Python, and `open(n)`, which gives n of it to be used at the same time."""

    name: str
    isolates: str
    open: Callable[[int], AbstractAsyncContextManager[list[Run]]]


async def no_page(primitive: str, args: dict[str, Json]) -> Json:
    raise RuntimeError("these programs have no page")


def pool(launcher: Launcher, many: int, *, reuse: bool = False) -> Pool:
    return Pool(launcher, Limits(), size=many, reuse=reuse)


def leased(launcher: Launcher) -> Callable[[int], AbstractAsyncContextManager[list[Run]]]:
    """Workers of a pool, each kept for all of its calls, as one task keeps its own."""

    @asynccontextmanager
    async def opened(many: int) -> AsyncIterator[list[Run]]:
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(pool(launcher, many))
            boxes = [await stack.enter_async_context(held.lease()) for _ in range(many)]

            def run_in(number: int) -> Run:
                async def run(code: str) -> str:
                    return (await boxes[number].run(code, serve=no_page)).output

                return run

            yield [run_in(number) for number in range(many)]

    return opened


def fresh(
    launcher: Launcher, reuse: bool
) -> Callable[[int], AbstractAsyncContextManager[list[Run]]]:
    """A lease for each call: nothing of one call is left for the next."""

    @asynccontextmanager
    async def opened(many: int) -> AsyncIterator[list[Run]]:
        async with pool(launcher, max(many, 2), reuse=reuse) as held:

            async def run(code: str) -> str:
                return (await held.run(code, serve=no_page)).output

            yield [run] * many

    return opened


WALLS = "files, network, processes, system calls, memory, time"
EXECUTORS = (
    Executor("bare fork", "nothing", pipes),
    Executor("ours, bubblewrap", WALLS, leased(Bubblewrap())),
    Executor("ours, a new sandbox each", f"{WALLS}; each call", fresh(Bubblewrap(), reuse=False)),
    Executor("ours, made as new each", f"{WALLS}; each call", fresh(Bubblewrap(), reuse=True)),
    Executor("ours, Landlock", f"{WALLS}; weaker, no namespaces", leased(Landlock())),
    Executor("ours, Docker", WALLS, leased(Container())),
    Executor("smolagents, local", "nothing: the host's own process", smolagents_local),
    Executor("SWE-ReX, local program", "nothing: the host's own user", swerex_program),
    Executor("SWE-ReX, local shell", "nothing: the host's own user", swerex_shell),
)


async def timed(executor: Executor, timings: Timings, runs: int) -> None:
    """Each program, one call after the other."""
    async with executor.open(1) as [run]:
        for program, (code, printed) in PROGRAMS.items():
            for number in range(-2, runs):
                kept = timings if number >= 0 else Timings()
                with kept.of(f"{executor.name}: {program}"):
                    got = await run(code)
                assert got.strip() == printed, (executor.name, got[:500])


async def rate(executor: Executor, seconds: float) -> float:
    """Trivial calls a second from as many clients as a pool is large."""
    code, printed = PROGRAMS["trivial"]
    done = 0

    async def client(run: Run, until: float) -> None:
        nonlocal done
        while time.perf_counter() < until:
            assert (await run(code)).strip() == printed
            done += 1

    async with executor.open(MANY) as runs:
        await asyncio.gather(*(run(code) for run in runs))
        start = time.perf_counter()
        await asyncio.gather(*(client(run, start + seconds) for run in runs))
        return done / (time.perf_counter() - start)


async def bench(runs: int, console: Console) -> tuple[Timings, dict[str, float]]:
    """All timings, in three rounds, and the calls a second of each."""
    timings, rates = Timings(), {}
    there = []
    for executor in EXECUTORS:
        try:
            await timed(executor, Timings(), 1)
            there.append(executor)
        except (ImportError, SandboxUnavailable) as absent:
            console.print(f"{executor.name} is left out: {absent}", markup=False)
    for _ in range(3):
        for executor in there:
            await timed(executor, timings, -(-runs // 3))
    for executor in there:
        rates[executor.name] = await rate(executor, 3.0)
    return timings, rates


def show(timings: Timings, rates: dict[str, float], console: Console) -> None:
    table = Table(title="Running Python: milliseconds a call, and its ratio to a bare fork")
    for column in ("executor", *PROGRAMS, f"calls/s ({MANY} at once)", "what it isolates"):
        table.add_column(column)
    isolates = {executor.name: executor.isolates for executor in EXECUTORS}
    for name, calls in rates.items():
        cells = []
        for program in PROGRAMS:
            median = timings.median(f"{name}: {program}")
            ratio = median / timings.median(f"bare fork: {program}")
            cells.append(f"{1000 * median:.2f} ({ratio:.1f}x)")
        table.add_row(name, *cells, f"{calls:.0f}", isolates[name])
    console.print(table)


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.executors", description=words)
    parser.add_argument("--runs", type=int, default=40, help="calls of each program (default 40)")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    given = parser.parse_args()
    console = Console(highlight=False)
    timings, rates = asyncio.run(bench(given.runs, console))
    show(timings, rates, console)
    if given.out is not None:
        figures = {"seconds": timings.seconds, "calls a second": rates}
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
