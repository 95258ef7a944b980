"""How many trivial calls a second a pool of sandboxes holds, and what a lease costs.

    python -m bench.pool [--size 8] [--seconds 5] [--backend bubblewrap] [--out pool.json]

Three ways, each with as many clients as the pool is large: a lease kept for many calls, as one task
keeps its own; a lease for each call, from a pool that makes workers as new; and from one that ends
them. Then an episode's way to a sandbox: one client, who asks for a lease now and then.

Not covered: what else a machine does at the same time; take the two ratios, not the times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.timing import Timings
from journeyman.sandbox.base import Json, Limits, Sandbox
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.container import Container
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.pool import Pool
from journeyman.sandbox.worker import Launcher, Worker

BACKENDS: dict[str, Launcher] = {
    "bubblewrap": Bubblewrap(),
    "landlock": Landlock(),
    "docker": Container(),
}
BETWEEN = 0.3
"""Seconds between two leases of the one client: less than the shortest task on a page."""


async def no_page(primitive: str, args: dict[str, Json]) -> Json:
    raise RuntimeError("these programs have no page")


async def call(sandbox: Sandbox) -> None:
    """One trivial call."""
    assert (await sandbox.run("1 + 1", serve=no_page)).value == 2


async def held(pool: Pool, until: float) -> int:
    """Calls of one client who keeps a lease."""
    done = 0
    async with pool.lease() as sandbox:
        while time.perf_counter() < until:
            await call(sandbox)
            done += 1
    return done


async def each(pool: Pool, until: float) -> int:
    """Calls of one client who takes a lease for each."""
    done = 0
    while time.perf_counter() < until:
        async with pool.lease() as sandbox:
            await call(sandbox)
        done += 1
    return done


async def rates(launcher: Launcher, size: int, seconds: float) -> dict[str, float]:
    """Calls a second of each way."""
    found = {}
    for name, way, reuse in (
        ("one lease, many calls", held, True),
        ("a lease a call, made as new", each, True),
        ("a lease a call, single use", each, False),
    ):
        async with Pool(launcher, Limits(), size=size, reuse=reuse) as pool:
            await asyncio.gather(*(each(pool, time.perf_counter() + 0.5) for _ in range(size)))
            start = time.perf_counter()
            done = await asyncio.gather(*(way(pool, start + seconds) for _ in range(size)))
            found[name] = sum(done) / (time.perf_counter() - start)
    return found


async def leases(timings: Timings, launcher: Launcher, many: int) -> None:
    """A sandbox and its first call: started for it, and lent by a pool."""
    async with (
        Pool(launcher, Limits(), size=2) as single,
        Pool(launcher, Limits(), size=2, reuse=True) as reused,
    ):
        for _ in range(many):
            await asyncio.sleep(BETWEEN)
            with timings.of("started for it"):
                worker = Worker(launcher, Limits())
                await call(worker)
            await worker.close()
            for name, pool in (("lent, single use", single), ("lent, made as new", reused)):
                await asyncio.sleep(BETWEEN)
                with timings.of(name):
                    lease = pool.lease()
                    await call(await lease.__aenter__())
                await lease.__aexit__(None, None, None)


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.pool", description=words)
    parser.add_argument("--size", type=int, default=8, help="workers, and clients (default 8)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way (default 5)")
    parser.add_argument("--leases", type=int, default=15, help="of the one client (default 15)")
    parser.add_argument("--backend", choices=BACKENDS, default="bubblewrap")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    given = parser.parse_args()
    console, timings = Console(highlight=False), Timings()
    launcher = BACKENDS[given.backend]
    found = asyncio.run(rates(launcher, given.size, given.seconds))
    table = Table("way", "calls a second", title=f"A pool of {given.size}, {given.backend}")
    for name, calls in found.items():
        table.add_row(name, f"{calls:.0f}")
    console.print(table)
    asyncio.run(leases(timings, launcher, given.leases))
    others = ("lent, single use", "lent, made as new")
    timings.show("A sandbox and its first call", console, dict.fromkeys(others, "started for it"))
    if given.out is not None:
        figures = {"calls a second": found, "seconds": timings.seconds}
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
