"""Where the runner stands, and so how it ends what a run left behind. Standard library only.

In a pid namespace of its own it is the first process, and whatever else is there is the sandbox's.
In a Landlock domain it lives among the host's processes: there it ends only those below itself, to
which those whose parent died are brought, and the kernel refuses its signals to any other.

Covered: leftovers in sessions of their own or whose parents have ended; a run in a domain has one
more layer, out of which it can signal neither this process nor see /proc. Not covered: total space
between two looks, and of files deleted while open, where no file system of the sandbox's bounds it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import tree
else:
    import tree

FILES = 2000
"""Files that may lie in the work area; each costs kernel memory that no size limit counts."""
RESTRICT_SELF = 446
PR_SET_SECCOMP, FILTER = 22, 2

Limits = dict[str, Any]


class Namespace:
    """A pid namespace whose first process this is."""

    def __init__(self) -> None:
        if os.getpid() not in (1, 2):
            sys.exit(
                "runner.py runs only as the first process of a sandbox or in a Landlock domain"
            )
        # Held open: a run may forbid the way to its folder, and this process would fail with it.
        self._area = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def end_others(self) -> None:
        """Kill and reap every process but this one."""
        if os.getpid() not in (1, 2):
            raise RuntimeError("only the first process of a sandbox may end all others")
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def threads(self) -> int:
        """How many threads, beside the run's, its limit on processes counts: the runner."""
        return 1

    def excess(self, limits: Limits, most: int) -> str | None:
        """What there is too much of in the work area, whose size the kernel bounds."""
        space = os.fstatvfs(self._area)
        return "files" if space.f_files - space.f_ffree > most else None

    def excess_left(self, limits: Limits) -> str | None:
        """The same once a run has ended: what it left is in nobody's way."""

    def narrow(self) -> None:
        """Take from the process of a run what it needs no more: nothing is left to take."""


class Domain:
    """A Landlock domain that this process is in, with no pid namespace around it."""

    def __init__(self, ruleset: int, filtered: bytes) -> None:
        with contextlib.suppress(PermissionError):
            os.listdir("/")
            sys.exit("runner.py was told of a Landlock domain that is not there")
        import ctypes

        class Program(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._program = Program(len(filtered) // 8, filtered)
        self._filter = ctypes.byref(self._program)
        self._ruleset = ruleset
        self._area = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # A user that is no one else's needs no filter for what is others'.
        self._alone = not filtered
        # The kernel sends it when the host dies; what a run left must go before this process does.
        signal.signal(signal.SIGTERM, self._leave)

    def end_others(self) -> None:
        """Kill and reap every process below this one."""
        while True:
            tree.kill(tree.descendants(os.getpid())[1:])
            try:
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    continue
            except ChildProcessError:
                return
            time.sleep(0.0005)

    def _leave(self, *_: object) -> NoReturn:
        # It may come while the end of the host's pipe is being acted upon: an exception would cut
        # short the very work that it asks for.
        self.end_others()
        os._exit(1)

    def threads(self) -> int:
        """How many the user has beside the run's: the limit counts them over the whole machine."""
        return 1 if self._alone else tree.threads(os.getuid()) - 1

    def excess(self, limits: Limits, most: int = FILES) -> str | None:
        """What there is too much of in the work area, which nothing but this look bounds."""
        # A run may forbid the way to its own folder.
        os.fchmod(self._area, 0o700)
        count, held, pending = 0, 0, ["."]
        for folder in pending:
            try:
                entries = _entries(folder)
            except FileNotFoundError:
                continue
            except OSError:
                # Too deep, or closed again and again: what it holds cannot be known.
                return "space"
            count += len(entries)
            if count > FILES:
                return "space"
            for entry in entries:
                held += _blocks(entry)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
        return "space" if held > limits["file_mb"] << 20 else None

    def excess_left(self, limits: Limits) -> str | None:
        """The same once a run has ended: it may have been quicker than any look."""
        return self.excess(limits)

    def narrow(self) -> None:
        """Put the process of a run into a domain within this one, with fewer rights."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._libc.syscall(RESTRICT_SELF, self._ruleset, 0) != 0:
            raise RuntimeError("the kernel refuses a further layer of Landlock")
        if self._program.length and self._libc.prctl(PR_SET_SECCOMP, FILTER, self._filter, 0, 0):
            raise RuntimeError("the kernel refuses a further filter of system calls")


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What a folder holds, at most one more than there may be. One that a run closed is opened."""
    try:
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, FILES + 1))
    except PermissionError:
        _reopen(folder)
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, FILES + 1))


def _reopen(folder: str) -> None:
    """Give back the owner's rights to a folder; none of its names may be a link."""
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(".", flags)
    try:
        for part in folder.split("/")[1:]:
            below = os.open(part, flags, dir_fd=fd)
            os.close(fd)
            fd = below
        os.chmod(f"/proc/self/fd/{fd}", 0o700)
    finally:
        os.close(fd)


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except FileNotFoundError:
        return 0


def of(words: list[str]) -> Namespace | Domain:
    """The place that whoever started the runner says it is in; each sees for itself that it is."""
    match words:
        case ["domain", ruleset, filtered]:
            return Domain(int(ruleset), bytes.fromhex(filtered))
    return Namespace()
