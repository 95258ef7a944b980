"""Search over the library: meaning and words, derived, the same hits after a rebuild."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.memory import MemoryFault
from journeyman.memory.embed import Embedder, HashEmbedder, MiniLMEmbedder
from journeyman.skills.index import SkillIndex
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import Candidate, Manifest, Slot, Template, TrialReport

Report = Callable[..., TrialReport]

SKILLS = {
    "log-in": ("Log in with a name and a password.", "Enter {a} and {b} and press login."),
    "delete-mail": ("Delete a mail by its sender.", "Find the email by {a} and delete it.{b}"),
    "choose-date": ("Choose a date.", "Select {a} as the date{b} and hit submit."),
    "tick-boxes": ("Tick check boxes.", "Select {a}{b} and click Submit."),
}
QUERIES = {
    "Enter bob and x and press login.": "log-in",
    "Find the email by Ann and delete it.": "delete-mail",
    "Select 03/04/2016 as the date and hit submit.": "choose-date",
}


@pytest.fixture(scope="module")
def model() -> Embedder:
    try:
        return MiniLMEmbedder()
    except MemoryFault as error:
        pytest.skip(str(error))


async def filled(root: Path, embedder: Embedder, report: Report) -> SkillLibrary:
    library = SkillLibrary.open(root, embedder)
    for name, (description, goal) in SKILLS.items():
        function = name.replace("-", "_")
        made = Candidate(
            name=name,
            description=description,
            template=Template(goal, (Slot("a"), Slot("b"))),
            code=f'def {function}(a: str, b: str) -> None:\n    """{description}"""\n',
            manifest=Manifest((), ()),
        )
        await library.admit(made, report(made))
    return library


@pytest.mark.parametrize("kind", ["hash", "model"])
async def test_a_goal_finds_its_skill(
    tmp_path: Path, report: Report, kind: str, request: pytest.FixtureRequest
) -> None:
    embedder = request.getfixturevalue("model") if kind == "model" else HashEmbedder()
    library = await filled(tmp_path / "library", embedder, report)
    for goal, name in QUERIES.items():
        found = await library.ranked(goal, 2)
        assert found[0][0].name == name and len(found) == 2
        assert 1 >= found[0][1] > found[1][1]
    await library.close()


async def test_meaning_is_found_without_a_shared_word(
    tmp_path: Path, report: Report, model: Embedder
) -> None:
    library = await filled(tmp_path / "library", model, report)
    assert (await library.find("remove Joe's message", 1))[0].name == "delete-mail"
    await library.close()


async def test_a_deleted_index_gives_the_same_hits_again(tmp_path: Path, report: Report) -> None:
    root = tmp_path / "library"
    library = await filled(root, HashEmbedder(), report)
    before = {goal: await library.ranked(goal) for goal in QUERIES}
    shutil.rmtree(root / "index")
    after = {goal: await library.ranked(goal) for goal in QUERIES}
    await library.reindex()
    rebuilt = {goal: await library.ranked(goal) for goal in QUERIES}
    index = SkillIndex(root / "index", HashEmbedder(), writable=True)
    await index.rebuild(library.store)
    for goal, hits in before.items():
        names = [(skill.name, pytest.approx(score, abs=1e-5)) for skill, score in hits]
        assert [(skill.name, score) for skill, score in after[goal]] == names
        assert [(skill.name, score) for skill, score in rebuilt[goal]] == names
        assert await index.find(library.store, goal, 3) == names
    await index.close()
    await library.close()


async def test_another_embedder_rebuilds_the_index_and_never_mixes(
    tmp_path: Path, report: Report
) -> None:
    root = tmp_path / "library"
    await (await filled(root, HashEmbedder(64), report)).find("log in")
    for read_only in (True, False):
        other = SkillLibrary.open(root, HashEmbedder(128), read_only)
        for goal, name in QUERIES.items():
            assert (await other.find(goal, 1))[0].name == name
        await other.close()


async def test_what_another_process_admits_is_found(tmp_path: Path, report: Report) -> None:
    root = tmp_path / "library"
    early = SkillLibrary.open(root, HashEmbedder(), read_only=True)
    assert await early.find("log in") == []
    library = await filled(root, HashEmbedder(), report)
    assert (await early.find("Enter bob and x and press login."))[0].name == "log-in"
    await library.retire("log-in")
    found = await early.find("Enter bob and x and press login.", 9)
    assert {skill.name for skill in found} == SKILLS.keys() - {"log-in"}
    await library.close()
    await early.close()
