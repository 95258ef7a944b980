"""Which backend is used: the one asked for or the strongest, and none where nothing isolates."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from journeyman.agent.config import load_settings
from journeyman.agent.run import Agent
from journeyman.sandbox import SandboxUnavailable, choice
from journeyman.sandbox.base import Backend, Capability, Limits
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.choice import choose, launcher_of
from journeyman.sandbox.conformance import SMALL
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.started import Started
from journeyman.sandbox.worker import Launcher, Worker


@dataclass(frozen=True)
class Engine:
    """A launcher of containers, as far as the choice can see; inside it is bubblewrap."""

    refusal: str = ""
    starts: list[Limits] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        return "docker"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    async def start(self, limits: Limits) -> Started:
        self.starts.append(limits)
        if self.refusal:
            raise SandboxUnavailable(self.refusal)
        return await Bubblewrap().start(limits)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_chosen", {})


@pytest.fixture
def weak() -> Iterator[Bubblewrap]:
    """A bubblewrap that lets /etc of the host in."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        fake = Path(folder, "bwrap")
        fake.write_text('#!/bin/sh\nexec bwrap --ro-bind /etc /etc "$@"\n')
        fake.chmod(0o755)
        yield Bubblewrap(str(fake))


def offer(monkeypatch: pytest.MonkeyPatch, **launchers: Launcher) -> None:
    """Have these stand for the backends; any other is one too many."""
    monkeypatch.setattr(choice, "launcher_of", lambda backend: launchers[backend])


async def test_bubblewrap_is_used_wherever_it_works() -> None:
    assert await choose() == Bubblewrap()


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
async def test_what_is_asked_for_by_name_is_used(backend: Backend) -> None:
    assert (await choose(backend)).name == backend


async def test_containers_are_used_where_bubblewrap_cannot_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine()
    offer(monkeypatch, bubblewrap=Bubblewrap("/gone/bwrap"), docker=engine)
    assert await choose("auto", SMALL) is engine
    assert engine.starts == [SMALL]
    assert await choose("auto", SMALL) is engine
    assert engine.starts == [SMALL], "what works is not tried again"


async def test_what_fails_its_canary_is_not_used(
    monkeypatch: pytest.MonkeyPatch, weak: Bubblewrap
) -> None:
    engine = Engine()
    offer(monkeypatch, bubblewrap=weak, docker=engine)
    assert await choose() is engine
    with pytest.raises(SandboxUnavailable, match="/etc/passwd of the host"):
        await choose("bubblewrap")


async def test_nothing_stands_in_for_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, docker=Engine("there is no engine"))
    with pytest.raises(SandboxUnavailable, match="docker: there is no engine"):
        await choose("docker")


async def test_where_nothing_isolates_no_code_runs_and_landlock_is_not_slipped_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine("there is no engine: apt-get install docker.io")
    monkeypatch.setenv("PATH", "/nowhere")
    offer(monkeypatch, bubblewrap=Bubblewrap(), docker=engine)
    for _ in range(2):
        with pytest.raises(SandboxUnavailable) as refused:
            await choose()
        for words in ("apt-get install bubblewrap", "apt-get install docker.io", "doctor"):
            assert words in str(refused.value)
        assert "\n" not in str(refused.value)
    assert len(engine.starts) == 2, "a failure is looked into again"


def test_auto_is_no_one_backend() -> None:
    with pytest.raises(ValueError, match="bubblewrap, docker, landlock"):
        launcher_of("auto")


@pytest.mark.parametrize(
    ("backend", "launcher"), [("auto", Bubblewrap()), ("landlock", Landlock())]
)
async def test_the_agent_uses_what_its_settings_say(
    tmp_path: Path, backend: str, launcher: Launcher
) -> None:
    given = {"sandbox.backend": backend, "sandbox.memory_mb": 200, "workspace": tmp_path}
    agent = Agent(load_settings(tmp_path, {}, given))
    make = await agent._sandboxes()
    sandbox = make()
    assert isinstance(sandbox, Worker) and sandbox.launcher == launcher
    assert sandbox is not make(), "each task has its own"
    assert sandbox._limits.memory_mb == 200
