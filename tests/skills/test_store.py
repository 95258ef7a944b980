"""The store on disk: readable after a kill at any moment, and no acknowledged event is lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.skills import LibraryCorrupt, SkillError
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import (
    Candidate,
    Condition,
    Evidence,
    Gates,
    Manifest,
    SkillVersion,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)
from journeyman.skills.store import SkillStore

Make = Callable[..., Candidate]
Report = Callable[..., TrialReport]
HERE = str(Path(__file__).parent)


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *sys.path])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


TEXT = st.text(max_size=30)
LOCATORS = st.dictionaries(st.sampled_from(["role", "name", "nth"]), TEXT | st.integers(0, 9))
CONDITIONS = st.lists(
    st.builds(Condition, st.sampled_from(["present", "absent"]), LOCATORS), max_size=2
).map(tuple)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
VERSIONS = st.builds(
    SkillVersion,
    name=st.sampled_from(["log-in", "a", "b-2"]),
    version=st.just(0),
    description=TEXT,
    template=st.builds(Template, TEXT, st.lists(st.builds(Slot, TEXT), max_size=2).map(tuple)),
    code=TEXT,
    manifest=st.builds(Manifest, TEXTS, TEXTS, CONDITIONS, CONDITIONS),
    content_hash=st.just(""),
    how=TEXT,
    sources=TEXTS,
    constructs=TEXTS,
    parent=st.none() | st.integers(1, 9),
    created=st.floats(0, 2e9),
)
RUNS = st.builds(
    TrialRun, TEXT, TEXT, st.none() | st.integers(), st.booleans(), st.booleans(), reason=TEXT
)
REPORTS = st.builds(TrialReport, digest=TEXT, runs=st.lists(RUNS, max_size=3).map(tuple))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(VERSIONS, REPORTS), min_size=1, max_size=3))
def test_versions_trials_and_evidence_come_back_as_written(
    items: list[tuple[SkillVersion, TrialReport]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SkillStore(Path(folder))
        written = []
        for version, report in items:
            with store.writing():
                numbered = replace(version, version=store.free_version(version.name))
                written.append((store.add(numbered, report, report.digest), report))
                assert replace(written[-1][0], content_hash="") == numbered
        again = SkillStore(Path(folder), read_only=True)
        for version, report in written:
            assert again.load(version.name, version.version) == version
            assert again.trials(version.name, version.version) == report
            skill = again.skill(version.name, Gates(), version.version)
            passed = [item.success for item in skill.evidence]
            assert passed == [run.success and run.called for run in report.runs]
        assert again.digest() == store.digest()


ADMITTING = """
import asyncio, sys
from conftest import make_candidate, make_report
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import Evidence

async def main():
    library = SkillLibrary.open(sys.argv[1])
    who, rounds = sys.argv[2], int(sys.argv[3])
    for number in range(rounds):
        made = make_candidate(f"go-{number % 3}", f"{who} {number}")
        version = await library.admit(made, make_report(made))
        print("admitted", version.name, version.version, flush=True)
        await library.record(Evidence(version.name, version.version, "use", True, task_id=who))
        print("recorded", version.name, version.version, flush=True)
        await library.reject(made, None, [who])
        print("rejected", number, 0, flush=True)
    await library.close()
