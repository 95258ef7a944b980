"""Statuses follow from evidence, digests from what decides behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.skill import (
    Candidate,
    Evidence,
    Gates,
    Manifest,
    Status,
)
from journeyman.skills.status import status_of, wilson_lower


def outcomes(text: str) -> list[Evidence]:
    return [Evidence("a", 1, "use", letter == "+") for letter in text]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", Status.VERIFIED),
        ("++++++", Status.VERIFIED),
        ("+" * 15, Status.VERIFIED),
        ("+" * 16, Status.TRUSTED),
        ("+" * 16 + "-", Status.VERIFIED),
        ("+" * 40 + "-", Status.TRUSTED),
        ("+" * 40 + "--", Status.DEGRADED),
        ("+" * 40 + "--+", Status.TRUSTED),
        ("-", Status.VERIFIED),
    ],
)
def test_status_follows_from_outcomes(text: str, status: Status) -> None:
    assert status_of(outcomes(text)) is status


def test_an_excess_quarantines_until_a_person_has_reviewed() -> None:
    excess = Evidence("a", 1, "excess", False)
    review, refusal = (Evidence("a", 1, "review", success) for success in (True, False))
    good = outcomes("+" * 40)
    assert status_of([*good, excess]) is Status.QUARANTINED
    assert status_of([*good, excess, *good]) is Status.QUARANTINED
    assert status_of([*good, excess, refusal]) is Status.QUARANTINED
    assert status_of([*good, excess, review]) is Status.TRUSTED
    assert status_of([*good, review, excess]) is Status.QUARANTINED


def test_gates_decide() -> None:
    assert status_of(outcomes("++++++"), Gates(trust=0.5)) is Status.TRUSTED
    assert status_of(outcomes("+" * 20 + "--"), Gates(degrade_after=3)) is Status.VERIFIED


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_lower_bound_is_below_the_rate_and_grows_with_success(a: int, b: int) -> None:
    successes, trials = min(a, b), max(a, b)
    bound = wilson_lower(successes, trials)
    assert 0 <= bound <= (successes / trials if trials else 0) + 1e-12
    assert wilson_lower(successes + 1, trials + 1) >= bound


def test_a_digest_covers_code_template_and_manifest(candidate: Callable[..., Candidate]) -> None:
    plain = candidate()
    assert plain.digest == replace(plain, name="other", description="x", how="model").digest
    assert plain.digest != replace(plain, code=plain.code + "\n").digest
    assert plain.digest != replace(plain, manifest=Manifest((), ())).digest
    assert plain.function == "log_in"
    # Those who said nothing about tools and data keep the digest they had before there were any.
    assert plain.digest == "375d61a34a8641683734218b2bddc30e50e8a6d25432f2a10f9de90a12dfbed2"
    tool, data = replace(plain.manifest, tools=("a",)), replace(plain.manifest, data="secret")
    digests = {plain.digest, *(replace(plain, manifest=it).digest for it in (tool, data))}
    assert len(digests) == 3
