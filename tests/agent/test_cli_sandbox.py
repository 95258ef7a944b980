"""`journeyman sandbox build` where it cannot be done: one sentence, status 2."""

from __future__ import annotations

import pytest

from journeyman.agent.cli import main


def test_building_without_an_engine_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    assert main(["sandbox", "build"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "no container engine answers at unix:///nowhere/engine.sock" in said[-1]


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--help"]) == 0
    assert "build" in capsys.readouterr().out
