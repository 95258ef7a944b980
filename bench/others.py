"""Other ways to run Python, opened n at a time: a bare fork, and what other projects ship.

None of them isolates anything. smolagents' local executor walks the syntax tree in this very
process; SWE-ReX's local deployment runs programs as the host's own user.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.pipe import Pipe
from journeyman.sandbox.bubblewrap import PYTHON

Run = Callable[[str], Awaitable[str]]
"""Runs a program and gives what it printed."""


@asynccontextmanager
async def pipes(many: int) -> AsyncIterator[list[Run]]:
    """A bare fork for each call."""
    opened = [Pipe() for _ in range(many)]
    for pipe in opened:
        await pipe.open()

    def run_in(pipe: Pipe) -> Run:
        async def run(code: str) -> str:
            return await pipe.run(0, code)

        return run

    try:
        yield [run_in(pipe) for pipe in opened]
    finally:
        for pipe in opened:
            await pipe.close()


@asynccontextmanager
async def smolagents_local(many: int) -> AsyncIterator[list[Run]]:
    """`LocalPythonExecutor`: walks the syntax tree in this very process."""
    from smolagents.local_python_executor import LocalPythonExecutor  # type: ignore[import]

    def run_in() -> Run:
        executor = LocalPythonExecutor(additional_authorized_imports=["csv"])
        executor.send_tools({})

        async def run(code: str) -> str:
            return str(executor(code).logs)

        return run

    yield [run_in() for _ in range(many)]


@asynccontextmanager
async def swerex_program(many: int) -> AsyncIterator[list[Run]]:
    """SWE-ReX's local deployment, a program for each call."""
    from swerex.deployment.local import LocalDeployment  # type: ignore[import]
    from swerex.runtime.abstract import Command  # type: ignore[import]

    deployment = LocalDeployment()
    await deployment.start()

    async def run(code: str) -> str:
        done = await deployment.runtime.execute(Command(command=[PYTHON, "-c", code]))
        return str(done.stdout)

    try:
        yield [run] * many
    finally:
        await deployment.stop()


@asynccontextmanager
async def swerex_shell(many: int) -> AsyncIterator[list[Run]]:
    """SWE-ReX's local deployment, typed into a shell that stays."""
    from swerex.deployment.local import LocalDeployment  # type: ignore[import]
    from swerex.runtime.abstract import (  # type: ignore[import]
        BashAction,
        CreateBashSessionRequest,
        WriteFileRequest,
    )

    deployment = LocalDeployment()
    await deployment.start()
    runtime = deployment.runtime

    def run_in(session: str) -> Run:
        # A line typed into a terminal holds 4,096 bytes: the program goes through a file.
        path = f"/tmp/bench-executors-{session}.py"

        async def run(code: str) -> str:
            await runtime.write_file(WriteFileRequest(path=path, content=code))
            typed = BashAction(command=shlex.join([PYTHON, path]), session=session)
            return str((await runtime.run_in_session(typed)).output)

        return run

    try:
        for number in range(many):
            await runtime.create_session(CreateBashSessionRequest(session=f"s{number}"))
        yield [run_in(f"s{number}") for number in range(many)]
    finally:
        await deployment.stop()
        for number in range(many):
            Path(f"/tmp/bench-executors-s{number}.py").unlink(missing_ok=True)
