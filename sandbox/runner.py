"""The first process inside a sandbox: forks one for each run, carries lines to and from the host.

Started as `/usr/bin/python3 -I -S runner.py` in the work area, with the other files that go inside
beside it; standard library only. Code inside can neither kill this process nor look into it, so it
alone speaks to the host: it checks the run's lines, counts its output, and ends every process of a
run with it. Files stay from run to run; the host has them read, written and deleted in between.
The next run's process is forked as soon as a run has ended, so that its request finds it waiting.

Covered: fresh state for each run, caps on output and on the number of files; `place.py` says how
leftovers of a run are ended. Not covered: isolation, total memory and time, which whoever starts
this holds.
"""

from __future__ import annotations

import gc
import json
import os
import re  # noqa: F401  (loaded before the fork, as is datetime: actions use them)
import select
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from . import area, child, inside, place
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import datetime  # noqa: F401

    import area
    import child
    import inside
    import place

    sys.path.pop(0)

TICK = 0.05

Message = dict[str, Any]
Here = place.Namespace | place.Domain


class Run:
    """One run: its process, which waits for `begin`, its pipes, and what it has said so far."""

    def __init__(self, born: child.Child, host_out: int, here: Here) -> None:
        self._here = here
        self.id = ""
        self.limits: Message = {}
        self._command: list[str] = []
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
            born.live(to_runner, from_runner, out, here)
        for fd in (to_runner, from_runner, out):
            os.close(fd)
        os.set_blocking(self._printed, False)
        self._lines = inside.Lines(said, inside.LINE)
        # A pipe that was closed is taken out.
        self.heard = {said: self.hear, self._printed: self.listen}

    def begin(self, request: Message, line: bytes) -> None:
        """Give the process that waits its request."""
        self.id, self.limits = request["id"], request["limits"]
        self._command = request["command"]
        # What only this process can see by then: how many threads its limit also counts.
        self.answer(b"%d " % self._here.threads() + line)

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
                if not isinstance(message, dict):
                    raise ValueError("no object")
                if "end" in message:
                    # What can be read but not written (1e999) ends the run here, no more than it.
                    inside.dump(message)
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
        self._here.end_others()
        self.stopped = self.stopped or self._here.excess_left(self.limits)
        while self.end is None and self.stopped is None and self._lines.fd in self.heard:
            self.hear(forward=False)
        self.listen()
        for fd in (self._lines.fd, self._replies, self._printed):
            os.close(fd)
        end = self.end or self.status()
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

    def status(self) -> Message:
        """How a process ended that did not report: a program never does."""
        if self._command and os.WIFEXITED(self._status):
            code = os.waitstatus_to_exitcode(self._status)
            error = f"{self._command[0]} ended with exit code {code}" if code else None
            return {"exit_code": code, "error": error}
        return {"exit_code": 1, "error": died(self._status, self.limits)}


def died(status: int, limits: Message) -> str:
    """Say how a process ended that did not report."""
    if not os.WIFSIGNALED(status):
        return f"the action ended its own process (exit code {os.waitstatus_to_exitcode(status)})"
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return f"the action ran longer than {limits['seconds']:g} s and was stopped"
    return f"the action's process was ended by {signal.Signals(number).name}"


def serve(run: Run, host: inside.Lines, here: Here, files: area.Area) -> None:
    """Carry lines until the run is over; leave when the host is gone."""
    # More may lie there than a run may add: the next one can still delete them.
    most = max(place.FILES, files.count())
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
        run.stopped = run.stopped or here.excess(run.limits, most)


def main() -> None:
    here = place.of(sys.argv[1:])
    # Of signals from inside a first process gets those it handles: with Python's handler, this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        work(here)
    finally:
        here.end_others()


def work(here: Here) -> None:
    """Carry out what the host asks for until it has gone."""
    host, host_out = inside.Lines(0, inside.CODE), 1
    # The work area is where this process was started; there is no default to be wrong about.
    files = area.Area(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    born = child.Child()
    gc.freeze()
    # Before the host knows of it, and puts what it finds into a control group.
    run = Run(born, host_out, here)
    inside.write(host_out, {"ready": 1})
    while True:
        lines = host.read()
        if lines is None:
            return
        for line in lines:
            request = json.loads(line)
            if "anew" in request:
                here.end_others()
                # Nothing of this process's memory is left, where a later run could look for it.
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
            files.unlock()
            if "file" in request:
                inside.write(host_out, files.answer(request))
            # A reply or a stop that crossed with the end of its run is for no one.
            if "id" in request:
                run.begin(request, line)
                serve(run, host, here, files)
                inside.write(host_out, run.report())
                run = Run(born, host_out, here)


if __name__ == "__main__":
    main()
