"""Starts the runner behind Landlock and a system call filter, with no namespace: a weaker sandbox.

It works where namespaces are refused, in a container above all, and only explicit choice uses it.
Covered: files, network, signals, rights, other processes' memory, leftovers in sessions of their
own. As root each sandbox is a user of its own, whom no process and no file of the host belongs to.
Not covered, against a sandbox with namespaces: code inside sees which paths of the host exist, and
their size and times; sees that other processes exist; total size of files is looked at, not bounded
by the kernel. Run by someone who is not root, it shares that user's limit on processes, and where
there is no control group either, processes may outlive a runner that the kernel ends for memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import secrets
import shutil
import stat
import tempfile
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import SandboxUnavailable, confine, seccomp, tree
from .base import Capability, Limits
from .bubblewrap import HIDDEN, INSIDE, PYTHON
from .cgroup import Group
from .started import NotReady, Started, start

LEAST_ABI = 6
"""The first that holds signals (Linux 6.12): before it, code inside could end its runner."""
USERS = range(0x7000_0000, 0x7FFD_0000)
"""Users that no system gives out: systemd's table of them calls these unused."""
NOBODY = 65534
PREFIX = "journeyman-landlock-"
END_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Landlock:
    """Isolates with Landlock and seccomp alone."""

    @property
    def name(self) -> str:
        return "landlock"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.COMMANDS})

    async def start(self, limits: Limits) -> Confined:
        """Start a runner and wait until it is ready. Raises `SandboxUnavailable`."""
        refuse_kernel(confine.abi())
        if not Path(PYTHON).exists():
            raise SandboxUnavailable(f"the sandbox needs {PYTHON}: apt-get install python3")
        await _sweep()
        user = _user()
        folder = _folder(user)
        try:
            return await _start(folder, user, limits)
        except BaseException:
            await _wipe(folder)
            raise


def refuse_kernel(abi: int) -> None:
    """Raise `SandboxUnavailable` where the kernel's Landlock holds too little."""
    if abi == 0:
        raise SandboxUnavailable(
            "this kernel offers no Landlock: it takes Linux 6.12 or later, with landlock in its"
            " lsm= list, and a container whose filter lets its system calls pass"
        )
    if abi < LEAST_ABI:
        raise SandboxUnavailable(
            f"this kernel's Landlock (version {abi}) cannot keep code from signalling other"
            f" processes: it takes version {LEAST_ABI}, Linux 6.12 or later"
        )


class Confined(Started):
    """A runner behind Landlock, its work area, and the user it runs as."""

    def __init__(
        self, process: Process, group: Group | None, folder: Path, user: int | None
    ) -> None:
        super().__init__(process, group)
        self._folder, self._user = folder, user

    async def end(self) -> None:
        """Have the runner end all below it and leave; what does not leave is killed."""
        process = self._process
        self.writer.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            await self._kill()
        await self._close()
        while self._user is not None and (
            strays := list(filter(tree.alive, tree.owned(self._user)))
        ):
            tree.kill(strays)
            await asyncio.sleep(0.002)
        await _wipe(self._folder)

    async def _kill(self) -> None:
        # The runner last: while it lives, whoever loses a parent comes to stand below it.
        while below := [pid for pid in tree.descendants(self._process.pid)[1:] if tree.alive(pid)]:
            tree.kill(below)
            await asyncio.sleep(0)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _start(folder: Path, user: int | None, limits: Limits) -> Confined:
    orders = {
        "work": str(folder / "work"),
        "room": str(folder / "runner"),
        "system": _system(),
        "user": user,
        "host": os.getpid(),
        "filter": seccomp.program().hex(),
        # Files of one's own are nobody else's where the user is the sandbox's alone.
        "inner_filter": "" if _alone(user) else seccomp.program(denied=seccomp.BY_PATH).hex(),
    }
    command = [PYTHON, "-I", "-S", "-B", confine.__file__, json.dumps(orders)]
    try:
        process, group = await start(command, limits, env={}, cwd="/", start_new_session=True)
    except OSError as error:
        raise SandboxUnavailable(f"{PYTHON} could not be started: {error}") from error
    except NotReady as reason:
        raise SandboxUnavailable(f"Landlock cannot shut code in here: {reason}") from reason
    return Confined(process, group, folder, user if _alone(user) else None)


def _system() -> list[str]:
    """The folders of programs and libraries, without those that an administrator fills."""
    places = [path for path in Path("/usr").iterdir() if str(path) not in HIDDEN and path.is_dir()]
    places += [path for path in map(Path, ("/bin", "/lib", "/lib64")) if path.is_dir()]
    return [str(path) for path in places if not path.is_symlink()]


def _user() -> int | None:
    """Whom the runner is to be: someone nobody else is, where this process is root."""
    if os.geteuid() != 0:
        return None
    if not all(_maps(USERS[-1], f"/proc/self/{kind}_map") for kind in ("uid", "gid")):
        # A user namespace around this process has too few users.
        return NOBODY
    while tree.owned(user := USERS[secrets.randbelow(len(USERS))]):
        continue
    return user


def _maps(user: int, table: str) -> bool:
    """Whether a user exists in our user namespace."""
    ranges = [list(map(int, line.split())) for line in Path(table).read_text().splitlines()]
    return any(first <= user < first + count for first, _, count in ranges)


def _alone(user: int | None) -> bool:
    """Whether the user is the sandbox's own: no other process and no other file is theirs."""
    return user is not None and user in USERS


def _folder(user: int | None) -> Path:
    """A new folder with the runner in it, and a work area that is the user's alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{tree.mark()}-"))
    # Others may pass through it by name, and list nothing.
    folder.chmod(0o711)
    room, work = folder / "runner", folder / "work"
    for place, mode in ((room, 0o755), (work, 0o700)):
        place.mkdir()
        place.chmod(mode)
    for name in INSIDE:
        copied = shutil.copyfile(Path(__file__).with_name(name), room / name)
        copied.chmod(0o444)
    if user is not None:
        os.chown(work, user, user)
    return folder


async def _wipe(folder: Path) -> None:
    """Delete a sandbox's folder, however deep it is; no link is followed."""
    for command in (["/bin/rm", "-rf"], ["/bin/chmod", "-R", "u+rwx"], ["/bin/rm", "-rf"]):
        if folder.exists():
            # What one's own code has made unreadable stops the first, and not the last.
            silent = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *command, "--", str(folder), stdin=silent, stdout=silent, stderr=silent
            )
            await process.wait()


async def _sweep() -> None:
    """Once in this process, delete what hosts left behind that have died."""
    for folder in _left_behind():
        await _wipe(folder)


@functools.cache
def _left_behind() -> Iterator[Path]:
    """Each folder whose host has died, the first time this is asked; nothing later."""
    found = []
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            state = folder.lstat()
            ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()
            if ours and tree.gone(folder.name.removeprefix(PREFIX).rpartition("-")[0]):
                found.append(folder)
    return iter(found)
