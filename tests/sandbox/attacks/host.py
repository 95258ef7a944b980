"""Plays the host's part: listeners, files and a process, with a secret in each that code may read.

A program (`python3 host.py SECRET`; standard library only), so that the same part is played beside
a real sandbox and inside the open box. Says its facts as one line of JSON; to each line it reads it
answers with what has happened to it since.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

HARMLESS = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}


def main(secret: bytes) -> None:
    folder = Path(tempfile.mkdtemp(prefix="journeyman-host-"))
    shared = Path("/dev/shm", folder.name)
    try:
        _play(secret, folder, shared)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            shared.unlink()


def _play(secret: bytes, folder: Path, shared: Path) -> None:
    # Anyone may read and write these: only a sandbox keeps code from them.
    file = folder / "file"
    for path in (file, shared):
        path.write_bytes(secret)
        path.chmod(0o666)
    folder.chmod(0o777)
    held = os.open(file, os.O_RDWR)
    memory = ctypes.create_string_buffer(secret, 64)
    happened: list[str] = []
    for number in signal.valid_signals() - HARMLESS:
        signal.signal(number, lambda number, _: happened.append(f"signal {number}"))
    selector = selectors.DefaultSelector()
    listeners = _listen(folder)
    for name, listener in listeners.items():
        selector.register(listener, selectors.EVENT_READ, name)
    selector.register(sys.stdin, selectors.EVENT_READ)
    facts = {
        "FOLDER": str(folder),
        "FILE": str(file),
        "SHARED": str(shared),
        "UNIX": listeners["unix"].getsockname(),
        "ABSTRACT": listeners["abstract"].getsockname().decode("latin-1"),
        "TCP4": listeners["tcp4"].getsockname()[1],
        "TCP6": listeners["tcp6"].getsockname()[1] if "tcp6" in listeners else 0,
        "UDP4": listeners["udp4"].getsockname()[1],
        "VICTIM": os.getpid(),
        "HELD": held,
        "ADDRESS": ctypes.addressof(memory),
        "SEGMENT": _segment(secret),
        "KNOWN": _known(),
    }
    print(json.dumps(facts), flush=True)

    def state() -> list[str]:
        entries = [(e.name, oct(e.stat().st_mode), e.stat().st_mtime) for e in os.scandir(folder)]
        files = [path.read_bytes() for path in (file, shared) if path.exists()]
        kept = [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))]
        limits = [resource.getrlimit(n) for n in range(16)]
        return list(map(repr, (sorted(entries), files, memory.raw, kept, limits)))

    before = state()
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                if not sys.stdin.readline():
                    return
                changed = [new for new, old in zip(state(), before, strict=True) if new != old]
                print(json.dumps(happened + changed), flush=True)
                happened.clear()
            else:
                happened.append(f"a connection to {key.data}")
                _answer(key.fileobj, secret)


def _listen(folder: Path) -> dict[str, socket.socket]:
    wanted = {
        "tcp4": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
        "udp4": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "unix": (socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "socket")),
        "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{folder.name}"),
    }
    made = {}
    for name, (family, kind, address) in wanted.items():
        try:
            listener = socket.socket(family, kind)
            listener.bind(address)
        except OSError:
            if name == "tcp6":  # a machine without it
                continue
            raise
        if kind == socket.SOCK_STREAM:
            listener.listen()
        made[name] = listener
    (folder / "socket").chmod(0o666)
    return made


def _answer(listener: object, secret: bytes) -> None:
    assert isinstance(listener, socket.socket)
    with contextlib.suppress(OSError):
        if listener.type == socket.SOCK_DGRAM:
            listener.sendto(secret, listener.recvfrom(2048)[1])
            return
        with listener.accept()[0] as connection:
            connection.settimeout(0.5)
            connection.send(b"HTTP/1.0 200 OK\r\n\r\n" + secret)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(2048)


def _segment(secret: bytes) -> int:
    """A System V segment that anyone may attach; the kernel drops it with this process."""
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    number = int(libc.shmget(0, 4096, 0o1666))
    ctypes.memmove(libc.shmat(number, None, 0), secret, len(secret))
    libc.shmctl(number, 0, None)
    return number


def _known() -> dict[str, str]:
    """Digests of files that differ from machine to machine."""
    paths = [Path("/etc", name) for name in ("machine-id", "hostname", "fstab")]
    texts = {str(path): path.read_bytes() for path in paths if path.is_file()}
    return {path: hashlib.sha256(text).hexdigest() for path, text in texts.items() if text}


if __name__ == "__main__":
    main(sys.argv[1].encode())
