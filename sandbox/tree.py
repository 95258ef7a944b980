"""A process and all below it, read from /proc: how much memory they hold together, and their end.

rlimits bound each process, not the sum; a control group would, where there is one to be had.
Not covered: memory between two looks, which the limit of each process times their number bounds.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

PROC = Path("/proc")


def descendants(root: int) -> list[int]:
    """The process and all below it, parents first; those that end meanwhile are left out."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(PROC / str(pid) / "task"):
                children = (PROC / str(pid) / "task" / task / "children").read_text()
                found.extend(map(int, children.split()))
        except OSError:
            continue
    return found


def memory(pids: list[int]) -> int:
    """Bytes of anonymous and shared memory these processes hold; pages shared count for each."""
    return sum(_fields(pid, "status", ("RssAnon:", "RssShmem:")) for pid in pids)


def memory_shared_out(pids: list[int]) -> int:
    """The same with shared pages split among their holders: exact and slower."""
    names = ("Pss_Anon:", "Pss_Shmem:")
    return sum(_fields(pid, "smaps_rollup", names) or memory([pid]) for pid in pids)


def exceeds(root: int, most: int) -> bool:
    """Whether the tree holds more than `most` bytes."""
    pids = descendants(root)
    return memory(pids) > most and memory_shared_out(pids) > most


def kill(pids: list[int]) -> None:
    """Kill each that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits for its parent does not."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _fields(pid: int, file: str, names: tuple[str, ...]) -> int:
    try:
        lines = (PROC / str(pid) / file).read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
