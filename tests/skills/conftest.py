"""Candidates and trials that pass the gate, to be varied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from journeyman.skills.skill import (
    Candidate,
    Manifest,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)

CODE = '''"""Learnt."""

from page import click, fill


def {function}(user: str) -> None:
    """Log in."""
    fill("textbox", "User", user)
    click("button", "{button}")
'''


def make_candidate(name: str = "log-in", button: str = "Log in", **changes: Any) -> Candidate:
    """A candidate that passes every static check."""
    plain = Candidate(
        name=name,
        description=f"Log in on the page: {name}.",
        template=Template("Log in as {user}.", (Slot("user"),)),
        code=CODE.format(function=name.replace("-", "_"), button=button),
        manifest=Manifest(("http://shop.test",), ("click", "fill")),
        sources=("trajectory-1",),
        constructs=("lift",),
    )
    return replace(plain, **changes)


def make_report(candidate: Candidate, siblings: int = 5, **changes: Any) -> TrialReport:
    """A trial in which the source and its siblings all passed."""
    runs = [TrialRun("s-0", "Log in as a.", 0, True, True, source=True, steps=2)]
    runs += [
        TrialRun(f"s-{seed}", f"Log in as {seed}.", seed, True, True, steps=2, seconds=0.1)
        for seed in range(1, siblings + 1)
    ]
    return replace(TrialReport(candidate.digest, tuple(runs), reset="full"), **changes)


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    return make_candidate


@pytest.fixture
def report() -> Callable[..., TrialReport]:
    return make_report
