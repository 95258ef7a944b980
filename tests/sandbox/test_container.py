"""The real engine: what its containers hold, what is left of them, and where they refuse to run."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from journeyman.sandbox import SandboxUnavailable, image, seccomp
from journeyman.sandbox.base import Json, Limits
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.container import Container
from journeyman.sandbox.engine import LABEL
from journeyman.sandbox.worker import Worker

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]
# The machine's own kernel, also where gVisor is at hand.
CONTAINER = Container(gvisor=False)


@pytest.fixture
async def sandbox() -> AsyncIterator[Worker]:
    sandbox = Worker(CONTAINER, SMALL)
    yield sandbox
    await sandbox.close()


@pytest.fixture
def api() -> Iterator[Any]:
    api = docker.APIClient(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    yield api
    api.close()


def of(api: Any, pid: int, **state: bool) -> list[dict[str, Any]]:
    """The containers that a process has started; `all=True` has those that ended too."""
    found: list[dict[str, Any]] = api.containers(filters={"label": LABEL}, **state)
    return [one for one in found if one["Labels"][LABEL].split()[2] == str(pid)]


async def test_the_process_has_no_right_and_two_filters(sandbox: Worker) -> None:
    code = "lines = open('/proc/self/status').read().splitlines()\n"
    code += "dict(line.split(':\\t', 1) for line in lines if ':\\t' in line)"
    status = (await sandbox.run(code, serve=echo)).value
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0000000000000000"
    }
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    user = status["Uid"].split()[0]
    assert 60_000 <= int(user) < 65_000 and status["Gid"].split() == [user] * 4
    assert int(status["Seccomp_filters"]) == 2, "the engine's and ours"


async def test_denied_system_calls_fail(sandbox: Worker) -> None:
    column = seccomp.MACHINES[os.uname().machine][0]
    numbers = {name: pair[column] for name, pair in seccomp.DENIED.items() if pair[column]}
    numbers |= {"clone3": seccomp.CLONE3, "future": 600}
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def error(number):
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1 else 0
{{name: error(number) for name, number in {numbers!r}.items()}}
"""
    result = await sandbox.run(code, serve=echo)
    assert {name for name, error in result.value.items() if error not in (1, 38)} == set()
    assert result.value["clone3"] == result.value["future"] == 38


async def test_proc_tells_of_the_container_only(sandbox: Worker) -> None:
    code = """
import os
own = {"self", "thread-self", "mounts", "net"}
told = []
for name in os.listdir("/proc"):
    if name in own or name.isdigit():
        continue
    path = "/proc/" + name
    try:
        if os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1):
            told.append(name)
    except OSError:
        pass
told
"""
    assert (await sandbox.run(code, serve=echo)).value == []
    assert (
        await sandbox.run("import os\nos.listdir('/proc/net/dev_snmp6')", serve=echo)
    ).value == ["lo"]


async def test_only_the_work_area_can_be_written(sandbox: Worker) -> None:
    code = """
import os
found = []
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if not os.path.join(folder, name).startswith("/proc/")]
    if os.access(folder, os.W_OK):
        found.append(folder)
found
"""
    assert (await sandbox.run(code, serve=echo)).value == ["/tmp"]
    code = "import os, subprocess\nopen('x', 'w').write('#!/bin/sh\\n')\nos.chmod('x', 0o755)\n"
    code += "subprocess.run('./x')"
    result = await sandbox.run(code, serve=echo)
    assert "PermissionError" in (result.error or ""), "what is written cannot be run as a program"


async def test_no_signal_ends_the_first_process(sandbox: Worker) -> None:
    await serves(sandbox)
    code = "import os\nfor number in range(1, 65):\n    try: os.kill(1, number)\n"
    result = await sandbox.run(f"{code}    except OSError: pass", serve=echo)
    assert result.ok, result
    assert sandbox.losses == 0


async def test_the_memory_of_all_processes_counts(sandbox: Worker) -> None:
    code = "import os\nfor _ in range(3): os.fork()\nb = []\n"
    code += "while True: b.append(bytearray(1 << 18))"
    result = await sandbox.run(code, serve=echo)
    assert result.error == "the action used more than 128 MB and was stopped", result
    await serves(sandbox)


async def test_processes_of_another_container_do_not_count(sandbox: Worker) -> None:
    other = Worker(CONTAINER, SMALL)
    code = "import os, time\nfor _ in range(6):\n    if os.fork() == 0: break\ntime.sleep(1)"
    try:
        await asyncio.gather(serves(sandbox), serves(other))
        both = await asyncio.gather(sandbox.run(code, serve=echo), other.run(code, serve=echo))
        assert all(result.ok for result in both), both
    finally:
        await other.close()


