"""Proves that a sandbox isolates before anything untrusted runs there: tries that must fail.

Each is something done, not a setting read: a path opened, a listener of our own called, a process
of our own signalled. What a backend does not claim (`Capability`) is tried and reported all the
same. A place is the host's if it has the device and number it has there: an image has an /etc too.
Covered: files, network, processes, rights. Not covered: memory and time, which conformance tries.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import SandboxUnavailable
from .base import Capability, Json, Limits, Runs, no_page

LIMITS = Limits(seconds=15.0, processes=3)
HOST_PLACES = ("/etc/passwd", "/etc/shadow", "/home", "/root", "/var", "/proc", "/sys", "/run")
PROGRAM = "/bin/sleep"
TRIED: Mapping[str, tuple[str, Capability | None]] = {
    "see": ("see which files the host has", Capability.HIDES_FILES),
    "read": ("read files of the host", None),
    "write": ("write outside the work area", None),
    "connect": ("reach a port or a socket of the host", None),
    "peer": ("see processes of the host", Capability.HIDES_PROCESSES),
    "look": ("read what other processes hold", None),
    "signal": ("end a process of the host", None),
    "rise": ("gain rights or a user namespace", None),
    "fork": ("start more processes than allowed", None),
}
"""What is tried, in words, and the claim it tests; None where every backend must hold it."""
CODE = """
import ctypes, os, signal, socket, time
got = {name: [] for name in NAMES}
for path, identity in PLACES:
    try:
        found = os.stat(path)
    except OSError:
        continue
    if identity not in (None, [found.st_dev, found.st_ino]):
        continue
    got["see"].append(f"{path} of the host can be seen")
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).close()
        got["read"].append(f"{path} of the host can be read")
    except OSError:
        pass
for place in ("/", "/usr/", "/usr/bin/", "/runner/", "/dev/", "/var/tmp/", FOLDER):
    try:
        open(place + "canary", "w").close()
        got["write"].append(f"{place} can be written")
    except OSError:
        pass
for family, address in LISTENERS:
    try:
        with socket.socket(family) as client:
            client.settimeout(1)
            client.connect(tuple(address) if isinstance(address, list) else address)
        got["connect"].append(f"the host's network can be reached at {address!r}")
    except OSError:
        pass
try:
    name = open(f"/proc/{VICTIM}/comm").read()
except PermissionError:
    name = NAME
except OSError:
    name = None
if name == NAME:
    got["peer"].append("processes of the host can be seen in /proc")
for pid in (1, os.getppid(), VICTIM):
    for part in ("environ", "mem", "fd/1"):
        try:
            os.close(os.open(f"/proc/{pid}/{part}", os.O_RDONLY | os.O_NONBLOCK))
            got["look"].append(f"/proc/{pid}/{part} can be opened")
        except OSError:
            pass
try:
    os.kill(VICTIM, signal.SIGKILL)
except OSError:
    pass
if os.getuid() == 0 or os.geteuid() == 0:
    got["rise"].append("code runs as root")
NEW_USER = 0x10000000
if ctypes.CDLL(None).unshare(NEW_USER) == 0:
    got["rise"].append("a new user namespace can be made")
started = 0
try:
    while started <= PROCESSES:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        started += 1
    got["fork"].append("the number of processes is not limited")
except OSError:
    pass
got
"""


@dataclass(frozen=True, slots=True)
class Try:
    """One thing tried from inside."""

    what: str
    got: tuple[str, ...]
    """What it reached, each a sentence; nothing where the sandbox held."""
    claimed: bool
    """Whether the backend says that it holds this."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was tried on one sandbox."""

    tries: tuple[Try, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """What was reached although the backend claims to hold it."""
        return tuple(said for each in self.tries if each.claimed for said in each.got)


async def look(sandbox: Runs, capabilities: frozenset[Capability]) -> Report:
    """Run the tries. Raises `SandboxUnavailable` where none could run."""
    with _bait() as (facts, victim):
        code = "".join(f"{name} = {value!r}\n" for name, value in facts.items())
        result = await sandbox.run(f"{code}{CODE}", serve=no_page, limits=LIMITS)
        got = _checked(result.value)
        if got is None:
            raise SandboxUnavailable(
                f"the sandbox could not be tried ({result.error}): nothing runs in it"
            )
        if victim.poll() is not None:
            got["signal"].append("a process of the host can be ended")
    tries = (
        Try(what, tuple(got[name]), claim is None or claim in capabilities)
        for name, (what, claim) in TRIED.items()
    )
    return Report(tuple(tries))


async def prove(sandbox: Runs, capabilities: frozenset[Capability]) -> Report:
    """Run the tries. Raises `SandboxUnavailable` saying which worked, or why none could run."""
    report = await look(sandbox, capabilities)
    if report.broken:
        said = "; ".join(report.broken)
        raise SandboxUnavailable(f"the sandbox does not isolate here ({said}): nothing runs in it")
    return report


@contextmanager
def _bait() -> Iterator[tuple[dict[str, Json], subprocess.Popen[bytes]]]:
    """A file, three listeners and a process of our own, which nothing but the sandbox protects."""
    with ExitStack() as stack:
        victim = stack.enter_context(subprocess.Popen([PROGRAM, "60"]))
        stack.callback(victim.kill)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="journeyman-canary-")))
        folder.chmod(0o777)
        secret = folder / "secret"
        secret.write_text("of the host")
        addresses = (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, f"\0journeyman-canary-{os.getpid()}-{victim.pid}"),
            (socket.AF_UNIX, str(folder / "socket")),
        )
        listeners = []
        for family, address in addresses:
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
            named = listener.getsockname()
            listeners.append([int(family), list(named) if family == socket.AF_INET else address])
        (folder / "socket").chmod(0o666)
        facts: dict[str, Json] = {
            "NAMES": list(TRIED),
            "PLACES": [(str(secret), None), *_identities()],
            "FOLDER": f"{folder}/",
            "LISTENERS": listeners,
            "VICTIM": victim.pid,
            "NAME": f"{Path(PROGRAM).name}\n",
            "PROCESSES": LIMITS.processes,
        }
        yield facts, victim


def _identities() -> Iterator[tuple[str, list[int]]]:
    for place in filter(os.path.exists, HOST_PLACES):
        state = os.stat(place)
        yield place, [state.st_dev, state.st_ino]


def _checked(told: Json) -> dict[str, list[str]] | None:
    """What code inside told, if it has the shape that was asked for."""
    if not isinstance(told, dict) or told.keys() != TRIED.keys():
        return None
    if not all(isinstance(said, list) for said in told.values()):
        return None
    return {name: [str(each) for each in said] for name, said in told.items()}
