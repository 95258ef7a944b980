"""What the way to a page costs: primitives called in a sandbox, against Playwright on the host.

    python -m bench.browser [--runs 40] [--out browser.json]

Each primitive is called by code in a sandbox (code, pipe, runner, pipe, host, page) and stands
beside the Playwright call that does the same to the same page of the same Chromium, in turns. What
code in a sandbox says of its own time is not taken: a run of `MANY` calls is timed on the host, and
a run of none is taken off. Then the start of a Chromium behind each wall, against none at all.

A field is filled with real key events, as a person types; Playwright's `fill`, which sets the
field's value without any, is shown beside it. A read right after an action waits for the page to
settle, which Playwright's does not: its ratio is the price of that wait.

Not covered: what a page's own scripts cost; the network.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.timing import Timings
from journeyman.sandbox import SandboxUnavailable, chromium
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.chromium import FLAGS, Walls, find_chromium
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.server import PageServer, open_url
from journeyman.sandbox.worker import Worker

PAGE = """<!doctype html><title>bench</title><button onclick="n.textContent++">Go</button>
<label>User <input></label><label>Agree <input type=checkbox></label><p id=n>0</p>"""
TEXT = "ada lovelace"
MANY = 10
"""Calls in one run."""
OURS = {
    "click": 'click("button", "Go")',
    "fill": f'fill("textbox", "User", "{TEXT}")',
    "text, at rest": "text()",
    "visible, at rest": 'visible("button", "Go")',
    "value": 'value("textbox", "User")',
    "click and text": 'click("button", "Go"); text()',
}
LIMITS = Limits(calls=10_000)


def theirs(page: Any) -> dict[str, Callable[[], Awaitable[object]]]:
    """The same by Playwright."""
    button, field = page.get_by_role("button", name="Go"), page.get_by_label("User")

    async def typed() -> None:
        await field.clear()
        await field.press_sequentially(TEXT)

    async def click_and_text() -> None:
        await button.click()
        await page.inner_text("body")

    return {
        "click": button.click,
        "fill": typed,
        "fill without keys": lambda: field.fill(TEXT),
        "text, at rest": lambda: page.inner_text("body"),
        "visible, at rest": button.is_visible,
        "value": field.input_value,
        "click and text": click_and_text,
    }


async def primitives(timings: Timings, runs: int) -> None:
    """Both ways to the same page, in turns."""
    browser, sandbox = Browser(), Worker(Bubblewrap())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text(PAGE, encoding="utf-8")
        try:
            async with browser.page(Policy(mounts={"bench.test": Path(folder)})) as page:
                await open_url(page, "http://bench.test/")
                server = PageServer(page)

                async def serve(primitive: str, args: dict[str, Json]) -> Json:
                    return await server.serve(primitive, args)

                async def run(line: str) -> float:
                    await page.settle()
                    code = f"for _ in range({MANY}):\n    {line}"
                    start = time.perf_counter()
                    result = await sandbox.run(code, serve=serve, limits=LIMITS)
                    assert result.ok, result.error
                    return time.perf_counter() - start

                for number in range(runs + 1):
                    kept = timings.seconds if number else {}
                    empty = await run("pass")
                    for name, line in OURS.items():
                        seconds = (await run(line) - empty) / MANY
                        kept.setdefault(f"{name}, ours", []).append(seconds)
                    for name, does in theirs(page.page).items():
                        start = time.perf_counter()
                        await does()
                        kept.setdefault(name, []).append(time.perf_counter() - start)
        finally:
            await sandbox.close()
            await browser.close()


async def starts(timings: Timings, runs: int) -> None:
    """From nothing to a page, behind each wall that can be had here."""
    from playwright.async_api import async_playwright

    found = find_chromium()
    async with async_playwright() as playwright:
        for _ in range(runs):
            with timings.of("start, no wall"):
                bare = await playwright.chromium.launch(executable_path=found, args=FLAGS)
                await (await bare.new_context()).new_page()
            await bare.close()
            for walls in (Walls(True, True), Walls(True, False), Walls(False, True)):
                try:
                    with timings.of(f"start, {walls}"):
                        running = await chromium._start(playwright, found or "", True, walls)
                        await (await running.browser.new_context()).new_page()
                    await running.close()
                except SandboxUnavailable:
                    continue  # root has no use of Chromium's own sandbox alone


async def bench(runs: int) -> Timings:
    """All timings."""
    timings = Timings()
    await primitives(timings, runs)
    await starts(timings, max(3, runs // 8))
    return timings


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.browser", description=words)
    parser.add_argument("--runs", type=int, default=40, help="rounds (default 40)")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    given = parser.parse_args()
    timings = asyncio.run(bench(given.runs))
    against = {f"{name}, ours": name for name in OURS}
    against |= {name: "start, no wall" for name in timings.seconds if name.startswith("start, ")}
    against.pop("start, no wall")
    timings.show("The way to a page", Console(highlight=False, width=120), against)
    timings.write(given.out)


if __name__ == "__main__":
    main()
