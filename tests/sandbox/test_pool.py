"""A pool over real backends: order, bounds, what stays of a task before, what is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, tree
from journeyman.sandbox.base import Limits
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.pool import Pool
from journeyman.sandbox.worker import Worker

from .backends import BACKENDS, Backend

SECRET = "tulip-4711"
LEAVE = f"""
import contextlib, json, os, subprocess, time
secret = os.environ["LEFT"] = json.left = "{SECRET}"
print(secret)
open("note", "w").write(secret)
open(b"\\xff\\n", "w").write(secret)
os.symlink(secret, "link")
with contextlib.suppress(OSError):
    os.mkfifo("pipe")
os.makedirs("deep/shut/er")
os.chmod("deep/shut", 0)
if os.fork() == 0:
    os.setsid()
    open("note", "a").write("on")
    time.sleep(60)
secret
"""
FIND = f"""
import gc, json, os, sys, time
before = sorted(os.listdir("."))
time.sleep(0.1)
found, frame = [], sys._getframe()
while frame is not None:
    found += [frame.f_code.co_name for kept in list(frame.f_locals.values())
              if "{SECRET[:5]}" + "{SECRET[5:]}" in repr(kept) and kept is not found]
    frame = frame.f_back
found = [name for name in found if name != "<module>"]
[before, sorted(os.listdir(".")), "LEFT" in os.environ, hasattr(json, "left"), found]
"""


@pytest.fixture(params=[False, True], ids=["single use", "reused"])
def reuse(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def pair(reuse: bool) -> AsyncIterator[Pool]:
    async with Pool(Bubblewrap(), SMALL, size=2, reuse=reuse) as pool:
        yield pool


def alive() -> list[int]:
    """The processes of sandboxes; other tests may have left theirs beside them."""
    below = [pid for root in roots() for pid in tree.descendants(root)]
    return [pid for pid in below if tree.alive(pid)]


def roots() -> set[int]:
    """The first process of each sandbox, as the host sees it."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while it is looked at.
        with contextlib.suppress(OSError):
            found.update(map(int, (task / "children").read_text().split()))
    return {pid for pid in filter(tree.alive, found) if b"bwrap" in said(pid)}


