"""The process of one run, from its fork to its code. Standard library only.

Forked by `runner.py` before there is a request, so that a request finds it waiting: made up, its
pipes in place, nothing of the runner's open. Covered: what the kernel bounds for one process and
those it starts. Not covered: all processes together, which the runner and the host hold.
"""

from __future__ import annotations

import ast
import io
import json
import math
import os
import resource
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import inside, place
else:
    import inside
    import place

OPEN_FILES = 64
INHERITED = 256
"""More file descriptors than the runner ever has open."""

Message = dict[str, Any]
Here = place.Namespace | place.Domain


class Child:
    """What every child is made of, made once before they are forked."""

    def __init__(self) -> None:
        self._channel = inside.Channel()
        self._page = inside.Page(self._channel.call)
        for stream in (sys.stdout, sys.stderr):
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(line_buffering=True, errors="backslashreplace")

    def live(self, to_runner: int, from_runner: int, out: int, here: Here) -> NoReturn:
        """Turn the forked process into the run's own: wait for its request, and carry it out."""
        try:
            here.narrow()
            nothing = os.open("/dev/null", os.O_RDONLY)
            for old, new in ((nothing, 0), (out, 1), (out, 2)):
                os.dup2(old, new)
            low, high = sorted((to_runner, from_runner))
            for start, end in ((3, low), (low + 1, high), (high + 1, INHERITED)):
                os.closerange(start, end)
            rehearse()
            request, others = self._channel.open(to_runner, from_runner)
            bound(request["limits"], others)
            if request["command"]:
                inside.become_program(request["command"], self._channel)
            inside.execute(request, self._channel, self._page)
        finally:
            os._exit(1)


def rehearse() -> None:
    """Do once what every run does.

    Memory is shared with the runner until it is written, and copying a page of it takes longer than
    what is written there: let that happen while nobody waits.
    """
    request = json.loads('{"code": "0", "library": {}, "limits": {"seconds": 1.5}}')
    inside.Library(request["library"], [])
    compile(ast.parse(request["code"], inside.ACTION), inside.ACTION, "exec")
    for ascii_only in (True, False):
        json.dumps(request, ensure_ascii=ascii_only, allow_nan=False).encode()


def bound(limits: Message, others: int) -> None:
    """Let the kernel hold this process and its children to the limits of the run.

    `others` are threads that the limit on processes counts and that are not the run's.
    """
    memory, file = limits["memory_mb"] << 20, limits["file_mb"] << 20
    seconds = math.ceil(limits["seconds"]) + 1
    # A second between soft and hard lets the signal of the soft one tell what it was.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_NPROC, limits["processes"] + others),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
