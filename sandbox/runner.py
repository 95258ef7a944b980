"""The first process inside a sandbox: forks one for each run, carries lines to and from the host.

Started as `/usr/bin/python3 -I -S runner.py` with `inside.py`, `faults.py` and `primitives.py`
beside it; standard library only. Code inside can neither kill this process nor look into it, so it
alone speaks to the host: it checks the run's lines, counts its output, and ends every process of a
run with it. Files stay; nothing is ever deleted.

Covered: fresh state for each run, caps on output and on the number of files, leftovers of a run.
Not covered: isolation, total memory and time, which whoever starts this holds.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import random  # noqa: F401  (loaded before the fork, as are re and datetime: actions use them)
import re  # noqa: F401
import resource
import select
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import inside
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import datetime  # noqa: F401

    import inside

    sys.path.pop(0)

CODE = 5 * 1024 * 1024
FILES = 2000
"""Files that may lie in /tmp; each costs kernel memory that no size limit counts."""
OPEN_FILES = 64
TICK = 0.05

Message = dict[str, Any]


class Run:
    """One run: its process, its pipes, and what it has said so far."""

    def __init__(self, request: Message, host_out: int) -> None:
        self.id, self.limits = request["id"], request["limits"]
        self.end: Message | None = None
        self.stopped: str | None = None
        self._output = bytearray()
        self._status = 0
        self._calls, self._awaited, self._host_out = 0, False, host_out
        said, to_runner = os.pipe()
        from_runner, self._replies = os.pipe()
        self._printed, out = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            become(request, to_runner, from_runner, out)
        for fd in (to_runner, from_runner, out):
            os.close(fd)
        os.set_blocking(self._printed, False)
        self._lines = inside.Lines(said, inside.LINE)
        # A pipe that was closed is taken out.
        self.heard = {said: self.hear, self._printed: self.listen}

    def over(self) -> bool:
        """Whether the run has reported, was stopped or has died. Reaps what it left behind."""
        while self.end is None and self.stopped is None:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self._pid:
                self._status = status
                return True
            if pid == 0:
                return False
        return True

    def hear(self, forward: bool = True) -> None:
        """Take lines from the run: pass its one open call on to the host, or keep its report."""
        try:
            lines = self._lines.read()
            if lines is None:
                del self.heard[self._lines.fd]
                return
            for line in lines:
                message = json.loads(line)
                if "end" in message:
                    self.end = message
                    return
                call = {key: message[key] for key in ("call", "primitive", "args")}
                if self._awaited or call["call"] != self._calls + 1:
                    raise ValueError("a call out of turn")
                if forward:
                    self._calls, self._awaited = self._calls + 1, True
                    inside.write(self._host_out, call)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.stopped = self.stopped or "protocol"

    def answer(self, line: bytes) -> None:
        """Hand the host's reply to the run."""
        self._awaited = False
        try:
            inside.write_all(self._replies, line + b"\n")
        except BrokenPipeError:
            return

    def listen(self) -> None:
        """Keep what was printed, up to its limit; more ends the run."""
        limit = self.limits["output_bytes"]
        try:
            while len(self._output) <= limit:
                data = os.read(self._printed, 65536)
                if not data:
                    self.heard.pop(self._printed, None)
                    return
                self._output += data
        except BlockingIOError:
            return
        self.stopped = self.stopped or "output"

    def report(self) -> Message:
        """End every process but this one, and say how the run went."""
        end_all()
        while self.end is None and self.stopped is None and self._lines.fd in self.heard:
            self.hear(forward=False)
        self.listen()
        for fd in (self._lines.fd, self._replies, self._printed):
            os.close(fd)
        end = self.end or {"exit_code": 1, "error": died(self._status, self.limits)}
        kept = bytes(self._output[: self.limits["output_bytes"]])
        return {
            "done": self.id,
            "exit_code": end.get("exit_code") if self.stopped is None else 1,
            "error": end.get("error"),
            "output": kept.decode("utf-8", "replace"),
            "value": end.get("value"),
            "called": end.get("called", []),
            "stopped": self.stopped,
        }


def died(status: int, limits: Message) -> str:
    """Say how a process ended that did not report."""
    if not os.WIFSIGNALED(status):
        return f"the action ended its own process (exit code {os.waitstatus_to_exitcode(status)})"
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return f"the action ran longer than {limits['seconds']:g} s and was stopped"
    return f"the action's process was ended by {signal.Signals(number).name}"


def end_all() -> None:
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


def become(request: Message, to_runner: int, from_runner: int, out: int) -> NoReturn:
    """Turn the forked process into the run's own."""
    try:
        nothing = os.open("/dev/null", os.O_RDONLY)
        for old, new in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(old, new)
        for fd in range(3, 256):
            if fd not in (to_runner, from_runner):
                with contextlib.suppress(OSError):
                    os.close(fd)
        for name, fd in (("stdout", 1), ("stderr", 2)):
            setattr(sys, name, os.fdopen(fd, "w", 1, "utf-8", "backslashreplace"))
        bound(request["limits"])
        inside.execute(request, inside.Channel(to_runner, from_runner))
    finally:
        os._exit(1)


def bound(limits: Message) -> None:
    """Let the kernel hold this process and its children to the limits of the run."""
    memory, file = limits["memory_mb"] << 20, limits["file_mb"] << 20
    seconds = math.ceil(limits["seconds"]) + 1
    # A second between soft and hard lets the signal of the soft one tell what it was.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file),
        # One is the runner.
        (resource.RLIMIT_NPROC, limits["processes"] + 1),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def serve(run: Run, host: inside.Lines) -> None:
    """Carry lines until the run is over; leave when the host is gone."""
    while not run.over():
        for fd in select.select([host.fd, *run.heard], [], [], TICK)[0]:
            if fd != host.fd:
                run.heard[fd]()
                continue
            lines = host.read()
            if lines is None:
                sys.exit("the host has gone")
            for line in lines:
                if line.startswith(b'{"stop"'):
                    run.stopped = "asked"
                else:
                    run.answer(line)
        space = os.statvfs("/tmp")
        if run.stopped is None and space.f_files - space.f_ffree > FILES:
            run.stopped = "files"


def main() -> None:
    if os.getpid() not in (1, 2):
        sys.exit("runner.py runs only as the first process of a sandbox; see sandbox/bubblewrap.py")
    host, host_out = inside.Lines(0, CODE), 1
    gc.freeze()
    inside.write(host_out, {"ready": 1})
    while True:
        lines = host.read()
        if lines is None:
            return
        for line in lines:
            request = json.loads(line)
            # A reply or a stop that crossed with the end of its run is for no one.
            if "id" in request:
                run = Run(request, host_out)
                serve(run, host)
                inside.write(host_out, run.report())


if __name__ == "__main__":
    main()