def said(pid: int) -> bytes:
    """The command line of a process; nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def soon(met: object) -> None:
    """Wait until the callable is true."""
    assert callable(met)
    async with asyncio.timeout(20):
        while not met():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_nothing_stays_of_the_task_before(
    backend: Backend, reuse: bool, request: pytest.FixtureRequest
) -> None:
    if backend.launcher.name == "docker":
        request.getfixturevalue("engine")
    async with Pool(backend.launcher, SMALL, size=1, reuse=reuse) as pool:
        for _ in range(3):
            async with pool.lease() as sandbox:
                first = await sandbox.run(FIND, serve=echo)
                assert first.value == [[], [], False, False, []], first
                left = await sandbox.run(LEAVE, serve=echo)
                assert left.value == SECRET and left.output == f"{SECRET}\n", left
                await sandbox.put({"put": SECRET.encode()})


async def test_the_walls_of_a_reused_worker_stay(reuse: bool) -> None:
    async with Pool(Bubblewrap(), SMALL, size=1, reuse=reuse) as pool:
        before = roots()
        async with pool.lease() as sandbox:
            assert (await sandbox.run(LEAVE, serve=echo)).ok
        async with pool.lease() as sandbox:
            await serves(sandbox)
            assert (roots() == before) is reuse


@pytest.mark.parametrize(
    "change",
    [
        "import os\nos.chmod('.', 0o700)",
        "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_STACK, (9, 9))",
        "import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 7)",
        "import os\nos.sched_setaffinity(os.getppid(), {min(os.sched_getaffinity(0))})",
        "import os\nos.setxattr('.', 'user.left', b'1')",
    ],
    ids=["mode", "limit", "priority", "cores", "attribute"],
)
async def test_no_task_finds_what_another_changed_of_its_sandbox(change: str) -> None:
    look = (
        "import os, resource\nrunner = os.getppid()\n[os.stat('.').st_mode, os.listxattr('.'),"
        " resource.getrlimit(resource.RLIMIT_STACK), os.getpriority(0, runner),"
        " sorted(os.sched_getaffinity(runner))]"
    )
    async with Pool(Bubblewrap(), SMALL, size=1, reuse=True) as pool:
        first = await pool.run(look, serve=echo)
        assert first.ok, first
        async with pool.lease() as sandbox:
            # Some of these the kernel refuses: then there is nothing to find.
            await sandbox.run(change, serve=echo)
        assert (await pool.run(look, serve=echo)).value == first.value


async def test_a_worker_that_had_to_be_ended_is_replaced() -> None:
    greed = "import os, time\nfor _ in range(4):\n    if os.fork() == 0: break\n"
    greed += "b = bytearray(60 << 20)\ntime.sleep(9)"
    async with Pool(Bubblewrap(), SMALL, size=1, reuse=True) as pool:
        before = roots()
        async with pool.lease() as sandbox:
            ended = await sandbox.run(greed, serve=echo)
            assert "more than 128 MB" in (ended.error or "") and sandbox.losses == 1, ended
            await serves(sandbox)
            second = roots()
        async with pool.lease() as sandbox:
            await serves(sandbox)
            assert len(roots()) == 1 and not roots() & (before | second)


async def test_a_worker_that_died_is_replaced(pair: Pool) -> None:
    # Both are lent: one that has just been started and is being tried would be told to have failed.
    async with pair.lease() as sandbox, pair.lease():
        before = roots()
        busy = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        await asyncio.sleep(0.2)
        tree.kill(alive())
        assert "ended unexpectedly" in ((await busy).error or "")
    async with pair.lease() as one, pair.lease() as other:
        await serves(one)
        await serves(other)
        assert len(roots()) == 2 and not roots() & before


async def test_there_are_never_more_than_its_size(pair: Pool) -> None:
    # What the canary needs for the first of a kind is no sandbox.
    await pair.run("1", serve=echo)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(roots()))
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    results = await asyncio.gather(*(pair.run(f"{n} * 2", serve=echo) for n in range(20)))
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert [result.value for result in results] == [n * 2 for n in range(20)]
    assert most == 2


async def test_who_asks_first_is_served_first() -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        async with pool.lease() as sandbox:
            served.append(number)
            await serves(sandbox)
            if number < 3:
                # One who asks only now comes after all who wait.
                later.append(asyncio.create_task(ask(number + 10)))

    async with Pool(Bubblewrap(), SMALL, size=1) as pool:
        later: list[asyncio.Task[None]] = []
        await asyncio.gather(*(asyncio.create_task(ask(number)) for number in range(6)))
        await asyncio.gather(*later)
    assert served == [0, 1, 2, 3, 4, 5, 10, 11, 12]


async def test_one_who_waits_no_longer_takes_nothing(pair: Pool) -> None:
    async with pair.lease(), pair.lease():
        waiting = [asyncio.create_task(pair.run("1", serve=echo)) for _ in range(6)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 3


async def test_a_task_that_is_cancelled_gives_its_worker_back(pair: Pool) -> None:
    async def stay() -> None:
        async with pair.lease() as sandbox:
            await sandbox.run("while True: pass", serve=echo)

    staying = [asyncio.create_task(stay()) for _ in range(2)]
    await asyncio.sleep(0.3)
    for task in staying:
        task.cancel()
    assert all(
        isinstance(e, asyncio.CancelledError)
        for e in await asyncio.gather(*staying, return_exceptions=True)
    )
    assert (await pair.run("1", serve=echo)).ok
    await soon(lambda: len(roots()) == 2)


async def test_a_lease_that_is_over_is_of_no_use(pair: Pool) -> None:
    async with pair.lease() as sandbox:
        busy = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        queued = asyncio.create_task(sandbox.run("1", serve=echo))
        await asyncio.sleep(0.2)
    assert not (await busy).ok
    with pytest.raises(SandboxUnavailable, match="given back"):
        await queued
    async with pair.lease(), pair.lease():
        for use in (sandbox.run("1", serve=echo), sandbox.export(), sandbox.put({"a": b""})):
            with pytest.raises(SandboxUnavailable, match="given back"):
                await use
        assert len(roots()) == 2


async def test_one_that_dies_while_it_waits_is_replaced_before_it_is_lent() -> None:
    async with Pool(Bubblewrap(), SMALL, size=2, idle_seconds=0.05) as pool:
        await soon(lambda: pool._offers.qsize() == 2)
        before = roots()
        tree.kill(alive())
        await soon(lambda: len(roots()) == 2 and not roots() & before)
        async with pool.lease() as one, pool.lease() as other:
            await serves(one)
            await serves(other)
            assert one.losses == other.losses == 0


async def test_closing_ends_all_and_tells_who_waits(reuse: bool) -> None:
    await serves_once()
    before = len(os.listdir("/proc/self/fd"))
    async with Pool(Bubblewrap(), SMALL, size=2, reuse=reuse) as pool:
        held = pool.lease()
        sandbox = await held.__aenter__()
        busy = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        async with pool.lease():
            waiting = [asyncio.create_task(pool.run("1", serve=echo)) for _ in range(3)]
            await asyncio.sleep(0.2)
            await pool.close()
    for task in waiting:
        with pytest.raises(SandboxUnavailable, match="closed"):
            await task
    assert not (await busy).ok
    with pytest.raises(SandboxUnavailable, match="given back"):
        await sandbox.run("1", serve=echo)
    await held.__aexit__(None, None, None)
    with pytest.raises(SandboxUnavailable, match="closed"):
        await pool.run("1", serve=echo)
    assert alive() == []
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_closing_while_workers_start_leaves_nothing() -> None:
    await serves_once()
    await asyncio.sleep(0.05)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(12):
        async with asyncio.timeout(20), Pool(Bubblewrap(), SMALL, size=4):
            await asyncio.sleep(number * 0.003)
        assert alive() == []
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_who_is_cancelled_while_it_ends_a_sandbox_leaves_nothing() -> None:
    await serves_once()
    await asyncio.sleep(0.05)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(6):
        sandbox = Worker(Bubblewrap(), SMALL)
        await serves(sandbox)
        ending = asyncio.create_task(sandbox.retire())
        await asyncio.sleep(number * 0.002)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        assert alive() == []
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before


async def serves_once() -> None:
    sandbox = Worker(Bubblewrap(), SMALL)
    await serves(sandbox)
    await sandbox.close()


async def test_a_pool_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="/none"):
        async with Pool(Bubblewrap(str(tmp_path / "none")), size=3):
            pass
    assert alive() == []
    with pytest.raises(ValueError, match="at least one worker"):
        Pool(Bubblewrap(), size=0)
    with pytest.raises(SandboxUnavailable, match="closed"):
        await Pool(Bubblewrap()).run("1", serve=echo)


async def test_who_asks_while_none_can_be_started_is_told_and_later_served() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # The sandbox is started by another user, who must reach it.
        os.chmod(folder, 0o755)
        fake, broken = Path(folder, "bwrap"), Path(folder, "broken")
        fake.write_text(f'#!/bin/sh\ntest -e {broken} && exit 1\nexec bwrap "$@"\n')
        fake.chmod(0o755)
        async with Pool(Bubblewrap(str(fake)), SMALL, size=1) as pool:
            broken.touch()
            assert (await pool.run("1", serve=echo)).ok
            for _ in range(2):
                with pytest.raises(SandboxUnavailable, match="cannot isolate here"):
                    await pool.run("1", serve=echo)
            broken.unlink()
            with contextlib.suppress(SandboxUnavailable):
                # The start that was tried when the last one failed may have been too early.
                await pool.run("1", serve=echo)
            assert (await pool.run("1", serve=echo)).ok


HOST = """
import asyncio
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.pool import Pool
async def main():
    async with Pool(Bubblewrap(), size=3, reuse=True) as pool:
        async with pool.lease() as one, pool.lease() as two, pool.lease() as three:
            print("up", flush=True)
            await one.run("while True: pass", serve=echo)
