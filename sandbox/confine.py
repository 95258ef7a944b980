"""Shuts its own process in and becomes the runner: Landlock, a system call filter, another user.

Started by `landlock.py` as `/usr/bin/python3 -I -S confine.py ORDERS`; standard library only. What
it has taken from itself, no program that it becomes gets back.

Covered: files beyond those of the system and the work area, TCP ports, abstract sockets, signals to
processes outside, rights, privileged programs, open files, the host's environment. Not covered:
whether a path exists, its size, times and the target of a link, none of which Landlock hides.
Source: the kernel's Documentation/userspace-api/landlock.rst, ABI 7.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

CREATE, ADD, RESTRICT = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1
EXECUTE, WRITE, READ, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
MAKE_FIFO, MAKE_LINK, REFER, TRUNCATE = 1 << 10, 1 << 12, 1 << 13, 1 << 14
ALL_FILES, ALL_PORTS, ALL_SCOPES = (1 << 16) - 1, (1 << 2) - 1, (1 << 2) - 1
"""Every right over files up to ABI 5, over TCP (ABI 4), and both scopes (ABI 6)."""

OF_FILES = EXECUTE | WRITE | READ | TRUNCATE
SYSTEM = EXECUTE | READ | READ_DIR
DEVICE = WRITE | READ | TRUNCATE
WORK = SYSTEM | DEVICE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE
WORK |= MAKE_FIFO | MAKE_LINK | REFER

PDEATHSIG, SECCOMP, CHILD_SUBREAPER, NO_NEW_PRIVS, AMBIENT = 1, 22, 36, 38, 47
FILTER, CLEAR_ALL = 2, 4
CAPSET_VERSION = 0x2008_0522
OPEN_FILES = 256
DEVICES = ("/dev/null", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def abi() -> int:
    """The version of the kernel's Landlock; 0 where it has none or it is off."""
    return max(0, int(_libc.syscall(CREATE, None, 0, VERSION)))


def main() -> NoReturn:
    """Carry out the orders: where the runner lies and works, who it is to be, what it may call."""
    orders: dict[str, Any] = json.loads(sys.argv[1])
    work, room, user = orders["work"], orders["room"], orders["user"]
    places = [(path, SYSTEM) for path in orders["system"]]
    places += [(path, DEVICE) for path in DEVICES] + [(room, SYSTEM), (work, WORK)]
    # Both while all paths can be reached. The runner sees /proc, where those it must end stand.
    outer = ruleset([*places, ("/proc", READ | READ_DIR)])
    inner = ruleset(places)
    if user is not None:
        become(user)
    drop_rights()
    end_with(orders["host"])
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        resource.setrlimit(what, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    call("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(work)
    call("syscall", RESTRICT, outer, 0)
    code = bytes.fromhex(orders["filter"])
    call("prctl", SECCOMP, FILTER, ctypes.byref(Program(len(code) // 8, code)), 0, 0)
    os.set_inheritable(inner, True)
    program = [sys.executable, "-I", "-S", "-B", "-X", "utf8", f"{room}/runner.py"]
    home = {"PATH": "/usr/bin", "HOME": work, "TMPDIR": work}
    os.execve(program[0], [*program, "domain", str(inner), orders["inner_filter"]], home)


def ruleset(places: Iterable[tuple[str, int]]) -> int:
    """Rules that give rights below these paths and none elsewhere, as an open file."""
    handled = struct.pack("=QQQ", ALL_FILES, ALL_PORTS, ALL_SCOPES)
    rules = call("syscall", CREATE, handled, len(handled), 0)
    for path, rights in places:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        call("syscall", ADD, rules, PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
        os.close(fd)
    return rules


def become(user: int) -> None:
    """Be another user, in no group but their own, for good: the three of each leave no way back."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def drop_rights() -> None:
    """Give up every capability, also those a process that is not root may have been given."""
    call("prctl", AMBIENT, CLEAR_ALL, 0, 0, 0)
    call("capset", struct.pack("=Ii", CAPSET_VERSION, 0), bytes(24))


def end_with(host: int) -> None:
    """Have the kernel tell the runner when the host dies, which may have been before now."""
    call("prctl", PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != host:
        sys.exit("the host has gone")


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library. Raises OSError where it fails."""
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(str(error))
