"""The library: one gate, one writer, statuses from evidence, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from journeyman.memory.embed import HashEmbedder
from journeyman.skills import (
    LibraryCorrupt,
    LibraryReadOnly,
    NotAdmitted,
    SkillNotFound,
)
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import (
    Candidate,
    Evidence,
    Gates,
    Manifest,
    Status,
    Template,
    TrialReport,
    TrialRun,
)

Make = Callable[..., Candidate]
Report = Callable[..., TrialReport]


@pytest.fixture
def library(tmp_path: Path) -> SkillLibrary:
    return SkillLibrary.open(tmp_path / "library", HashEmbedder())


def snapshot(path: Path) -> dict[str, tuple[int, bytes]]:
    files = (item for item in path.rglob("*") if item.is_file())
    return {str(item): (item.stat().st_mtime_ns, item.read_bytes()) for item in files}


async def test_an_admitted_candidate_is_an_agent_skills_folder(
    library: SkillLibrary, tmp_path: Path, candidate: Make, report: Report
) -> None:
    text = 'Log in: "now" --- it\'s\n\té #1 [x] {y}: - 日本 \U0001f600'
    made = candidate(description=text)
    version = await library.admit(made, report(made))
    folder = tmp_path / "library/versions/log-in/1"
    _, head, body = (folder / "log-in/SKILL.md").read_text().split("---\n", 2)
    front = yaml.safe_load(head)
    assert set(front) == {"name", "description", "metadata"} and front["name"] == "log-in"
    assert front["description"] == 'Log in: "now" -- it\'s é #1 [x] {y}: - 日本 \U0001f600'
    assert all(isinstance(value, str) for value in front["metadata"].values())
    assert "log_in(user)" in body and len(body.splitlines()) < 500
    assert (folder / "log-in/scripts/skill.py").read_text() == made.code
    copy = tmp_path / "library/skills/log-in"
    assert (copy / "SKILL.md").read_text() == (folder / "log-in/SKILL.md").read_text()
    assert not copy.is_symlink() and len(version.content_hash) == 64

    again = SkillLibrary.open(tmp_path / "library", HashEmbedder())
    (skill,) = again.skills()
    assert skill == library.get("log-in") and skill.current == version
    assert skill.current.description == text and skill.current.template == made.template
    assert skill.status is Status.VERIFIED and skill.versions == (1,)
    assert [item.kind for item in skill.evidence] == ["trial"] * 6
    assert again.trials("log-in") == report(made) and again.fsck() == []
    assert again.digest() == library.digest()


def runs(*results: tuple[bool, bool], source: bool = False) -> tuple[TrialRun, ...]:
    kind = "source" if source else "sibling"
    return tuple(
        TrialRun(f"{kind}-{place}", "g", place, success, called, source=source)
        for place, (success, called) in enumerate(results)
    )


GOOD, FAILED, NOT_CALLED = (True, True), (False, True), (True, False)
SOURCE = runs(GOOD, source=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "other"}, "of another program"),
        ({"runs": ()}, "no run of the task it came from"),
        ({"runs": runs(*[GOOD] * 9)}, "no run of the task it came from"),
        ({"runs": SOURCE + runs(*[GOOD] * 4)}, "4 sibling tasks passed"),
        ({"runs": SOURCE + runs(GOOD) * 9}, "1 sibling tasks passed"),
        ({"runs": SOURCE * 9}, "0 sibling tasks passed"),
        ({"runs": runs(FAILED, source=True) + runs(*[GOOD] * 9)}, "source task source-0 failed"),
        ({"runs": runs(GOOD, FAILED, source=True) + runs(*[GOOD] * 9)}, "source-1 failed"),
        ({"runs": SOURCE + runs(*[NOT_CALLED] * 9)}, "without calling the skill"),
        ({"runs": SOURCE + runs(FAILED, *[GOOD] * 9)}, "sibling task sibling-0 failed"),
        ({"runs": SOURCE + runs(*[GOOD] * 5, FAILED)}, "no arm without the skill"),
        (
            {"runs": SOURCE + runs(*[GOOD] * 5, FAILED), "baseline_successes": 7},
            "6 of 7 runs passed with the skill and 7 without it",
        ),
        ({"reset": "none"}, "needs a full reset, or a person's review"),
        ({"reset": "read-only"}, "it uses click, fill"),
    ],
)
async def test_what_a_trial_does_not_show_is_not_admitted(
    library: SkillLibrary, candidate: Make, report: Report, changes: dict[str, Any], reason: str
) -> None:
    before = library.digest()
    made = candidate()
    with pytest.raises(NotAdmitted) as refused:
        await library.admit(made, replace(report(made), **changes))
    assert any(reason in item for item in refused.value.reasons), refused.value.reasons
    assert library.digest() == before and library.skills() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": SOURCE + runs(*[GOOD] * 5, FAILED), "baseline_successes": 6},
        {"reset": "none", "reviewed_by": "Ada"},
    ],
)
async def test_what_a_trial_shows_is_admitted(
    library: SkillLibrary, candidate: Make, report: Report, changes: dict[str, Any]
) -> None:
    made = candidate()
    await library.admit(made, replace(report(made), **changes))
    assert [item.name for item in library.skills()] == ["log-in"]


async def test_a_skill_that_only_reads_needs_no_full_reset(
    library: SkillLibrary, report: Report
) -> None:
    code = 'from page import text\n\n\ndef look() -> str:\n    """Look."""\n    return text()\n'
    made = Candidate("look", "Look.", Template("Look."), code, Manifest((), ("text",)))
    await library.admit(made, replace(report(made), reset="read-only"))
    assert library.get("look").status is Status.VERIFIED


async def test_static_refusals_are_said_with_the_trials(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    made = candidate(code="import socket\n")
    with pytest.raises(NotAdmitted) as refused:
        await library.admit(made, report(made, siblings=0))
    assert len(refused.value.reasons) >= 3 and "socket" in str(refused.value)


async def test_a_taken_name_gets_a_number_and_its_function_with_it(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    for button in ("Log in", "Enter", "Go"):
        made = candidate(button=button)
        await library.admit(made, report(made))
    assert [item.name for item in library.skills()] == ["log-in", "log-in-2", "log-in-3"]
    third = library.get("log-in-3").current
    assert third.function == "log_in_3" and "def log_in_3(user" in third.code
    assert "Go" in third.code and library.fsck() == []


async def test_a_revision_is_a_new_version_and_can_be_rolled_back(
    library: SkillLibrary, tmp_path: Path, candidate: Make, report: Report
) -> None:
    first, second = candidate(), candidate(button="Enter", parent=1)
    for made in (first, second):
        await library.admit(made, report(made))
    assert library.get("log-in").versions == (1, 2)
    assert library.get("log-in").current.parent == 1
    assert library.get("log-in", 1).current.code == first.code
    copy = tmp_path / "library/skills/log-in/scripts/skill.py"
    assert copy.read_text() == second.code
    await library.record_many([Evidence("log-in", 2, "use", False) for _ in range(2)])
    assert library.get("log-in").status is Status.DEGRADED
    assert await library.find("Log in as bob") == []
    assert (await library.rollback("log-in", 1)).status is Status.VERIFIED
    assert copy.read_text() == first.code
    assert [item.current.version for item in await library.find("Log in as bob")] == [1]
    with pytest.raises(SkillNotFound, match="no version 9"):
        await library.rollback("log-in", 9)
    orphan = candidate(name="nobody", parent=4)
    with pytest.raises(NotAdmitted, match="needs the version it revises"):
        await library.admit(orphan, report(orphan))


async def test_the_same_program_is_admitted_once(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    made = candidate()
    await library.admit(made, report(made))
    with pytest.raises(NotAdmitted, match="in the library as log-in version 1"):
        await library.admit(replace(made, description="Other words."), report(made))
    await library.retire("log-in")
    assert (await library.admit(made, report(made))).name == "log-in-2"


async def test_trust_and_drift_follow_from_recorded_uses(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    made = candidate()
    await library.admit(made, report(made))
    await library.record_many([Evidence("log-in", 1, "use", True, tokens=3)] * 10)
    assert library.get("log-in").status is Status.TRUSTED
    assert library.get("log-in").evidence[-1].at > 0
    for _ in range(2):
        await library.record(Evidence("log-in", 1, "use", False, reason="button is gone"))
    assert library.get("log-in").status is Status.DEGRADED
    before = library.digest()
    for wrong in (Evidence("log-in", 2, "use", True), Evidence("nobody", 1, "use", True)):
        with pytest.raises(SkillNotFound):
            await library.record_many([Evidence("log-in", 1, "use", True), wrong])
    assert library.digest() == before


async def test_retirement_archives_and_can_be_undone(
    library: SkillLibrary, tmp_path: Path, candidate: Make, report: Report
) -> None:
    made = candidate()
    await library.admit(made, report(made))
    await library.retire("log-in")
    assert library.skills() == [] and await library.find("Log in as bob") == []
    assert [item.status for item in library.skills(include_retired=True)] == [Status.RETIRED]
    assert not (tmp_path / "library/skills/log-in").exists()
    assert library.get("log-in").current.code == made.code
    await library.rollback("log-in", 1)
    assert library.get("log-in").status is Status.VERIFIED
    with pytest.raises(SkillNotFound, match="no skill 'nobody'"):
        await library.retire("nobody")


async def test_the_rejected_are_kept_with_code_trial_and_reasons(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    made = candidate(code="import socket\n", how="model")
    await library.reject(made, report(made), ["imports socket"])
    await library.reject(made, None, ["again"])
    first, second = library.rejected()
    assert first.candidate == made and first.report == report(made) and first.at > 0
    assert first.reasons == ("imports socket",) and second.report is None


async def test_a_hand_edited_skill_is_quarantined_and_the_rest_works(
    library: SkillLibrary, tmp_path: Path, candidate: Make, report: Report
) -> None:
    for name in ("log-in", "sign-up"):
        made = candidate(name=name, button=name)
        await library.admit(made, report(made))
    script = tmp_path / "library/versions/log-in/1/log-in/scripts/skill.py"
    script.write_text(script.read_text() + "# harmless\n")
    for opened in (library, SkillLibrary.open(tmp_path / "library", HashEmbedder())):
        with pytest.raises(LibraryCorrupt, match=r"another log-in/scripts/skill\.py"):
            opened.get("log-in")
        statuses = {item.name: item.status for item in opened.skills()}
        assert statuses == {"log-in": Status.QUARANTINED, "sign-up": Status.VERIFIED}
        assert opened.skills()[0].current.code == ""
        assert [item.name for item in await opened.find("Log in as bob")] == ["sign-up"]
        assert "quarantined" in opened.fsck()[0]
    fixed = candidate(button="Fixed", parent=1)
    await library.admit(fixed, report(fixed))
    assert library.get("log-in").current.version == 2
    with pytest.raises(LibraryCorrupt):
        await library.rollback("log-in", 1)


async def test_reading_only_writes_nothing_at_all(
    library: SkillLibrary, tmp_path: Path, candidate: Make, report: Report
) -> None:
    empty = SkillLibrary.open(tmp_path / "nowhere", HashEmbedder(), read_only=True)
    assert empty.skills() == [] and await empty.find("x") == [] and empty.fsck() == []
    assert not (tmp_path / "nowhere").exists()
    made = candidate()
    await library.admit(made, report(made))
    await library.find("Log in as bob")
    other = candidate(name="sign-up", button="Sign up")
    await library.admit(other, report(other))
    before = snapshot(tmp_path)
    reader = SkillLibrary.open(tmp_path / "library", HashEmbedder(), read_only=True)
    assert {item.name for item in await reader.find("Log in as bob")} == {"log-in", "sign-up"}
    for work in (
        reader.admit(made, report(made)),
        reader.reject(made, None, []),
        reader.record(Evidence("log-in", 1, "use", True)),
        reader.retire("log-in"),
        reader.rollback("log-in", 1),
    ):
        with pytest.raises(LibraryReadOnly, match="reading only"):
            await work
    with pytest.raises(LibraryReadOnly):
        reader.fsck(mend=True)
    await reader.reindex()
    await reader.close()
    assert snapshot(tmp_path) == before


async def test_gates_are_settings(tmp_path: Path, candidate: Make, report: Report) -> None:
    library = SkillLibrary.open(tmp_path, HashEmbedder(), gates=Gates(siblings=1, trust=0.2))
    made = candidate()
    await library.admit(made, report(made, siblings=1))
    assert library.get("log-in").status is Status.TRUSTED
    await library.close()