asyncio.run(main())
"""


async def test_nothing_outlives_a_host_that_is_killed() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE)
    assert host.stdout is not None and host.stdout.readline() == b"up\n"
    await asyncio.sleep(0.2)
    pids = tree.descendants(host.pid)
    assert len(pids) >= 1 + 3 * 3, "the host; bwrap, the runner and a child of it, three times"
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 5
    while any(map(tree.alive, pids)):
        assert time.monotonic() < deadline, pids
        await asyncio.sleep(0.02)


def resident(pids: set[int]) -> int:
    """Bytes of memory that these processes hold of their own."""
    return sum(tree.memory([pid]) for pid in pids)


@pytest.mark.slow
async def test_ten_thousand_calls_leak_nothing() -> None:
    limits = Limits(seconds=20)

    async def calls(pool: Pool, count: int) -> None:
        async with pool.lease() as sandbox:
            for number in range(count):
                result = await sandbox.run("text()", serve=echo)
                assert result.value == ["text", {}], (number, result)

    async def all_calls(pool: Pool, count: int) -> None:
        await asyncio.gather(*(calls(pool, count // 8) for _ in range(8)))

    async with Pool(Bubblewrap(), limits, size=8, reuse=True) as pool:
        await all_calls(pool, 1_600)
        await soon(lambda: len(roots()) == 8 and len(alive()) == 3 * 8)
        before = len(os.listdir("/proc/self/fd")), resident({os.getpid()}), resident(set(alive()))
        await all_calls(pool, 10_000)
        await soon(lambda: len(roots()) == 8 and len(alive()) == 3 * 8)
        after = len(os.listdir("/proc/self/fd")), resident({os.getpid()}), resident(set(alive()))
    assert after[0] <= before[0], "file descriptors"
    assert after[1] <= before[1] * 1.05, "memory of the host"
    assert after[2] <= before[2] * 1.05, "memory of the sandboxes"
    assert alive() == []
