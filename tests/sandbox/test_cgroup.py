"""Control groups: found in trees of both versions, and what the real ones of this machine hold."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.sandbox import cgroup, tree
from journeyman.sandbox.base import Limits
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.cgroup import Group, Place
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.worker import Launcher, Worker

GONE = "1-999999999-1"
"""A mark as of a process in another pid namespace."""


@pytest.fixture
def proc(tmp_path: Path) -> Callable[[str, str], Path]:
    """A process's mountinfo and cgroup, in which TOP stands for a folder of the test's."""

    def write(mountinfo: str, groups: str) -> Path:
        folder = tmp_path / "proc"
        folder.mkdir()
        top = str(tmp_path).replace(" ", "\\040")
        (folder / "mountinfo").write_text(mountinfo.replace("TOP", top))
        (folder / "cgroup").write_text(groups)
        return folder

    return write


V1 = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:27 / TOP/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
31 22 0:28 / TOP/with\\040space rw,nosuid shared:9 - cgroup cgroup rw,hugetlb,pids
32 22 0:29 / TOP/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
"""
V2 = "30 22 0:27 / TOP/all rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_makes_a_group_below_our_own(
    tmp_path: Path, proc: Callable[[str, str], Path]
) -> None:
    memory, pids = tmp_path / "memory/a/b", tmp_path / "with space"
    memory.mkdir(parents=True)
    pids.mkdir()
    found = cgroup.find(proc(V1, "9:memory:/a/b\n8:hugetlb,pids:/\n0::/a\n"))
    assert found == Place(1, (memory, pids))
    group = Group(found, Limits(memory_mb=100, file_mb=10, processes=7))
    assert [folder.parent for folder in group.folders] == [memory, pids]
    most = group.folders[0] / "memory.limit_in_bytes"
    assert most.read_text() == str(110 << 20)
    assert (group.folders[1] / "pids.max").read_text() == str(7 + cgroup.BESIDES)
    group.hold(50)
    assert most.read_text() == str(60 << 20)
    said = subprocess.run([*group.entering(), "echo", "a b"], capture_output=True, check=True)
    assert said.stdout == b"a b\n"
    assert [(folder / "cgroup.procs").read_text() for folder in group.folders] == ["0\n", "0\n"]
    assert not group.starved()
    (group.folders[0] / "memory.oom_control").write_text("under_oom 0\noom_kill 1\n")
    assert group.starved()


def test_a_mount_may_show_a_part_of_the_hierarchy(
    tmp_path: Path, proc: Callable[[str, str], Path]
) -> None:
    shown = V1.replace("0:27 / TOP/memory", "0:27 /docker/x TOP/memory")
    (tmp_path / "memory/y").mkdir(parents=True)
    (tmp_path / "with space").mkdir()
    found = cgroup.find(proc(shown, "9:memory:/docker/x/y\n8:pids:/\n"))
    assert found is not None and found.parents[0] == tmp_path / "memory/y"


@pytest.mark.parametrize(
    ("groups", "holder"),
    [
        ("0::/slice/service/main\n", "slice/service"),
        ("0::/slice/service\n", "slice"),
        ("0::/slice/poor/main\n", "slice"),
        ("0::/\n", ""),
    ],
    ids=["delegated", "a service", "a parent without controllers", "the first of all"],
)
def test_version_2_makes_a_group_beside_our_own(
    tmp_path: Path, proc: Callable[[str, str], Path], groups: str, holder: str
) -> None:
    for name in ("", "slice", "slice/service", "slice/service/main", "slice/poor/main"):
        folder = tmp_path / "all" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").touch()
        (folder / "cgroup.subtree_control").write_text("cpu memory pids\n")
    # As a kernel refuses it for a group that holds processes.
    (tmp_path / "all/slice/poor").joinpath("cgroup.subtree_control").mkdir()
    (tmp_path / "all/slice/poor/cgroup.procs").touch()
    found = cgroup.find(proc(V2, groups))
    assert found == Place(2, (tmp_path / "all" / holder,))
    group = Group(found, Limits(memory_mb=100, file_mb=10, processes=7))
    (folder,) = group.folders
    assert (folder / "memory.max").read_text() == str(110 << 20)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == str(7 + cgroup.BESIDES)
    (folder / "memory.events").write_text("low 0\noom 3\noom_kill 0\noom_group_kill 0\n")
    assert not group.starved()
    (folder / "memory.events").write_text("oom 3\noom_kill 2\n")
    assert group.starved()