async def test_nothing_of_the_hosts_environment_comes_in(
    sandbox: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The SDK gives containers the proxies, with their passwords, that stand in this file.
    folder = Path(os.environ["HOME"], ".docker")
    folder.mkdir()
    proxies = {"default": {"httpProxy": "http://ann:secret@proxy.test:1"}}
    (folder / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    result = await sandbox.run("import os\ndict(os.environ)", serve=echo)
    assert result.value.keys() <= {"HOME", "LC_CTYPE", "PATH"}, result.value


async def test_the_engine_keeps_no_log_and_gives_no_network(sandbox: Worker, api: Any) -> None:
    await sandbox.run("print('private')", serve=echo)
    (container,) = of(api, os.getpid())
    about = api.inspect_container(container["Id"])
    assert about["HostConfig"]["LogConfig"]["Type"] == "none" and about["LogPath"] == ""
    assert list(about["NetworkSettings"]["Networks"]) == ["none"]
    assert about["Config"]["Env"] == ["PATH=/usr/bin", "HOME=/tmp"]
    assert about["Mounts"] == [] and about["HostConfig"]["Binds"] is None


async def test_every_namespace_is_its_own(sandbox: Worker, api: Any) -> None:
    # The system call filter alone would hide a shared network from the tests inside.
    if os.geteuid() != 0:
        pytest.skip("only root may look into a container's process")
    await serves(sandbox)
    (container,) = of(api, os.getpid())
    inner = api.inspect_container(container["Id"])["State"]["Pid"]
    for name in ("net", "pid", "ipc", "uts", "mnt", "cgroup"):
        ours, theirs = (os.readlink(f"/proc/{pid}/ns/{name}") for pid in ("self", inner))
        assert ours != theirs, name


async def test_time_spent_by_the_host_counts(sandbox: Worker) -> None:
    async def slow(primitive: str, args: dict[str, Json]) -> Json:
        await asyncio.sleep(60)

    code = "print('a')\nclick('button', 'OK')"
    result = await sandbox.run(code, serve=slow, limits=Limits(seconds=0.5))
    assert result.timed_out and result.output == "a\n" and "0.5 s" in (result.error or "")
    await serves(sandbox)


async def test_a_cancelled_run_and_a_cancelled_start_leave_no_container(api: Any) -> None:
    sandbox = Worker(CONTAINER, SMALL)
    for wait in (0.0, 0.05, 0.5, 1.5):
        run = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        await asyncio.sleep(wait)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert of(api, os.getpid(), all=True) == []


async def test_closing_leaves_no_container_no_thread_and_no_open_file(api: Any) -> None:
    sandbox = Worker(CONTAINER)
    await serves(sandbox)
    await sandbox.close()
    await asyncio.sleep(0.05)
    before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    for _ in range(2):
        await serves(sandbox)
        busy = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
        await asyncio.sleep(0.05)
        await sandbox.close()
        assert not (await busy).ok
        assert of(api, os.getpid(), all=True) == []
    await asyncio.sleep(0.05)
    after = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    assert after <= before


async def test_a_container_ended_from_outside_is_replaced(sandbox: Worker, api: Any) -> None:
    await serves(sandbox)
    (container,) = of(api, os.getpid())
    run = asyncio.create_task(sandbox.run("while True: pass", serve=echo))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(api.remove_container, container["Id"], force=True)
    assert not (await run).ok
    await serves(sandbox)


HOST = """
import asyncio, sys
from journeyman.sandbox.container import Container
from journeyman.sandbox.worker import Worker
from journeyman.sandbox.conformance import echo, serves
async def main():
    sandbox = Worker(Container(gvisor=False))
    await serves(sandbox)
    print('up', flush=True)
    await sandbox.run('while True: pass', serve=echo)
asyncio.run(main())
"""


async def test_nothing_outlives_a_killed_host(sandbox: Worker, api: Any) -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE)
    assert host.stdout is not None and host.stdout.readline() == b"up\n"
    assert len(of(api, host.pid)) == 1
    await serves(sandbox)
    assert len(of(api, host.pid)) == 1, "a living host's container is left alone"
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 10
    while of(api, host.pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    # What the engine still knows of it goes with the next start.
    other = Worker(CONTAINER)
    await serves(other)
    await other.close()
    assert of(api, host.pid, all=True) == []


async def test_a_missing_image_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "STEPS", -1)
    with pytest.raises(SandboxUnavailable, match="run journeyman sandbox build"):
        await Worker(CONTAINER).run("1", serve=echo)


async def test_the_standard_library_is_compiled_and_tools_are_there(sandbox: Worker) -> None:
    code = "import csv, os, sqlite3, tarfile, zoneinfo\nzoneinfo.ZoneInfo('Europe/Berlin')\n"
    result = await sandbox.run(f"{code}os.path.exists(csv.__cached__)", serve=echo)
    assert result.value is True, result
    for program in ("bash", "sh", "awk", "grep", "sed", "find", "tar", "gzip", "zip", "sqlite3"):
        result = await sandbox.execute(["which", program])
        assert result.output == f"/usr/bin/{program}\n", result
