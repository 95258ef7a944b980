"""The first thing in a container: takes the runner from the host, shuts doors behind it, runs it.

Nothing of the runner lies in the image, so no image can hold an old one. The host sends one line,
`{"filter", "files"}`: the system call filter in hexadecimal, and module name -> source. Standard
library only. Covered: although /proc is there, no process of the code's can look into this one;
the filter that bubblewrap gets holds here too, inside the engine's own; when the container's memory
is used up, this process is ended first and every other with it. Not covered: the walls, which are
the engine's.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from typing import NoReturn

SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVILEGES = 4, 22, 38
BY_FILTER = 2
AS_FIRST, AS_OTHERS = b"1000", b"0"


class Sent(SourceFileLoader):
    """A module whose source came from the host."""

    def __init__(self, name: str, source: str) -> None:
        super().__init__(name, f"/runner/{name}.py")
        self._source = source.encode()

    def get_data(self, path: str) -> bytes:
        return self._source

    def path_stats(self, path: str) -> NoReturn:
        raise OSError("it lies in no file")


class Finder:
    """Lets the modules that were sent import one another."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name not in self._sources:
            return None
        return spec_from_file_location(name, loader=Sent(name, self._sources[name]))


class Program(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def take() -> dict[str, dict[str, str]]:
    """The host's one line; it sends no more until the runner has answered."""
    held = bytearray()
    while not held.endswith(b"\n"):
        data = os.read(0, 1 << 20)
        if not data:
            sys.exit("the host has gone")
        held += data
    line: dict[str, dict[str, str]] = json.loads(held)
    return line


def be_ended_first() -> None:
    """Have the kernel end this process when memory is short, which ends the container.

    It would else end the largest, and the rest of a run would go on without it. What is forked
    starts with the score of all others: this process lowers its own meanwhile.
    """
    score = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)

    def set_own(value: bytes) -> None:
        if os.getpid() == 1:
            os.pwrite(score, value, 0)

    set_own(AS_FIRST)
    os.register_at_fork(
        before=lambda: set_own(AS_OTHERS), after_in_parent=lambda: set_own(AS_FIRST)
    )


def shut(code: bytes) -> None:
    """Hide this process from those it forks, and have the kernel filter system calls now."""
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    for what in (
        (SET_DUMPABLE, 0, 0, 0, 0),
        (SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (SET_SECCOMP, BY_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*what) != 0:
            sys.exit(f"the kernel refuses prctl {what[0]}: {os.strerror(ctypes.get_errno())}")


def main() -> None:
    """Start the runner. Refuses to where this is not the first process of a container."""
    if os.getpid() != 1:
        sys.exit("boot.py runs only as the first process of a container; see sandbox/container.py")
    # What the engine adds by itself says nothing of use.
    os.environ.pop("HOSTNAME", None)
    # A first process is spared the signals it does not handle, and Python handles this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sent = take()
    be_ended_first()
    shut(bytes.fromhex(sent["filter"]["code"]))
    sys.meta_path.insert(0, Finder(sent["files"]))
    importlib.import_module("runner").main()


if __name__ == "__main__":
    main()