@pytest.mark.parametrize(
    ("mountinfo", "groups"),
    [
        ("", ""),
        ("nonsense\n - \n1 2 3 - cgroup2\n", "nonsense"),
        (V1, "9:memory:/gone\n8:pids:/gone\n"),
        (V2, "0::/../../outside\n"),
        (V2, "0::/gone/main\n"),
        (V1.replace("pids", "freezer"), "9:memory:/\n0::/\n"),
    ],
    ids=["none", "nonsense", "not there", "outside", "not delegated", "no pids"],
)
def test_where_no_group_can_be_had_none_is_found(
    proc: Callable[[str, str], Path], mountinfo: str, groups: str
) -> None:
    assert cgroup.find(proc(mountinfo, groups)) is None


def test_groups_of_dead_hosts_are_removed_and_no_others(tmp_path: Path) -> None:
    parent = tmp_path / "groups"
    ended = subprocess.Popen(["sleep", "60"])
    mark = tree.mark()
    space, pid, start = mark.split("-")
    dead = [f"{space}-{ended.pid}-{start}", f"{space}-{pid}-{int(start) - 1}"]
    ended.kill()
    ended.wait()
    kept = [mark, GONE, "nonsense", f"{space}-x-y"]
    for name in dead + kept:
        (parent / f"{cgroup.PREFIX}{name}-1").mkdir(parents=True)
    (parent / "another").mkdir()
    cgroup.sweep(Place(2, (parent,)))
    left = {folder.name for folder in parent.iterdir()}
    assert left == {"another", *(f"{cgroup.PREFIX}{name}-1" for name in kept)}


MANY = "import os, time\nfor _ in range(3): os.fork()\nb = bytearray(40 << 20)\ntime.sleep(60)"
"""Eight processes of 40 MB each, none of which is too large by itself."""
CHILD = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        b = bytearray(60 << 20)
        time.sleep(60)
for _ in range(4): os.wait()
"""
GUARDS = ["looked at", *(["held by the kernel"] if cgroup.find() is not None else [])]


@pytest.fixture(params=GUARDS)
def guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How memory is held: each way that this machine offers."""
    if request.param == "looked at":
        monkeypatch.setattr(cgroup, "make", lambda limits: None)
    return str(request.param)


@pytest.mark.parametrize("launcher", [Bubblewrap(), Landlock()], ids=lambda each: each.name)
async def test_memory_of_all_processes_is_held(launcher: Launcher, guard: str) -> None:
    sandbox = Worker(launcher, SMALL)
    try:
        for code in (MANY, CHILD):
            result = await sandbox.run(code, serve=echo)
            assert "more than 128 MB" in (result.error or ""), (guard, result)
            await serves(sandbox)
        most = Limits(memory_mb=512, processes=8)
        result = await sandbox.run(MANY.replace("time.sleep(60)", "1"), serve=echo, limits=most)
        assert result.ok, (guard, result)
        least = Limits(memory_mb=64, processes=8)
        result = await sandbox.run(MANY.replace("40", "20"), serve=echo, limits=least)
        assert "more than 64 MB" in (result.error or ""), (guard, result)
        await serves(sandbox)
    finally:
        await sandbox.close()


def groups_here() -> set[Path]:
    place = cgroup.find()
    own = f"{cgroup.PREFIX}{tree.mark()}-*"
    return {path for parent in (place.parents if place else ()) for path in parent.glob(own)}


@pytest.mark.parametrize("launcher", [Bubblewrap(), Landlock()], ids=lambda each: each.name)
async def test_every_process_is_in_the_group_and_the_group_goes(launcher: Launcher) -> None:
    sandbox = Worker(launcher, SMALL)
    await serves(sandbox)
    fork = "import os, time\nos.setsid()\nif os.fork() == 0: time.sleep(60)\nwhile True: pass"
    busy = asyncio.create_task(sandbox.run(fork, serve=echo))
    expected = 3 if launcher.name == "landlock" else 4
    while len(inside := tree.descendants(os.getpid())[1:]) < expected:
        assert not busy.done(), busy.result()
        await asyncio.sleep(0.01)
    for folder in groups_here():
        members = {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
        assert members == set(inside), folder
    assert bool(groups_here()) is (cgroup.find() is not None)
    await sandbox.close()
    await busy
    assert groups_here() == set()
