"""Every backend passes the one suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from journeyman.sandbox.base import Sandbox
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.conformance import CHECKS, SMALL, Check

BACKENDS = {"bubblewrap": Bubblewrap}


@pytest.fixture(params=BACKENDS)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    backend = BACKENDS[request.param](SMALL)
    yield backend
    await backend.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: Check, sandbox: Sandbox) -> None:
    await check(sandbox)
