"""A host that can tell what reached it, and a real sandbox to attack it from."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from journeyman.sandbox import tree
from journeyman.sandbox.conformance import SMALL
from journeyman.sandbox.worker import Worker

from ..backends import BACKENDS, Backend
from .machine import Host


@pytest.fixture(scope="module")
def _host() -> Iterator[Host]:
    host = Host()
    yield host
    host.end()


@pytest.fixture
def host(_host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host, with a secret in this process's environment and home; unharmed at the end."""
    monkeypatch.setenv("HOST_SECRET", _host.secret)
    home = Path(os.environ["HOME"])
    (home / ".netrc").write_text(_host.secret)
    _host.facts |= {"HOME": str(home), "RUNNER": "/runner/runner.py"}
    _host.happened()
    yield _host
    assert _host.happened() == []


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    if chosen.launcher.name == "docker":
        request.getfixturevalue("engine")
    return chosen


@pytest.fixture
async def sandbox(backend: Backend) -> AsyncIterator[Worker]:
    """A sandbox of its own for each attack, which leaves no process."""
    before = set(tree.descendants(os.getpid()))
    worker = Worker(backend.launcher, SMALL)
    yield worker
    await worker.close()
    left = set(tree.descendants(os.getpid())) - before
    assert not any(map(tree.alive, left)), left


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick are the attacks on the backend that is used unless another is asked for."""
    here = Path(__file__).parent
    for item in items:
        quick = "bubblewrap" in item.name and "succeeds_where" not in item.name
        if here in item.path.parents and not quick:
            item.add_marker(pytest.mark.slow)
