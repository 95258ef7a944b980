"""Landlock alone: what it holds without a namespace, what is left on the host, where it refuses."""

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

from journeyman.sandbox import SandboxUnavailable, cgroup, confine, landlock, seccomp, tree
from journeyman.sandbox.base import Capability, Limits
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.worker import Worker

DETACH = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        os._exit(0)
"""


@pytest.fixture
async def sandbox() -> AsyncIterator[Worker]:
    sandbox = Worker(Landlock(), SMALL)
    yield sandbox
    await sandbox.close()


def folders() -> set[str]:
    """The folders of this process's sandboxes."""
    own = f"{landlock.PREFIX}{tree.mark()}-"
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"{own}*")}


def below() -> list[int]:
    return [pid for pid in tree.descendants(os.getpid())[1:] if tree.alive(pid)]


def owners(pid: int) -> str:
    """The users of a process: real, effective, saved and of its files."""
    return Path(f"/proc/{pid}/status").read_text().partition("Uid:")[2].partition("\n")[0]


async def runner(sandbox: Worker) -> int:
    """The runner, of which there is one, before the process that waits for the next run."""
    await serves(sandbox)
    return below()[0]


async def test_what_leaves_its_session_and_its_parent_ends_with_the_run(sandbox: Worker) -> None:
    pid = await runner(sandbox)
    user = int(owners(pid).split()[0])
    assert (await sandbox.run(DETACH, serve=echo)).ok
    assert below()[0] == pid and len(tree.owned(user)) <= 2
    result = await sandbox.run(f"{DETACH}os._exit(0)", serve=echo)
    assert "ended its own process" in (result.error or ""), result
    assert below()[0] == pid and len(tree.owned(user)) <= 2
    await serves(sandbox)


async def test_a_storm_of_forks_ends_with_the_sandbox(sandbox: Worker) -> None:
    await serves(sandbox)
    code = "import os\nos.setsid()\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    busy = asyncio.create_task(sandbox.run(code, serve=echo))
    while len(below()) < 5:
        assert not busy.done(), busy.result()
        await asyncio.sleep(0.01)
    await sandbox.close()
    assert not (await busy).ok
    assert below() == [] and folders() == set()


async def test_the_runner_has_no_rights_and_few_open_files(sandbox: Worker) -> None:
    pid = await runner(sandbox)
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, status
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{kind}:\t0000000000000000" in status, status
    files = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    allowed = {"anon_inode:[landlock-ruleset]", os.readlink(f"/proc/{pid}/cwd")}
    assert all(file in allowed or file.startswith("pipe:") for file in files), files
    names = {line.partition(b"=")[0] for line in
             Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if line}  # fmt: skip
    assert names == {b"PATH", b"HOME", b"TMPDIR"}


@pytest.mark.parametrize(
    "code",
    [
        "os.kill(PID, 0)",
        "os.kill(PID, 19)",
        "signal.pidfd_send_signal(os.pidfd_open(PID), 9)",
        "resource.prlimit(PID, resource.RLIMIT_NOFILE, (0, 0))",
        "os.sched_setscheduler(PID, os.SCHED_IDLE, os.sched_param(0))",
    ],
)
async def test_no_sandbox_reaches_another(sandbox: Worker, code: str) -> None:
    victim = await runner(sandbox)
    other = Worker(Landlock(), SMALL)
    try:
        said = await other.run(
            f"import os, resource, signal\n{code.replace('PID', str(victim))}", serve=echo
        )
        assert "PermissionError" in (said.error or ""), said
        work = os.readlink(f"/proc/{victim}/cwd")
        for look in (f"os.listdir({work!r})", f"open({work + '/x'!r}, 'w')"):
            said = await other.run(f"import os\n{look}", serve=echo)
            assert "PermissionError" in (said.error or ""), said
    finally:
        await other.close()
    await serves(sandbox)
    assert below()[0] == victim


async def test_each_has_its_own_count_of_processes() -> None:
    sandboxes = [Worker(Landlock(), SMALL) for _ in range(3)]
    fill = "import os, time\nfor _ in range(7):\n    if os.fork() == 0: time.sleep(60)\n"
    fill += "time.sleep(0.2)"
    try:
        ran = await asyncio.gather(*(each.run(fill, serve=echo) for each in sandboxes))
        assert all(result.ok for result in ran), ran
    finally:
        for each in sandboxes:
            await each.close()


async def test_a_process_that_hides_its_owner_is_found(sandbox: Worker) -> None:
    await serves(sandbox)
    hide = "import ctypes, os, time\nDUMPABLE = 4\nctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)\n"
    code = f"{hide}{DETACH}time.sleep(60)"
    busy = asyncio.create_task(sandbox.run(code, serve=echo))
    while len(below()) < 5:
        assert not busy.done(), busy.result()
        await asyncio.sleep(0.01)
    found = below()
    # A runner that the kernel ended for memory leaves its run behind.
    tree.kill(found[:1])
    result = await busy
    assert "ended unexpectedly" in (result.error or ""), result
    assert not any(map(tree.alive, found))
    await serves(sandbox)


