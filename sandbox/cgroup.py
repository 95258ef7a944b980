"""Control groups: one for each sandbox, in which the kernel counts its memory and its processes.

Covered: version 1 and 2, a process in a group below another, groups of hosts that have died. A
group is made below the host's own (version 1) or beside it (version 2, which lets no group hold
both processes and groups), so that a sandbox counts against whatever holds its host.
Not covered: processor time; kernels before 4.13, which do not count what they end for memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from . import tree
from .base import Limits

CONTROLLERS = ("memory", "pids")
PREFIX = "journeyman-"
BESIDES = 2
"""Processes of a sandbox that are not the run's: its runner, and what started that."""
GONE_SECONDS = 5.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where groups can be made: a folder for memory and one for processes, or one for both."""

    version: int
    parents: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Mount:
    """A hierarchy of groups as it is mounted."""

    version: int
    controllers: frozenset[str]
    root: str
    """Which group of the hierarchy stands at `point`."""
    point: Path


def mounts(mountinfo: str) -> tuple[Mount, ...]:
    """Read the hierarchies out of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        version = 2 if kind[0] == "cgroup2" else 1
        controllers = frozenset(kind[-1].split(",")) if version == 1 else frozenset()
        found.append(Mount(version, controllers, _plain(fields[3]), Path(_plain(fields[4]))))
    return tuple(found)


def groups_of(cgroup: str) -> dict[str, str]:
    """Read out of /proc/self/cgroup which group a process is in, by controller; "" is version 2."""
    found = {}
    for line in cgroup.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found.update(dict.fromkeys(names.split(","), path))
    return found


def find(proc: Path = Path("/proc/self")) -> Place | None:
    """Where this process may make groups that hold memory and processes; None where it may not."""
    try:
        known = mounts((proc / "mountinfo").read_text())
        own = groups_of((proc / "cgroup").read_text())
    except OSError:
        return None
    first = [_first(known, controller, own.get(controller)) for controller in CONTROLLERS]
    parents = tuple(folder for folder in first if folder is not None)
    if len(parents) == len(CONTROLLERS):
        return Place(1, parents) if all(os.access(p, os.W_OK) for p in parents) else None
    for mount in known:
        if mount.version == 2 and (folder := _within(mount, own.get(""))) is not None:
            second = _second(mount.point, folder)
            return Place(2, (second,)) if second is not None else None
    return None


def make(limits: Limits) -> Group | None:
    """A group for one sandbox; None where none can be had."""
    place = _here()
    try:
        return Group(place, limits) if place is not None else None
    except OSError:
        return None


def sweep(place: Place) -> None:
    """Remove groups whose host has died, with what is left in them."""
    for parent in place.parents:
        for folder in parent.glob(f"{PREFIX}*"):
            if tree.gone(folder.name.removeprefix(PREFIX).rpartition("-")[0]):
                tree.kill(_members(folder))
                with contextlib.suppress(OSError):
                    folder.rmdir()


class Group:
    """The group of one sandbox. Raises OSError where it cannot be made."""

    def __init__(self, place: Place, limits: Limits) -> None:
        name = f"{PREFIX}{tree.mark()}-{next(_numbers)}"
        self.folders = tuple(parent / name for parent in place.parents)
        self._version, self._file_mb = place.version, limits.file_mb
        try:
            for folder in self.folders:
                folder.mkdir()
            self.hold(limits.memory_mb)
            (self.folders[-1] / "pids.max").write_text(str(limits.processes + BESIDES))
        except OSError:
            self._remove()
            raise

    def entering(self) -> list[str]:
        """What to put before a command so that it, and all it forks, is in from the start.

        The kernel takes some milliseconds to move a process: none of ours waits for that.
        """
        files = " ".join(shlex.quote(str(folder / "cgroup.procs")) for folder in self.folders)
        enter = f'for file in {files}; do echo 0 > "$file" || exit; done; exec "$@"'
        return ["/bin/sh", "-c", enter, "sh"]

    def hold(self, memory_mb: int) -> None:
        """Let all processes together have this much memory, and what their files may take."""
        most, folder = str((memory_mb + self._file_mb) << 20), self.folders[0]
        if self._version == 2:
            (folder / "memory.max").write_text(most)
            with contextlib.suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
            return
        swap = folder / "memory.memsw.limit_in_bytes"
        if swap.exists():
            # Memory alone may never be allowed more than memory and swap together.
            with contextlib.suppress(OSError):
                (folder / "memory.limit_in_bytes").write_text(most)
            swap.write_text(most)
        (folder / "memory.limit_in_bytes").write_text(most)

    def starved(self) -> bool:
        """Whether the kernel has ended a process of it for want of memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        try:
            return killed((self.folders[0] / name).read_text()) > 0
        except OSError:
            return False

    def kill(self) -> None:
        """Kill all that is in it, however fast it forks."""
        with contextlib.suppress(OSError):
            (self.folders[-1] / "pids.max").write_text("0")
        tree.kill(_members(self.folders[-1]))

    async def close(self) -> None:
        """Kill all that is in it and remove it. May be called twice."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_SECONDS):
                while not self._remove():
                    self.kill()
                    await asyncio.sleep(0.002)

    def _remove(self) -> bool:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in self.folders)


def killed(events: str) -> int:
    """How many processes the kernel ended, as memory.events and memory.oom_control tell it."""
    counts = dict(line.split(maxsplit=1) for line in events.splitlines() if " " in line)
    return int(counts.get("oom_kill", 0))


@functools.cache
def _here() -> Place | None:
    place = find()
    if place is not None:
        sweep(place)
    return place


def _first(known: tuple[Mount, ...], controller: str, own: str | None) -> Path | None:
    for mount in known:
        if mount.version == 1 and controller in mount.controllers:
            return _within(mount, own)
    return None


def _second(top: Path, own: Path) -> Path | None:
    """The nearest group above our own that may hold groups with both controllers."""
    for folder in [own, *own.parents] if own == top else own.parents:
        if not folder.is_relative_to(top):
            return None
        control = folder / "cgroup.subtree_control"
        if not all(os.access(path, os.W_OK) for path in (folder, folder / "cgroup.procs")):
            continue
        # Refused for a group that holds processes itself and is not the first of all.
        with contextlib.suppress(OSError):
            if set(CONTROLLERS) <= set(control.read_text().split()):
                return folder
            control.write_text(" ".join(f"+{name}" for name in CONTROLLERS))
            if set(CONTROLLERS) <= set(control.read_text().split()):
                return folder
    return None


def _within(mount: Mount, own: str | None) -> Path | None:
    """The folder of a group, where the mount shows it."""
    if own is None:
        return None
    relative = os.path.relpath(own, mount.root)
    return None if relative.startswith("..") else mount.point / relative


def _members(folder: Path) -> list[int]:
    """The processes in a group; one that another pid namespace hides is told as 0."""
    try:
        pids = map(int, (folder / "cgroup.procs").read_text().split())
        return [pid for pid in pids if pid not in (0, os.getpid())]
    except OSError:
        return []


def _plain(text: str) -> str:
    """A path as mountinfo writes it, with its spaces back."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
