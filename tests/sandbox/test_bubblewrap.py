"""The real bubblewrap: what it holds, what is left on the host, and where it refuses to run."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, seccomp, tree
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.worker import Worker


@pytest.fixture
async def sandbox() -> AsyncIterator[Worker]:
    sandbox = Worker(Bubblewrap(), SMALL)
    yield sandbox
    await sandbox.close()


def children() -> list[int]:
    return [pid for pid in tree.descendants(os.getpid())[1:] if tree.alive(pid)]


async def test_the_memory_of_all_processes_counts(sandbox: Worker) -> None:
    await sandbox.run("pass", serve=echo)
    root = children()[0]
    code = (
        "import os\nfor _ in range(3): os.fork()\nb = []\nwhile True: b.append(bytearray(1 << 18))"
    )
    limits = Limits(seconds=20, memory_mb=256)
    run = asyncio.create_task(sandbox.run(code, serve=echo, limits=limits))
    peak = 0
    while not run.done():
        peak = max(peak, tree.memory(tree.descendants(root)))
        await asyncio.sleep(0.01)
    result = await run
    assert "more than 256 MB" in (result.error or ""), result
    assert peak < 700 << 20, f"{peak >> 20} MB"
    await serves(sandbox)


async def test_shared_pages_count_once(sandbox: Worker) -> None:
    code = "import os, time\nb = bytearray(40 << 20)\nfor _ in range(5):\n    if os.fork() == 0:\n"
    result = await sandbox.run(f"{code}        time.sleep(9)\ntime.sleep(0.4)", serve=echo)
    assert result.ok, result


async def test_too_many_files_end_the_run(sandbox: Worker) -> None:
    code = "n = 0\nwhile True:\n    open(f'f{n}', 'w').close()\n    n += 1"
    result = await sandbox.run(code, serve=echo)
    assert result.error == "the action made too many files and was stopped"


async def test_time_spent_by_the_host_counts(sandbox: Worker) -> None:
    async def slow(primitive: str, args: dict[str, Json]) -> Json:
        await asyncio.sleep(60)

    started = time.monotonic()
    code = "print('a')\nclick('button', 'OK')"
    result = await sandbox.run(code, serve=slow, limits=Limits(seconds=0.5))
    assert result.timed_out and result.output == "a\n" and "0.5 s" in (result.error or "")
    assert time.monotonic() - started < 3
    await serves(sandbox)


async def test_a_fault_of_the_host_is_raised_and_the_next_run_works(sandbox: Worker) -> None:
    async def broken(primitive: str, args: dict[str, Json]) -> Json:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sandbox.run("click('button', 'OK')", serve=broken)
    assert children() == []
    await serves(sandbox)


async def test_an_answer_too_long_is_an_error_inside(sandbox: Worker) -> None:
    async def long(primitive: str, args: dict[str, Json]) -> Json:
        return "x" * 1_000_000

    result = await sandbox.run("text()", serve=long)
    assert "too long" in (result.error or ""), result


async def test_every_namespace_is_its_own(sandbox: Worker) -> None:
    # The system call filter alone would hide a shared network from the tests inside.
    await serves(sandbox)
    inner = children()[-1]
    for name in ("net", "pid", "ipc", "uts", "user", "mnt", "cgroup"):
        assert os.readlink(f"/proc/{inner}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"), name


async def test_files_stay_while_the_sandbox_lives_and_runs_take_turns(sandbox: Worker) -> None:
    codes = ["open('n', 'a').write('x')\nimport os\nos.path.getsize('n')"] * 5
    results = await asyncio.gather(*(sandbox.run(code, serve=echo) for code in codes))
    assert all(result.ok for result in results)
    assert (await sandbox.run("len(open('n').read())", serve=echo)).value == 5


async def test_a_cancelled_run_leaves_no_process(sandbox: Worker) -> None:
    await serves(sandbox)
    run = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert children() == []
    await serves(sandbox)


async def test_closing_leaves_no_process_and_no_open_file() -> None:
    sandbox = Worker(Bubblewrap())
    await serves(sandbox)
    await sandbox.close()
    await asyncio.sleep(0)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await serves(sandbox)
        busy = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        await asyncio.sleep(0.05)
        await sandbox.close()
        assert not (await busy).ok
        assert children() == []
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before


SCRIPT = """
import asyncio
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.worker import Worker
from journeyman.sandbox.conformance import *
from journeyman.sandbox.conformance_walls import *
from journeyman.sandbox.conformance import echo, serves
async def main():
    sandbox = Worker(Bubblewrap())
    await serves(sandbox)
    WHAT
    await sandbox.close()
    print("held", flush=True)
asyncio.run(main())
"""


async def test_nothing_outlives_a_killed_host() -> None:
    wait = "print('up', flush=True); await sandbox.run('while True: pass', serve=echo)"
    host = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("WHAT", wait)], stdout=subprocess.PIPE
    )
    assert host.stdout is not None and host.stdout.readline() == b"up\n"
    await asyncio.sleep(0.2)
    pids = tree.descendants(host.pid)
    assert len(pids) >= 4, "host, bwrap, runner and run"
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 5
    while any(map(tree.alive, pids)):
        assert time.monotonic() < deadline, pids
        await asyncio.sleep(0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run unprivileged already")
def test_it_holds_without_root_too() -> None:
    checks = "await holds_many_processes(sandbox); await hides_files(sandbox); await hides_processes(sandbox)"
    with tempfile.TemporaryDirectory() as folder:
        # The checkout and its Python may lie where only root can read.
        room = Path(folder, "journeyman", "sandbox")
        room.mkdir(parents=True)
        for source in Path(seccomp.__file__).parent.glob("*.py"):
            shutil.copy(source, room)
        os.chmod(folder, 0o755)
        done = subprocess.run(
            ["/usr/bin/python3", "-c", SCRIPT.replace("WHAT", checks)],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
            user=12345,
            group=12345,
            extra_groups=[],
            cwd="/",
        )
    assert done.stdout == "held\n", done.stderr


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "user namespaces"),
        ('exec bwrap --ro-bind /etc /etc "$@"', "/etc/passwd of the host can be seen"),
        ("echo hello", "did not get ready"),
    ],
    ids=["refused by the kernel", "isolates too little", "no bubblewrap at all"],
)
async def test_what_does_not_isolate_is_refused(script: str, words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # The sandbox is started by another user, who must reach it.
        os.chmod(folder, 0o755)
        fake = Path(folder, "bwrap")
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        sandbox = Worker(Bubblewrap(str(fake)))
        with pytest.raises(SandboxUnavailable, match=words):
            await sandbox.run("1", serve=echo)
        assert children() == []


async def test_a_missing_bubblewrap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        await Worker(Bubblewrap()).run("1", serve=echo)


def test_the_runner_refuses_to_start_outside_a_sandbox() -> None:
    # Safe because it is no first process; were the refusal gone, end of input ends it at once.
    runner = Path(seccomp.__file__).with_name("runner.py")
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", "-B", str(runner)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "first process of a sandbox" in done.stderr
