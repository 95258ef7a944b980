"""Routing: the adapter a goal is most like, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from journeyman.memory.embed import HashEmbedder, default_embedder
from journeyman.skills.adapter import Adapter, AdapterCandidate, GateReport
from journeyman.skills.library import SkillLibrary
from journeyman.skills.lora.route import LEAST, MOST, calibrate, likenesses, route

Make = Callable[..., AdapterCandidate]
Exam = Callable[..., GateReport]

MAIL = tuple(
    f"Find the email by {who} and delete it." for who in ("Ada", "Bob", "Cid", "Eve", "Fay")
)
DATES = tuple(f"Enter {month}/0{month}/2013 as the date and press submit." for month in range(3, 8))
OTHER = (
    "Select Jam and Tea and click Submit.",
    "Book the cheapest flight from Rome to Oslo.",
    "Expand the section below and click the link.",
    "What is 17 plus 4?",
)


@pytest.fixture
async def library(tmp_path: Path, adapter: Make, exam: Exam) -> AsyncIterator[SkillLibrary]:
    embedder = default_embedder()
    library = SkillLibrary.open(tmp_path / "library", embedder)
    for seed, (name, goals, others) in enumerate(
        (("delete-mail", MAIL, DATES + OTHER), ("enter-dates", DATES, MAIL + OTHER))
    ):
        about = {"near": calibrate(embedder, goals, others)}
        made = adapter(
            tmp_path / name, name, seed, examples=goals, about=about, origins=("http://a.test",)
        )
        await library.admit_adapter(made, exam(made))
    yield library
    await library.close()


async def test_a_task_goes_to_the_adapter_for_it_and_other_tasks_to_none(
    library: SkillLibrary,
) -> None:
    base = library.skills()[0].current.adapter.base  # type: ignore[union-attr]
    for goal, name in (
        ("Find the email by Gus and delete it.", "delete-mail"),
        ("Enter 11/09/2014 as the date and press submit.", "enter-dates"),
        *((goal, None) for goal in OTHER),
        ("Choose the third tab.", None),
        ("", None),
    ):
        choice = await route(library, goal, base, "http://a.test")
        assert (choice.skill.name if choice else None) == name, goal


async def test_neither_another_base_nor_another_site_nor_a_retired_one_is_a_choice(
    library: SkillLibrary,
) -> None:
    base = library.skills()[0].current.adapter.base  # type: ignore[union-attr]
    assert await route(library, MAIL[0], base, "http://a.test")
    assert await route(library, MAIL[0], "c" * 64, "http://a.test") is None
    assert await route(library, MAIL[0], "", "http://a.test") is None
    assert await route(library, MAIL[0], base, "http://b.test") is None
    await library.retire("delete-mail")
    assert await route(library, MAIL[0], base, "http://a.test") is None


async def test_an_empty_library_routes_nowhere_and_loads_no_embedder(tmp_path: Path) -> None:
    library = SkillLibrary.open(tmp_path / "empty")
    assert await route(library, "x", "b" * 64) is None
    assert library._embedder is None


def test_calibration_parts_own_goals_from_others_and_stays_within_bounds() -> None:
    embedder = HashEmbedder()
    near = calibrate(embedder, MAIL, OTHER)
    assert all(
        score >= near for score in likenesses(embedder, MAIL[0], [Adapter("", examples=MAIL)])
    )
    for goal in OTHER:
        assert likenesses(embedder, goal, [Adapter("", examples=MAIL)])[0] < near
    for own, others in (((), ()), (MAIL[:1], ()), (MAIL, MAIL), ((), OTHER)):
        assert LEAST <= calibrate(embedder, own, others) <= MOST
    assert likenesses(embedder, "x", [Adapter("")]) == [0.0]
