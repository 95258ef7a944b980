"""What isolation costs: a run in a sandbox against a bare pipe, and an episode part by part.

    python -m bench.sandbox [--runs 50] [--episodes 10] [--out sandbox.json]

The bare pipe leads to a Python that forks for each request, with no isolation, no limits and no
checks, and mostly runs nothing: what is above it is the price of those. Calls follow at once on one
another, and then with a pause before each, as an agent's do: the sandbox forks for the next run
when one has ended. An episode's parts are timed one after the other; the agent starts its sandbox
while the page loads.

Not covered: start-up of Chromium; other backends; many at once, which `bench.pool` has.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from bench.pipe import Pipe
from bench.timing import Timings
from journeyman.agent.arena import open_episode
from journeyman.agent.suites import open_suite
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.proxy import PolicyProxy
from journeyman.sandbox.worker import Worker

ASK = 'visible("button", "Submit")'
FAMILY = "enter-text"
"""A plain page: what is timed here is the way to it."""
NOTHING = "pass"
TURN = 10
PAUSE = 0.005
"""Seconds in which the process of the next run is forked and made up."""
PAIRS = {
    "pipe, no call, runs it": "pipe, no call",
    "sandbox, no call": "pipe, no call",
    "sandbox, one call": "pipe, one call",
}
AGAINST = {
    "sandbox, first run": "pipe, first run",
    **PAIRS,
    **{f"{name} (after a pause)": f"{other} (after a pause)" for name, other in PAIRS.items()},
}


async def serve(primitive: str, args: dict[str, Json]) -> Json:
    return True


async def warm_runs(timings: Timings, runs: int) -> None:
    """Runs in a sandbox and on a pipe that are there already, in turns of `TURN` calls each."""
    sandbox, pipe = Worker(Bubblewrap()), Pipe()
    await pipe.open()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "pipe, no call": lambda: pipe.run(0),
        "pipe, no call, runs it": lambda: pipe.run(0, NOTHING),
        "sandbox, no call": lambda: sandbox.run(NOTHING, serve=serve),
        "pipe, one call": lambda: pipe.run(1),
        "sandbox, one call": lambda: sandbox.run(ASK, serve=serve),
    }
    try:
        assert (await sandbox.run(ASK, serve=serve)).value is True
        for pause, told in ((0.0, ""), (PAUSE, " (after a pause)")):
            for _ in range(-(-runs // TURN)):
                for name, call in calls.items():
                    await call()
                    for _ in range(TURN):
                        await asyncio.sleep(pause)
                        with timings.of(name + told):
                            await call()
    finally:
        await sandbox.close()
        await pipe.close()


async def first_runs(timings: Timings, runs: int) -> None:
    """Each process started anew, with and without the tries that prove its isolation."""
    for _ in range(runs):
        pipe, sandbox = Pipe(), Worker(Bubblewrap())
        with timings.of("pipe, first run"):
            await pipe.open()
            await pipe.run(0)
        await pipe.close()
        with timings.of("sandbox, ready"):
            started = await Bubblewrap().start(Limits())
        await started.end()
        with timings.of("sandbox, first run"):
            await sandbox.run("pass", serve=serve)
        with timings.of("sandbox, close"):
            await sandbox.close()


async def episodes(timings: Timings, runs: int) -> None:
    """The parts of an episode on a suite's page, then the whole as the agent opens it."""
    suite, browser = open_suite("miniwob"), Browser()
    try:
        task = await suite.task(FAMILY, 20_000, browser)
        policy = suite.policy(task)
        for _ in range(runs):
            with timings.of("proxy"):
                async with PolicyProxy(policy):
                    pass
            page = browser.page(policy, suite.viewport)
            with timings.of("proxy, context and page"):
                live = await page.__aenter__()
            with timings.of("page load and reset"):
                await suite.start(live, task)
            with timings.of("first look (settled)"):
                await live.look()
            with timings.of("glance"):
                await live.glance()
            with timings.of("close page"):
                await page.__aexit__(None, None, None)
            episode = open_episode(task, suite, browser, lambda: Worker(Bubblewrap()), Limits())
            with timings.of("open, as the agent does"):
                await episode.__aenter__()
            with timings.of("close, as the agent does"):
                await episode.__aexit__(None, None, None)
    finally:
        await browser.close()


async def bench(runs: int, many: int) -> Timings:
    """All timings."""
    timings = Timings()
    await warm_runs(timings, runs)
    await first_runs(timings, many)
    await episodes(timings, many)
    return timings


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.sandbox", description=words)
    parser.add_argument("--runs", type=int, default=50, help="warm runs of each kind (default 50)")
    parser.add_argument("--episodes", type=int, default=10, help="cold starts and episodes")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    given = parser.parse_args()
    timings = asyncio.run(bench(given.runs, given.episodes))
    timings.show("What isolation costs", Console(highlight=False), AGAINST)
    timings.write(given.out)


if __name__ == "__main__":
    main()
