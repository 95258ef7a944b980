"""What isolation costs: a run in a sandbox against a bare pipe, and an episode part by part.

    python -m bench.sandbox [--runs 50] [--episodes 10] [--out sandbox.json]

The bare pipe leads to a Python that forks for each request, as the sandbox's runner does, with no
isolation, no limits and no checks: what is above it is the price of those. An episode's parts are
timed one after the other; the agent starts its sandbox while the page loads.

Not covered: start-up of Chromium; other backends.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.console import Console

from bench.timing import Timings
from journeyman.agent.episode import open_episode
from journeyman.agent.suites import open_suite
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.launch import PYTHON, start
from journeyman.sandbox.proxy import PolicyProxy

FORKER = """
import json, os, sys
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        for number in range(json.loads(line)["calls"]):
            os.write(1, b'{"call": 1}\\n')
            json.loads(sys.stdin.readline())
        os.write(1, b'{"end": 1}\\n')
        os._exit(0)
    os.waitpid(pid, 0)
"""
ASK = 'visible("button", "Submit")'
FAMILY = "enter-text"
"""A plain page: what is timed here is the way to it."""
AGAINST = {
    "sandbox, no call": "pipe, no call",
    "sandbox, one call": "pipe, one call",
    "sandbox, first run": "pipe, first run",
}


class Pipe:
    """A Python that forks for each request, without any isolation."""

    async def open(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(
            PYTHON, "-I", "-S", "-c", FORKER, stdin=pipe, stdout=pipe
        )

    async def run(self, calls: int) -> None:
        """One request, which asks back `calls` times."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(b'{"calls": %d}\n' % calls)
        while b"call" in await self._child.stdout.readline():
            self._child.stdin.write(b"{}\n")

    async def close(self) -> None:
        self._child.kill()
        await self._child.wait()
        assert self._child.stdin is not None
        self._child.stdin.close()


async def serve(primitive: str, args: dict[str, Json]) -> Json:
    return True


async def warm_runs(timings: Timings, runs: int) -> None:
    """Runs in a sandbox and on a pipe that are there already, in turns."""
    sandbox, pipe = Bubblewrap(), Pipe()
    await pipe.open()
    try:
        for number in range(runs + 1):
            kept = timings if number else Timings()
            with kept.of("pipe, no call"):
                await pipe.run(0)
            with kept.of("sandbox, no call"):
                nothing = await sandbox.run("pass", serve=serve)
            with kept.of("pipe, one call"):
                await pipe.run(1)
            with kept.of("sandbox, one call"):
                asked = await sandbox.run(ASK, serve=serve)
            assert nothing.ok and asked.value is True
    finally:
        await sandbox.close()
        await pipe.close()


async def first_runs(timings: Timings, runs: int) -> None:
    """Each process started anew, with and without the tries that prove its isolation."""
    for _ in range(runs):
        pipe, sandbox = Pipe(), Bubblewrap()
        with timings.of("pipe, first run"):
            await pipe.open()
            await pipe.run(0)
        await pipe.close()
        with timings.of("sandbox, ready"):
            process = await start(None, Limits())
        process.kill()
        await process.communicate()
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
            episode = open_episode(task, suite, browser, Bubblewrap, Limits())
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
