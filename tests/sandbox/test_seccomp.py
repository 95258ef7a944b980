"""System calls refused inside the real bubblewrap, and their numbers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, seccomp
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.worker import Worker


@pytest.fixture
async def sandbox() -> AsyncIterator[Worker]:
    sandbox = Worker(Bubblewrap(), SMALL)
    yield sandbox
    await sandbox.close()


async def test_denied_system_calls_fail(sandbox: Worker) -> None:
    column = seccomp.MACHINES[os.uname().machine][0]
    # Those that even an owner of all rights inside could otherwise begin.
    numbers = {name: pair[column] for name, pair in seccomp.DENIED.items() if pair[column]}
    numbers |= {"clone3": seccomp.CLONE3, "future": 600}
    own = {name: pair[column] for name, pair in seccomp.SELF_ONLY.items()}
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def error(number, *args):
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(number, *args) == -1 else 0
found = {{name: error(number, 0, 0, 0, 0, 0, 0) for name, number in {numbers!r}.items()}}
found |= {{name: error(number, 1, 0, 0, 0, 0, 0) for name, number in {own!r}.items()}}
found["clone"] = error({seccomp.CLONE[column]}, 0x10000011, 0, 0, 0, 0)
found
"""
    result = await sandbox.run(code, serve=echo)
    assert result.ok, result
    assert {name for name, error in result.value.items() if error == 38} == {"clone3", "future"}
    assert all(error in (1, 38) for error in result.value.values()), result.value
    await serves(sandbox)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 calls exist on x86_64 only")
async def test_calls_of_another_kind_kill(sandbox: Worker) -> None:
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
        for name, pair in (seccomp.DENIED | seccomp.SELF_ONLY).items():
            number = pair[column]
            assert known.get(name) == (None if number is None else str(number)), name


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        seccomp.program("riscv64")
