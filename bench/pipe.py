"""What sandboxes are measured against: a Python that forks for each request, and no isolation."""

from __future__ import annotations

import asyncio
import json

from journeyman.sandbox.bubblewrap import PYTHON
from journeyman.sandbox.talk import LONGEST

FORKER = """
import io, json, os, sys
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        request = json.loads(line)
        for number in range(request["calls"]):
            os.write(1, b'{"call": 1}\\n')
            json.loads(sys.stdin.readline())
        printed = ""
        if request["code"]:
            sys.stdout = io.StringIO()
            exec(compile(request["code"], "code", "exec"), {})
            printed = sys.stdout.getvalue()
        os.write(1, json.dumps({"end": printed}).encode() + b"\\n")
        os._exit(0)
    os.waitpid(pid, 0)
"""


class Pipe:
    """That Python, and the pipes to it."""

    async def open(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(
            PYTHON, "-I", "-S", "-c", FORKER, stdin=pipe, stdout=pipe, limit=LONGEST
        )

    async def run(self, calls: int, code: str = "") -> str:
        """One request, which asks back `calls` times and then runs code; what that printed."""
        assert self._child.stdin is not None and self._child.stdout is not None
        request = json.dumps({"calls": calls, "code": code})
        self._child.stdin.write(request.encode() + b"\n")
        while b'"call"' in (line := await self._child.stdout.readline()):
            self._child.stdin.write(b"{}\n")
        printed: str = json.loads(line)["end"]
        return printed

    async def close(self) -> None:
        self._child.kill()
        await self._child.wait()
        assert self._child.stdin is not None
        self._child.stdin.close()