asyncio.run(main())
"""


def test_kill_9_leaves_a_readable_library_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    root = tmp_path / "library"
    chance = random.Random(7)
    said: list[list[str]] = []
    for attempt in range(5):
        writer = run_python(ADMITTING, str(root), f"w{attempt}", "100000")
        assert writer.stdout
        lines = [writer.stdout.readline()]
        time.sleep(chance.uniform(0.0, 0.15))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        said += [line.split() for line in lines if line.endswith("\n")]
        library = SkillLibrary.open(root, read_only=True)
        skills = {item.name: item for item in library.skills()}
        assert all(item.current.code for item in skills.values())
        for kind, name, version in said:
            if kind != "rejected":
                assert int(version) in skills[name].versions
            if kind == "recorded":
                assert any(item.kind == "use" for item in library.get(name, int(version)).evidence)
        assert len(library.rejected()) >= sum(kind == "rejected" for kind, *_ in said)
    library = SkillLibrary.open(root)
    library.fsck(mend=True)
    assert library.fsck() == []
    assert {item.name for item in library.skills()} == skills.keys()


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    root = tmp_path / "library"
    writers = [run_python(ADMITTING, str(root), who, "8") for who in "ab"]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert all(output.count("\n") == 24 for output in outputs)
    library = SkillLibrary.open(root)
    names = {line.split()[1] for output in outputs for line in output.splitlines()}
    found = {item.name: item for item in library.skills()}
    assert len(found) == 16 and found.keys() <= names | {"0"}
    assert all(item.evidence[-1].kind == "use" for item in found.values())
    assert len(library.rejected()) == 16 and library.fsck() == []


FULL = """
import asyncio, resource, signal, sys
from conftest import make_candidate, make_report
from journeyman.skills import SkillError
from journeyman.skills.library import SkillLibrary

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    library = SkillLibrary.open(sys.argv[1])
    first = make_candidate("first")
    await library.admit(first, make_report(first))
    before = library.digest()
    size = library.store.log.path.stat().st_size
    limit = 100 if sys.argv[2] == "folder" else size + 200
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    other = make_candidate("second", "Go")
    for work in (library.admit(other, make_report(other)), library.reject(other, None, ["x"])):
        try:
            await work
        except SkillError as error:
            print(error)
    assert library.digest() == before, "the log has changed"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await library.admit(other, make_report(other))
asyncio.run(main())
"""


@pytest.mark.parametrize("stage", ["folder", "event"])
def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path, stage: str) -> None:
    """Full while the folder is written, and in the middle of the event's line."""
    writer = run_python(FULL, str(tmp_path / "library"), stage)
    output = writer.communicate(timeout=60)[0]
    assert writer.returncode == 0
    assert (
        output.count("free some space") == output.count("nothing in the library was changed") == 2
    )
    library = SkillLibrary.open(tmp_path / "library")
    assert [item.name for item in library.skills()] == ["first", "second"]
    assert library.fsck() == [] or "belongs to no event" in library.fsck()[0]


@pytest.fixture
async def library(tmp_path: Path, candidate: Make, report: Report) -> SkillLibrary:
    library = SkillLibrary.open(tmp_path / "library")
    for name in ("log-in", "sign-up"):
        made = candidate(name, name)
        await library.admit(made, report(made))
    return library


@pytest.mark.parametrize("torn", [b'{"n":3,"eve', b'{"n":3,"event":"retired","name":"log-in"}'])
async def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_writer(
    library: SkillLibrary, torn: bytes
) -> None:
    log = library.store.root / "events.jsonl"
    whole, before = log.read_bytes(), library.digest()
    log.write_bytes(whole + torn)
    again = SkillLibrary.open(library.store.root)
    assert again.digest() == library.digest() == before and len(again.skills()) == 2
    assert "middle of a line" in again.fsck()[0] and log.read_bytes() == whole + torn
    await library.record(Evidence("log-in", 1, "use", True))
    assert log.read_bytes().startswith(whole) and log.read_bytes().endswith(b"\n")
    assert len(again.get("log-in").evidence) == 7 and again.fsck() == []


