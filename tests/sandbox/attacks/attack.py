"""What an attack is, and the Python that is common to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from journeyman.sandbox.base import Capability, Json, Limits
from journeyman.sandbox.conformance import SMALL

PRELUDE = r"""
import json, os, re, resource, signal, socket, stat, struct, subprocess, sys, time
found, refused = [], []
SECRET = re.compile(b"journeyman" b"-secret-[0-9a-f]{32}")

def attempt(what, act, *args):
    try:
        got = act(*args)
    except OSError as error:
        refused.append(error.errno)
        return None
    except ValueError as error:
        if "limit" not in str(error):
            raise
        refused.append(1)
        return None
    return got

def reach(what, act, *args):
    "Note that `act` was allowed."
    before = len(refused)
    attempt(what, act, *args)
    if len(refused) == before:
        found.append(what)

def leak(what, act, *args):
    "Note that what `act` gives holds a secret of the host."
    got = attempt(what, act, *args)
    got = got if isinstance(got, bytes) else str(got).encode("utf-8", "replace")
    if SECRET.search(got):
        found.append(what)

def read(path, flags=os.O_NONBLOCK):
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        return os.read(fd, 1 << 20)
    finally:
        os.close(fd)

def write(path, data=b"x"):
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)

def listed(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []

def walk(*left_out):
    "Every path outside the large and the virtual folders."
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in left_out]
        yield from (os.path.join(folder, name) for name in files)

def pids():
    return [int(name) for name in listed("/proc") if name.isdigit()]

def run(*command):
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=5)
    if ended.returncode:
        raise OSError(1, ended.stdout)
    return ended.stdout

def call(name, *args):
    "A system call by its name, past libc."
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    args = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    got = libc.syscall(ctypes.c_long(CALLS[name]), *args)
    if got == -1:
        raise OSError(ctypes.get_errno(), name)
    return got

def room(size):
    import ctypes
    return ctypes.create_string_buffer(size)
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """Code that tries one way out, and what must come of it."""

    name: str
    code: str
    """Appends to `found` what it reached. Knows the host's FACTS (`host.py`) by their names."""
    later: str = ""
    """Code of the next run in the same sandbox, which looks for what the first has left."""
    ended: str = ""
    """Pattern of the sentence with which a sandbox may end it; else it ends itself, finding nothing."""
    limits: Limits = SMALL
    needs: Capability | None = None
    """Tried only where this is claimed."""
    unproved: str = ""
    """Why it is refused even in the open box (`box.py`), where all others succeed."""


def source(code: str) -> str:
    """The code with what is common to all, but for the facts; its value is what was found."""
    return f"{PRELUDE}\n{code}\nfound"


def known(facts: Mapping[str, Json]) -> str:
    """The facts as Python."""
    return "".join(f"{name} = {value!r}\n" for name, value in facts.items())
