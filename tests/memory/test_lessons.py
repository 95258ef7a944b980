"""Lessons: specific or refused, found where they belong, ranked by what they were worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.memory import JournalReadOnly, MemoryFault
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.memory.lessons import Lessons, refusals

GOAL = 'Expand the sections below, to find and click on the link "eget".'
LIKE = 'Expand the sections below, to find and click on the link "urna".'
UNLIKE = "Forward the mail by Ann to Bob."


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    return await Journal.open(tmp_path / "j.db")


def lessons_of(journal: Journal, tmp_path: Path) -> Lessons:
    return Lessons(journal, tmp_path / "lessons", HashEmbedder())


@pytest.mark.parametrize(
    "text",
    [
        "Be careful and check your work.",
        "Always read the goal carefully before you act.",
        "Try again when it fails.",
        "Make sure to follow the instructions exactly, because mistakes cause failure.",
        "The page has a red button and a blue link.",
        "",
        "x because y " * 100,
    ],
)
def test_generic_advice_is_refused_with_a_reason(text: str) -> None:
    assert refusals(text)


@pytest.mark.parametrize(
    "text",
    [
        "The link is shown only after its section is opened.",
        "Clicking Submit ends the page, so tick the boxes before it.",
        "Typing a name is necessary for the list of suggestions to open.",
        "Selecting an option from the menu does not fill the date field.",
    ],
)
def test_a_fact_of_cause_and_effect_is_taken(text: str) -> None:
    assert refusals(text) == []


def test_a_persons_correction_is_taken_as_it_is_said() -> None:
    assert refusals("no, archive it", kind="plan") == []
    assert refusals("  ", kind="skill")


async def test_a_lesson_is_found_for_a_like_goal_after_a_restart(
    journal: Journal, tmp_path: Path
) -> None:
    lessons = lessons_of(journal, tmp_path)
    kept = await lessons.add("The link is shown only after its section is opened.", GOAL)
    assert await lessons.add(kept.text, GOAL) == kept
    with pytest.raises(MemoryFault, match="fits any task"):
        await lessons.add("Be careful because errors happen.", GOAL)
    await journal.close()
    for read_only in (False, True):
        again = await Journal.open(tmp_path / "j.db", read_only=read_only)
        lessons = lessons_of(again, tmp_path)
        assert await lessons.find(LIKE) == [kept]
        assert await lessons.find(UNLIKE) == []
        if read_only:
            with pytest.raises(JournalReadOnly):
                await lessons.credit(kept.id, True)
        await again.close()


async def test_counts_decide_among_equals_and_revising_starts_them_anew(
    journal: Journal, tmp_path: Path
) -> None:
    lessons = lessons_of(journal, tmp_path)
    poor = await lessons.add("The link is hidden until its section is closed.", GOAL)
    good = await lessons.add("The link is shown only after its section is opened.", GOAL)
    for _ in range(3):
        await lessons.credit(poor.id, False)
        await lessons.credit(good.id, True)
    found = await lessons.find(LIKE, k=2)
    assert [(item.id, item.uses, item.successes) for item in found] == [
        (good.id, 3, 3),
        (poor.id, 3, 0),
    ]
    revised = await lessons.revise(poor.id, "The link is shown once its section was clicked.")
    assert (revised.uses, revised.successes, revised.goal) == (0, 0, GOAL)
    with pytest.raises(MemoryFault, match="fits any task"):
        await lessons.revise(poor.id, "Try again because it may work.")
    await lessons.delete(good.id)
    assert await lessons.find(LIKE) == [revised]
    with pytest.raises(MemoryFault, match="no lesson"):
        await lessons.credit(good.id, True)


async def test_corrections_keep_their_kind(journal: Journal, tmp_path: Path) -> None:
    lessons = lessons_of(journal, tmp_path)
    await lessons.add("archive it, do not delete it", UNLIKE, kind="plan", trajectory="t1")
    await lessons.add("use the icon in the row", UNLIKE, kind="skill")
    assert {item.kind for item in await lessons.find(UNLIKE)} == {"plan", "skill"}
    assert await lessons.find(GOAL) == []
