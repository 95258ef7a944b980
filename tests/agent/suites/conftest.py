"""Chores done for real: reference solutions and probes in bubblewrap, one sandbox for each."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest_asyncio

from journeyman.agent.suites.code import Chore, verdict
from journeyman.sandbox.base import Json, Limits, Result, Snapshot
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.worker import Worker

SOLUTIONS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (Path(__file__).parent / "solutions").glob("*.py")
}
"""Sources by function name: what `from library import csv_sum_column` finds."""


def call_of(kind: str, goal: str) -> str:
    """The call that solves a goal: the reference function with what the goal names."""
    function = kind.replace("-", "_")
    template = next(
        ast.literal_eval(node.value)
        for node in ast.parse(SOLUTIONS[function]).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "GOAL"
    )
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))
    found = re.fullmatch(pattern, goal)
    assert found, f"{goal!r} is not of the form {template!r}"
    arguments = ", ".join(f"{name}={text!r}" for name, text in found.groupdict().items())
    return f"from library import {function}\n{function}({arguments})"


class Desk:
    """A sandbox that can be emptied."""

    def __init__(self) -> None:
        self.sandbox = Worker(Bubblewrap(), Limits(seconds=20))
        self._blank: Snapshot | None = None

    async def lay(self, files: Mapping[str, bytes]) -> None:
        """Have these files and no others."""
        if self._blank is None:
            self._blank = await self.sandbox.snapshot()
        await self.sandbox.restore(self._blank)
        await self.sandbox.put(files)

    async def files(self) -> dict[str, bytes]:
        export = await self.sandbox.export()
        return {path: file.data for path, file in export.files.items()}

    async def run(self, code: str) -> Result:
        return await self.sandbox.run(code, serve=echo, library=SOLUTIONS)


class Bench:
    """Does chores in one sandbox and judges what comes out with another."""

    def __init__(self) -> None:
        self.work, self.fresh = Desk(), Desk()

    async def solve(
        self, kind: str, chore: Chore, then: str = ""
    ) -> tuple[Result, dict[str, bytes]]:
        """Run the reference solution and some code after it."""
        await self.work.lay(chore.files)
        result = await self.work.run(f"{call_of(kind, chore.goal)}\n{then}")
        assert result.ok, result
        return result, await self.work.files()

    async def ask(self, code: str, files: Mapping[str, bytes]) -> Json:
        await self.fresh.lay(files)
        return (await self.fresh.run(code)).value

    async def verdict(self, chore: Chore, files: Mapping[str, bytes]) -> str | None:
        return await verdict(chore, files, self.ask)

    async def close(self) -> None:
        await self.work.sandbox.close()
        await self.fresh.sandbox.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.close()
