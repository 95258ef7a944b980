"""Forged lines and refused system calls, tried inside the real bubblewrap."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, seccomp
from journeyman.sandbox.base import Json
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import SMALL, echo, serves

SEND = "import os\ndef send(data):\n    for fd in range(3, 64):\n        try: os.write(fd, data)\n"
SEND += "        except OSError: pass\n"


@pytest.fixture
async def sandbox() -> AsyncIterator[Bubblewrap]:
    sandbox = Bubblewrap(SMALL)
    yield sandbox
    await sandbox.close()


FORGED = {
    "a call out of turn": b'{"call":9,"primitive":"click","args":{}}\n',
    "two calls at once": b'{"call":1,"primitive":"text","args":{}}\n' * 2,
    "an end of the host's": b'{"done":"1","exit_code":0,"error":null,"output":""}\n',
    "deep JSON": b"[" * 200_000 + b"\n",
    "a deep call": b'{"call":1,"primitive":"x","args":{"a":' + b"[" * 99 + b"]" * 99 + b"}}\n",
    "invalid UTF-8": b'{"call":1,"primitive":"\xff","args":{}}\n',
    "half a character": b'{"call":1,"primitive":"\\ud800","args":{}}\n',
    "not a number": b'{"call":1,"primitive":"x","args":{"a":NaN}}\n',
    "a number too long": b'{"call":1,"primitive":"x","args":{"a":' + b"9" * 9999 + b"}}\n",
    "a wrong type": b'{"call":1,"primitive":["click"],"args":{}}\n',
    "no object": b'"call"\n',
    "no line's end": b"x" * 1_000_000,
    "an odd report": b'{"end":1,"exit_code":"0","error":7,"value":null,"called":7}\n',
    "a report too long": b'{"end":1,"exit_code":1,"error":"' + b"x" * 300_000 + b'"}\n',
}


@pytest.mark.parametrize("line", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_line_ends_the_run_and_nothing_else(
    sandbox: Bubblewrap, line: bytes
) -> None:
    served = []

    async def serve(primitive: str, args: dict[str, Json]) -> Json:
        served.append(primitive)

    code = f"{SEND}send({line[:50]!r} + {line[50:]!r})\nimport time\ntime.sleep(9)"
    result = await sandbox.run(code, serve=serve)
    assert not result.ok and "protocol" in (result.error or ""), result
    assert not result.timed_out and set(served) <= {"text"}
    await serves(sandbox)


async def test_a_reply_reaches_only_the_process_that_asked(sandbox: Bubblewrap) -> None:
    code = "import os\nif os.fork() == 0:\n    text()\nos.wait()\ntext()"
    result = await sandbox.run(code, serve=echo)
    assert result.value == ["text", {}] and result.output == "", result


async def test_denied_system_calls_fail(sandbox: Bubblewrap) -> None:
    column = seccomp.MACHINES[os.uname().machine][0]
    # Those that even an owner of all rights inside could otherwise begin.
    numbers = {name: pair[column] for name, pair in seccomp.DENIED.items() if pair[column]}
    numbers |= {"clone3": seccomp.CLONE3, "future": 600}
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def error(number, *args):
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(number, *args) == -1 else 0
found = {{name: error(number, 0, 0, 0, 0, 0, 0) for name, number in {numbers!r}.items()}}
found["clone"] = error({seccomp.CLONE[column]}, 0x10000011, 0, 0, 0, 0)
found
"""
    result = await sandbox.run(code, serve=echo)
    assert result.ok, result
    assert {name for name, error in result.value.items() if error == 38} == {"clone3", "future"}
    assert all(error in (1, 38) for error in result.value.values()), result.value
    await serves(sandbox)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 calls exist on x86_64 only")
async def test_calls_of_another_kind_kill(sandbox: Bubblewrap) -> None:
    code = f"import ctypes\nctypes.CDLL(None).syscall({seccomp.X32 + 39})"
    result = await sandbox.run(code, serve=echo)
    assert "SIGSYS" in (result.error or ""), result


def test_the_call_numbers_are_those_of_the_kernel() -> None:
    tables = (
        Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        Path("/usr/include/asm-generic/unistd.h"),
    )
    for column, table in enumerate(tables):
        if not table.exists():
            pytest.skip(f"{table} is not installed")
        lines = (line.split() for line in table.read_text().splitlines())
        known = {
            part[1].removeprefix("__NR_").removeprefix("__NR3264_"): part[2]
            for part in lines
            if len(part) >= 3 and part[0] == "#define" and part[1].startswith("__NR")
        }
        for name, pair in seccomp.DENIED.items():
            number = pair[column]
            assert known.get(name) == (None if number is None else str(number)), name


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        seccomp.program("riscv64")
