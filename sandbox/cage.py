"""Chromium inside bubblewrap: what it sees of this machine, and how Playwright starts it there.

Playwright starts `executable_path` with its own arguments and speaks over two inherited pipes. Here
that path is a script in a private folder which puts bubblewrap in front of Chromium.

Covered: no network but the listener of `door.py`; of the host's files the read-only system, fonts
and one folder for downloads; no view of other processes; no rights; a user of its own; a cleared
environment; a system call filter; it dies with Playwright's driver; after the start the kernel is
asked whether all that is so. Chromium's own sandbox for its pages works within. Not covered: flaws
of the kernel, the sum of its memory, a visible window, and the driver, which believes the browser:
one taken over could name it a file to delete.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from . import SandboxUnavailable, seccomp
from .bubblewrap import PYTHON, drop_root, system_places
from .door import Door, Knock
from .knock import KNOCK

USER = "65533"
"""Not the user of the code sandboxes: old kernels count the processes of both together."""
ETC = ("fonts", "chromium.d", "alternatives", "ld.so.cache", "localtime")
DEVICES = ("null", "zero", "full", "random", "urandom")
NEEDED = frozenset(("chroot", "memfd_create", "socket", "socketpair", "unshare"))
"""Calls that code in a sandbox may not make and Chromium must."""
OWN_NAMESPACES = 0x7000_0000
"""CLONE_NEWUSER, NEWPID and NEWNET: with them Chromium's own sandbox shuts its pages in again."""
SPACE = 1 << 30
"""Bytes of its files: profile, caches and shared memory."""
KEPT_APART = ("net", "pid", "mnt", "ipc", "uts", "user")


class Cage:
    """A private folder with what is needed to start one Chromium inside bubblewrap."""

    def __init__(self, chromium: str) -> None:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxUnavailable("bubblewrap is not installed: apt-get install bubblewrap")
        namespaces = seccomp.NEW_NAMESPACES & ~OWN_NAMESPACES
        calls = seccomp.program(allowed=NEEDED, namespaces=namespaces, alone=False)
        root = os.geteuid() == 0
        self._owner = int(USER) if root else os.geteuid()
        self.folder = Path(tempfile.mkdtemp(prefix="journeyman-chromium-"))
        # Whoever Chromium runs as must come through to what is bound from here.
        self.folder.chmod(0o711 if root else 0o700)
        self.downloads = self.folder / "downloads"
        self.downloads.mkdir(mode=0o700)
        os.chown(self.downloads, self._owner, -1)
        inside = Path(__file__).with_name("knock.py")
        (self.folder / inside.name).write_bytes(inside.read_bytes())
        (self.folder / "filter").write_bytes(calls)
        self._knock = Knock(self.folder / "knock", self._owner)
        self.executable = self.folder / "start"
        command = shlex.join([*drop_root(USER), bwrap, *self._arguments(chromium)])
        script = f'#!/bin/sh\nulimit -c 0\nexec {command} "$@" 5<{self.folder}/filter\n'
        self.executable.write_text(script, encoding="utf-8")
        self.executable.chmod(0o755)

    def _arguments(self, chromium: str) -> list[str]:
        names = ["--unshare-all", "--unshare-user", "--uid", USER, "--gid", USER]
        ties = ["--hostname", "sandbox", "--die-with-parent", "--new-session"]
        rights = ["--cap-drop", "ALL", "--seccomp", "5", "--clearenv"]
        setting = ["--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"]
        setting += ["--setenv", "LANG", "en_US.UTF-8"]
        places = system_places()
        for name in ETC:
            places += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        program = Path(chromium).resolve()
        if not program.is_relative_to("/usr") or program.is_relative_to("/usr/local"):
            places += ["--ro-bind", str(program.parent), str(program.parent)]
        for name in DEVICES:
            places += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
        places += ["--proc", "/proc", "--size", str(SPACE), "--tmpfs", "/tmp"]
        places += ["--size", str(SPACE), "--tmpfs", "/dev/shm"]
        places += ["--bind", str(self.downloads), str(self.downloads)]
        places += ["--bind", str(self.folder / "knock"), KNOCK]
        places += ["--ro-bind", str(self.folder / "knock.py"), "/knock.py", "--remount-ro", "/"]
        start = ["--chdir", "/tmp", "--", PYTHON, "-I", "-S", "/knock.py", str(program)]
        return names + ties + rights + setting + places + start

    def proved(self) -> Door:
        """The door of the Chromium that was started, once the kernel says that it is shut in.

        Raises `SandboxUnavailable` saying what does not hold.
        """
        pid, door = self._knock.taken()
        try:
            state = _status(pid)
            open_to = [
                name
                for name in KEPT_APART
                if os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")
            ]
        except OSError as error:
            raise SandboxUnavailable(f"Chromium's isolation cannot be seen: {error}") from error
        wrong = [f"it shares the {name} namespace of this machine" for name in open_to]
        wanted = {"CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2", "Uid": str(self._owner)}
        wrong += [f"{key} is {state[key]}" for key, value in wanted.items() if state[key] != value]
        if wrong:
            raise SandboxUnavailable(f"Chromium is not isolated here ({'; '.join(wrong)})")
        return door

    def close(self) -> None:
        """Remove the folder."""
        self._knock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    parts = [line.replace(":", " ", 1).split() for line in lines]
    return {words[0]: words[1] for words in parts if len(words) > 1}