REJECTED = {
    "event": "rejected",
    "reasons": [],
    "report": None,
    "candidate": {
        "name": "a",
        "description": "d",
        "code": "",
        "sources": [],
        "constructs": [],
        "template": {"text": "", "slots": []},
        "manifest": {"origins": [], "primitives": [], "pre": [], "post": []},
    },
}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.binary(max_size=20))
def test_any_cut_of_the_log_is_a_library_of_what_came_before(cut: int, rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SkillStore(Path(folder))
        for _ in range(5):
            with store.writing():
                store.append([REJECTED])
        log = Path(folder, "events.jsonl")
        whole = log.read_bytes()
        log.write_bytes(whole[: cut % len(whole)] + rest.replace(b"\n", b""))
        again = SkillStore(Path(folder))
        complete = whole[: cut % len(whole)].count(b"\n")
        assert len(again.rejected()) == complete
        with again.writing():
            again.append([REJECTED])
        assert len(SkillStore(Path(folder)).rejected()) == complete + 1


async def test_a_line_that_cannot_be_read_is_said_and_mended_keeping_the_old_log(
    library: SkillLibrary, candidate: Make
) -> None:
    log = library.store.root / "events.jsonl"
    await library.reject(candidate(), None, ["x"])
    lines = log.read_bytes().splitlines(keepends=True)
    damaged = lines[0] + b"\0" * 10 + b"\n" + lines[2]
    log.write_bytes(damaged)
    again = SkillLibrary.open(library.store.root)
    with pytest.raises(LibraryCorrupt, match=r"line 2 of .*fsck"):
        again.skills()
    assert "line 2" in again.fsck()[0]
    assert log.read_bytes() == damaged
    sentences = again.fsck(mend=True)
    assert any("sign-up/1 belongs to no event" in item for item in sentences)
    assert [item.name for item in again.skills()] == ["log-in"] and len(again.rejected()) == 1
    assert again.fsck() == [] and log.with_name("events.jsonl.damaged").read_bytes() == damaged
    assert (library.store.root / "orphans/sign-up-1/sign-up/SKILL.md").exists()


async def test_a_folder_that_no_event_names_is_harmless(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    log = library.store.root / "events.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))
    again = SkillLibrary.open(library.store.root)
    assert [item.name for item in again.skills()] == ["log-in"]
    assert any("belongs to no event" in item for item in again.fsck())
    made = candidate("sign-up", "Other")
    assert (await again.admit(made, report(made))).version == 2
    assert again.get("sign-up").versions == (2,)
    # The first library had read further: it notices, and reads again from the top.
    assert [item.name for item in library.skills()] == ["log-in", "sign-up"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "log-in/SKILL.md").write_text("---\nname: other\n---\n"),
        lambda folder: (folder / "log-in/scripts/skill.py").unlink(),
        lambda folder: (folder / "log-in/scripts/extra.py").write_text("import os"),
        lambda folder: (folder / "trials.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: widen(folder / "manifest.json"),
        lambda folder: folder.rename(folder.with_name("9")),
    ],
)
async def test_a_harmed_version_is_never_served(
    library: SkillLibrary, harm: Callable[[Path], object]
) -> None:
    assert library.get("log-in").current.code
    harm(library.store.folder("log-in", 1))
    for opened in (library, SkillLibrary.open(library.store.root, read_only=True)):
        with pytest.raises(LibraryCorrupt, match=r"not served; restore it"):
            opened.get("log-in")
        assert opened.get("sign-up").current.code
        assert any("log-in" in item and "quarantined" in item for item in opened.fsck())


def widen(manifest: Path) -> None:
    """Give a skill a primitive that it was not admitted with."""
    data = json.loads(manifest.read_text())
    data["manifest"]["primitives"].append("open_url")
    manifest.write_text(json.dumps(data))


async def test_a_restored_file_is_served_again_and_leftovers_of_running_it_do_no_harm(
    library: SkillLibrary,
) -> None:
    script = library.store.folder("log-in", 1) / "log-in/scripts/skill.py"
    before = script.read_text()
    script.write_text("")
    with pytest.raises(LibraryCorrupt):
        library.get("log-in")
    script.write_text(before)
    (script.parent / "__pycache__").mkdir()
    (script.parent / "__pycache__/skill.pyc").write_bytes(b"")
    assert library.get("log-in").current.code == before


async def test_the_derived_copies_are_made_again(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    copies = library.store.root / "skills"
    (copies / "log-in/SKILL.md").write_text("changed")
    (copies / "stranger").mkdir()
    unfinished = library.store.versions / "log-in/.beside-2-abc"
    unfinished.mkdir()
    found = library.fsck()
    assert {"skills/log-in", "skills/stranger"} <= {item.split()[0] for item in found}
    assert any("unfinished" in item for item in found)
    library.fsck(mend=True)
    assert library.fsck() == [] and not unfinished.exists()


async def test_a_lock_that_is_held_is_waited_for(
    library: SkillLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journeyman.skills.store.PATIENCE", 0.1)
    other = SkillStore(library.store.root)
    with other.writing():
        with pytest.raises(SkillError, match="another process has held"):
            await library.retire("log-in")
        monkeypatch.setattr("journeyman.skills.store.PATIENCE", 10.0)
        waiting = asyncio.create_task(library.retire("log-in"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting
    assert [item.name for item in library.skills()] == ["sign-up"]
