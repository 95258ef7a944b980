"""Starts the runner inside bubblewrap: what is bound inside, what is taken away. Linux only.

Covered: no network, no host files but the read-only system under /usr, no view of other processes,
no rights, a system call filter; a host that lacks a part is told what to install; no process is
left after `end` or after the host's death. Not covered: flaws of the kernel, load that others
notice, whether the kernel keeps what was asked of it, which `canary.py` tries.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import SandboxUnavailable, seccomp
from .base import Capability, Limits
from .started import NotReady, Started, start

PYTHON = "/usr/bin/python3"
INSIDE = (
    "runner.py",
    "place.py",
    "tree.py",
    "area.py",
    "child.py",
    "inside.py",
    "faults.py",
    "primitives.py",
)
NOBODY = "65534"
HIDDEN = ("/usr/local", "/usr/src")
"""Parts of /usr that an administrator fills."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Isolates with bubblewrap; `executable` where it is not on the path."""

    executable: str | None = None

    @property
    def name(self) -> str:
        return "bubblewrap"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    async def start(self, limits: Limits) -> Started:
        """Start a runner and wait until it is ready. Raises `SandboxUnavailable`."""
        return await _start(self.executable, limits)


async def _start(executable: str | None, limits: Limits) -> Started:
    bwrap = executable or shutil.which("bwrap")
    if bwrap is None:
        raise SandboxUnavailable(
            "learnt code needs a sandbox, which is not installed: apt-get install bubblewrap"
        )
    if not Path(PYTHON).exists():
        raise SandboxUnavailable(f"the sandbox needs {PYTHON}: apt-get install python3")
    room = Path(__file__).parent
    files = {name: _held(name, (room / name).read_bytes()) for name in INSIDE}
    filter_fd = _held("seccomp", seccomp.program())
    held = (*files.values(), filter_fd)
    # What stays outside runs as a user whose other processes could read its environment.
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    try:
        command = [*drop_root(NOBODY), bwrap, *_arguments(files, filter_fd, limits)]
        return Started(*await start(command, limits, pass_fds=held, env=path))
    except OSError as error:
        raise SandboxUnavailable(f"bubblewrap could not be started: {error}") from error
    except NotReady as reason:
        raise SandboxUnavailable(
            f"bubblewrap cannot isolate here ({reason}). Allow user namespaces"
            " (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu"
            " kernel.apparmor_restrict_unprivileged_userns=0), or run this where they are allowed"
        ) from reason
    finally:
        for fd in held:
            os.close(fd)


def _held(name: str, data: bytes) -> int:
    """A file in memory, so that the sandbox needs no right to read where this package lies."""
    fd = os.memfd_create(name)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def drop_root(to: str) -> list[str]:
    """What makes a command run as user `to` where this process is root."""
    # The limit on processes does not hold root, whatever bwrap maps it to.
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SandboxUnavailable("as root the sandbox needs setpriv: apt-get install util-linux")
    return [setpriv, "--reuid", to, "--regid", to, "--clear-groups", "--"]


def _arguments(files: dict[str, int], filter_fd: int, limits: Limits) -> list[str]:
    names = ["--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY]
    ties = ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1"]
    rights = ["--cap-drop", "ALL", "--seccomp", str(filter_fd), "--clearenv"]
    setting = ["--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"]
    places = system_places()
    for device in ("/dev/null", "/dev/urandom"):
        places += ["--dev-bind", device, device]
    for name, fd in files.items():
        places += ["--ro-bind-data", str(fd), f"/runner/{name}"]
    space = ["--size", str(limits.file_mb << 20), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    program = ["--remount-ro", "/", PYTHON, "-I", "-S", "-B", "-X", "utf8", "/runner/runner.py"]
    return names + ties + rights + setting + places + space + program


def system_places() -> list[str]:
    """bwrap's words for the read-only system, without what an administrator put there."""
    places = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        host = Path("/", name)
        if host.is_symlink():
            places += ["--symlink", os.readlink(host), str(host)]
        elif host.is_dir():
            places += ["--ro-bind", str(host), str(host)]
    for hidden in HIDDEN:
        if Path(hidden).is_dir():
            places += ["--tmpfs", hidden, "--remount-ro", hidden]
    return places
