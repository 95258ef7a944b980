"""The machine's side of an attack: starts `host.py` beside the sandbox and asks what reached it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path

from journeyman.sandbox import seccomp
from journeyman.sandbox.base import Json
from journeyman.sandbox.bubblewrap import NOBODY, PYTHON

CALLS = {
    "clone": seccomp.CLONE,
    "clone3": (seccomp.CLONE3, seccomp.CLONE3),
    "capget": (125, 90),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "prlimit64": (302, 261),
    "ioprio_set": (251, 30),
    "tgkill": (234, 131),
    "prctl": (157, 167),
}
"""Further calls that attacks make, numbered as in `seccomp.DENIED`."""


class Host:
    """The host's part in a process of its own, owned by whoever the sandbox belongs to."""

    def __init__(self) -> None:
        self.secret = f"journeyman-secret-{secrets.token_hex(16)}"
        # Another user may not be able to read this folder.
        source = Path(__file__).with_name("host.py").read_text()
        uid = int(NOBODY) if os.geteuid() == 0 else None
        self._process = subprocess.Popen(
            [PYTHON, "-I", "-c", source, self.secret],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"HOST_SECRET": self.secret, "PATH": "/usr/bin:/bin"},
            user=uid,
            group=uid,
            extra_groups=[] if uid is not None else None,
        )
        self.facts: dict[str, Json] = {**json.loads(self._line()), **calls()}

    def happened(self) -> list[str]:
        """What has reached it since it was last asked: connections, signals, changes."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: list[str] = json.loads(self._line())
        return told

    def end(self) -> None:
        self._process.communicate("")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def calls() -> dict[str, Json]:
    """The numbers of system calls on this machine."""
    column = seccomp.MACHINES[os.uname().machine][0]
    return {"CALLS": {name: pair[column] for name, pair in {**seccomp.DENIED, **CALLS}.items()}}
