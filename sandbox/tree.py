"""Processes read from /proc: who is below whom, how much memory they hold together, and their end.

rlimits bound each process, not the sum; a control group does, where there is one to be had.
Standard library only: it also goes inside, for where there is no pid namespace.
Not covered: memory between two looks, which the limit of each process times their number bounds.
"""

from __future__ import annotations

import os
import signal

PROC = "/proc"


def descendants(root: int) -> list[int]:
    """The process and all below it, parents first; those that end meanwhile are left out."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(f"{PROC}/{pid}/task"):
                found.extend(map(int, _read(f"{pid}/task/{task}/children").split()))
        except OSError:
            continue
    return found


def owned(uid: int) -> list[int]:
    """Every process of a user, in whatever place below whomever."""
    found = []
    for name in filter(str.isdigit, os.listdir(PROC)):
        try:
            # The owner of the folder would be root's where a process has made itself undumpable.
            users = _read(f"{name}/status").partition("\nUid:")[2].partition("\n")[0].split()
        except OSError:
            continue
        if str(uid) in users:
            found.append(int(name))
    return found


def threads(uid: int) -> int:
    """How many threads a user has, which is what a limit on processes counts."""
    total = 0
    for pid in owned(uid):
        try:
            total += len(os.listdir(f"{PROC}/{pid}/task"))
        except OSError:
            continue
    return total


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
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def mark() -> str:
    """A name for this process that no other ever had: its pid namespace, its pid and its start."""
    return f"{os.stat(f'{PROC}/self/ns/pid').st_ino}-{os.getpid()}-{_stat(os.getpid())[19]}"


def gone(name: str) -> bool:
    """Whether the process that a mark names has ended; False where none here could tell."""
    namespace, _, rest = name.partition("-")
    pid, _, start = rest.partition("-")
    if not (pid.isdigit() and start.isdigit() and mark().startswith(f"{namespace}-")):
        return False
    return not alive(int(pid)) or _stat(int(pid))[19:20] != [start]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none where there is no such process."""
    try:
        return _read(f"{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return []


def _read(name: str) -> str:
    with open(f"{PROC}/{name}") as file:
        return file.read()


def _fields(pid: int, file: str, names: tuple[str, ...]) -> int:
    try:
        lines = _read(f"{pid}/{file}").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
