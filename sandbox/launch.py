"""Starts the bubblewrap process: what is bound inside, what is taken away. Linux only.

Covered: a host that lacks a part is told what to install. Not covered: whether the kernel keeps
what was asked of it; `canary.py` tries that.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from . import ProtocolError, SandboxUnavailable, protocol, seccomp, tree
from .base import Json, Limits
from .talk import LONGEST

PYTHON = "/usr/bin/python3"
INSIDE = ("runner.py", "inside.py", "faults.py", "primitives.py")
NOBODY = "65534"
HIDDEN = ("/usr/local", "/usr/src")
"""Parts of /usr that an administrator fills."""
START_SECONDS = 20.0


async def start(executable: str | None, limits: Limits) -> asyncio.subprocess.Process:
    """Start the process and wait until it is ready. Raises `SandboxUnavailable`."""
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
    try:
        process = await asyncio.create_subprocess_exec(
            *_drop_root(),
            bwrap,
            *_arguments(files, filter_fd, limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(*files.values(), filter_fd),
            limit=LONGEST,
        )
    except OSError as error:
        raise SandboxUnavailable(f"bubblewrap could not be started: {error}") from error
    finally:
        for fd in (*files.values(), filter_fd):
            os.close(fd)
    try:
        await _until_ready(process)
    except BaseException:
        tree.kill(tree.descendants(process.pid))
        await process.wait()
        raise
    return process


async def _until_ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
            if line and isinstance(_parse(line), protocol.Ready):
                return
            reason = (await process.stderr.read()).decode(errors="replace").strip()
    except (TimeoutError, ProtocolError) as error:
        raise SandboxUnavailable(f"the sandbox did not get ready: {error}") from error
    last = reason.splitlines()[-1] if reason else "it ended at once"
    raise SandboxUnavailable(
        f"bubblewrap cannot isolate here ({last}). Allow user namespaces"
        " (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu"
        " kernel.apparmor_restrict_unprivileged_userns=0), or run this where they are allowed"
    )


def _parse(line: bytes) -> Json:
    return protocol.parse(line, run="", call=0, output_bytes=0)


def _held(name: str, data: bytes) -> int:
    """A file in memory, so that the sandbox needs no right to read where this package lies."""
    fd = os.memfd_create(name)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _drop_root() -> list[str]:
    # The limit on processes does not hold root, whatever bwrap maps it to.
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SandboxUnavailable("as root the sandbox needs setpriv: apt-get install util-linux")
    return [setpriv, "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]


def _arguments(files: dict[str, int], filter_fd: int, limits: Limits) -> list[str]:
    names = ["--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY]
    ties = ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1"]
    rights = ["--cap-drop", "ALL", "--seccomp", str(filter_fd), "--clearenv"]
    setting = ["--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"]
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
    for device in ("/dev/null", "/dev/urandom"):
        places += ["--dev-bind", device, device]
    for name, fd in files.items():
        places += ["--ro-bind-data", str(fd), f"/runner/{name}"]
    space = ["--size", str(limits.file_mb << 20), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    program = ["--remount-ro", "/", PYTHON, "-I", "-S", "-B", "-X", "utf8", "/runner/runner.py"]
    return names + ties + rights + setting + places + space + program
