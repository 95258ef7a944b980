"""Every backend passes the one suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from journeyman.sandbox.conformance import CHECKS, SMALL, Check
from journeyman.sandbox.conformance_files import FILE_CHECKS
from journeyman.sandbox.conformance_walls import checks_of
from journeyman.sandbox.worker import Launcher, Worker

from .backends import BACKENDS


def cases() -> Iterator[object]:
    for backend in BACKENDS:
        launcher = backend.values[0].launcher
        for check in CHECKS + FILE_CHECKS + checks_of(launcher.capabilities):
            name = f"{launcher.name}-{check.__name__}"
            yield pytest.param(launcher, check, id=name, marks=backend.marks)


@pytest.mark.parametrize(("launcher", "check"), list(cases()))
async def test_conforms(launcher: Launcher, check: Check, request: pytest.FixtureRequest) -> None:
    if launcher.name == "docker":
        request.getfixturevalue("engine")
    sandbox = Worker(launcher, SMALL)
    try:
        await check(sandbox)
    finally:
        await sandbox.close()
