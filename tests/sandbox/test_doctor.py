"""The doctor tells what holds here, and what to do about what does not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.sandbox import cgroup, confine
from journeyman.sandbox.base import Backend
from journeyman.sandbox.conformance import SMALL
from journeyman.sandbox.doctor import WHAT, Fact, examine, machine


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of programs that come before those of the system, for every user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        yield Path(folder)


async def facts() -> dict[str, str]:
    found = await machine("/gone/chromium")
    assert all(isinstance(fact, Fact) and fact.said for fact in found)
    return {fact.what: fact.said for fact in found}


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
async def test_a_backend_that_works_tells_what_holds_what(backend: Backend) -> None:
    finding = await examine(backend, SMALL)
    assert finding.works and set(finding.by) == set(WHAT)
    assert finding.report is not None and finding.report.broken == ()


@pytest.mark.parametrize(
    ("backend", "words"), [("bubblewrap", "apt-get install bubblewrap"), ("docker", "docker")]
)
async def test_a_backend_that_does_not_says_what_to_do(
    backend: Backend, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    finding = await examine(backend, SMALL)
    assert not finding.works and words in finding.refusal.lower(), finding


async def test_the_machine_is_told_as_it_is() -> None:
    told = await facts()
    assert list(told) == ["control groups", "user namespaces", "seccomp", "Landlock", "Chromium"]
    assert ("one for each sandbox" in told["control groups"]) is (cgroup.find() is not None)
    assert told["user namespaces"] == "can be made without rights"
    assert "filters work" in told["seccomp"]
    assert f"version {confine.abi()}" in told["Landlock"]
    assert "no browser at /gone/chromium" in told["Chromium"]


async def test_refused_user_namespaces_are_told_with_what_allows_them(programs: Path) -> None:
    fake = programs / "unshare"
    fake.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o755)
    said = (await facts())["user namespaces"]
    assert "Operation not permitted" in said and "sysctl" in said and "apparmor" in said


async def test_an_old_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "abi", lambda: 3)
    monkeypatch.setattr(cgroup, "find", lambda: None)
    told = await facts()
    assert "version 6, Linux 6.12" in told["Landlock"]
    assert "memory is looked at instead" in told["control groups"]


@pytest.mark.browser
async def test_chromium_s_walls_are_those_it_was_started_behind() -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    said = {fact.what: fact.said for fact in await machine()}["Chromium"]
    assert said.startswith("pages are behind "), said