async def test_files_stay_until_the_sandbox_is_closed_and_nothing_is_left(sandbox: Worker) -> None:
    work = Path(os.readlink(f"/proc/{await runner(sandbox)}/cwd"))
    deep = "import os\nfor n in range(600): os.mkdir('d'); os.chdir('d')\n"
    assert (await sandbox.run(f"open('kept', 'w').write('hi')\n{deep}", serve=echo)).ok
    assert (await sandbox.run("open('kept').read()", serve=echo)).value == "hi"
    assert (work / "kept").stat().st_uid == work.stat().st_uid
    await sandbox.close()
    assert not work.parent.exists() and folders() == set()


async def test_memory_is_held_without_a_control_group_too(
    sandbox: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "make", lambda limits: None)
    code = "import os, time\nfor _ in range(3): os.fork()\nb = bytearray(30 << 20)\ntime.sleep(60)"
    result = await sandbox.run(code, serve=echo, limits=Limits(seconds=20, memory_mb=96))
    assert "more than 96 MB" in (result.error or ""), result
    assert below() == []


SCRIPT = """
import asyncio, sys
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.worker import Worker
from journeyman.sandbox.conformance import *
from journeyman.sandbox.conformance import echo, serves
from journeyman.sandbox.conformance_files import *
from journeyman.sandbox.conformance_walls import *
async def main():
    sandbox = Worker(Landlock(), SMALL)
    await serves(sandbox)
    WHAT
    await sandbox.close()
    print("held", flush=True)
asyncio.run(main())
"""


async def test_nothing_outlives_a_killed_host() -> None:
    detach = DETACH.replace("\n", "\\n")
    code = f"{detach}\\nimport page\\nwhile True: pass"
    wait = f"print('up', flush=True); await sandbox.run('''{code}''', serve=echo)"
    host = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("WHAT", wait)], stdout=subprocess.PIPE
    )
    assert host.stdout is not None and host.stdout.readline() == b"up\n"
    async with asyncio.timeout(20):
        while len(pids := tree.descendants(host.pid)) < 6:
            await asyncio.sleep(0.02)
    # The runner, the run and its three; one that has ended meanwhile is nobody's.
    own = {owners(pid) for pid in pids[1:] if tree.alive(pid)}
    assert len(own) == 1, own
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 5
    while any(map(tree.alive, pids)):
        assert time.monotonic() < deadline, pids
        await asyncio.sleep(0.02)
    left = list(Path(tempfile.gettempdir()).glob(f"{landlock.PREFIX}*-{host.pid}-*"))
    assert left, "the folder of a killed host waits for the next one"
    later = "pass"
    done = subprocess.run([sys.executable, "-c", SCRIPT.replace("WHAT", later)], check=True)
    assert done.returncode == 0 and not any(path.exists() for path in left)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run unprivileged already")
def test_it_holds_without_root_too() -> None:
    checks = "\n    ".join(f"await {check}(sandbox)" for check in (
        "holds_many_processes", "refuses_files", "refuses_processes", "watches_space",
        "brings_files_back", "has_no_network", "gives_no_rights"))  # fmt: skip
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


def test_it_declares_itself_weaker() -> None:
    assert Landlock().capabilities == {Capability.COMMANDS}


@pytest.mark.parametrize(
    ("abi", "words"), [(0, "no Landlock"), (1, "cannot keep code from signalling"), (5, "6.12")]
)
def test_a_kernel_that_holds_too_little_is_refused(abi: int, words: str) -> None:
    with pytest.raises(SandboxUnavailable, match=words):
        landlock.refuse_kernel(abi)


def test_this_kernel_is_new_enough() -> None:
    landlock.refuse_kernel(confine.abi())


@pytest.mark.parametrize(
    ("table", "there"),
    [("0 0 4294967295\n", True), ("0 100000 65536\n", False), ("0 0 1\n1 100000 65536\n", False)],
)
def test_a_user_namespace_may_have_too_few_users(tmp_path: Path, table: str, there: bool) -> None:
    (tmp_path / "uid_map").write_text(table)
    assert landlock._maps(landlock.USERS[-1], str(tmp_path / "uid_map")) is there


@pytest.mark.parametrize("words", [["domain", "0", ""], ["domain"], []])
def test_the_runner_refuses_to_start_where_nothing_shuts_it_in(words: list[str]) -> None:
    # Safe: in a domain it ends nothing but its own children, elsewhere it must be a first process.
    runner = Path(seccomp.__file__).with_name("runner.py")
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", "-B", str(runner), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "runner.py" in done.stderr and "Traceback" not in done.stderr
