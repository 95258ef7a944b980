"""Adapters as skills: the same store, log, folders, versions and evidence as programs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.memory.embed import HashEmbedder
from journeyman.sandbox.secrets import Secret, Secrets
from journeyman.skills import (
    LibraryCorrupt,
    LibraryReadOnly,
    NotAdmitted,
    SkillError,
    SkillNotFound,
)
from journeyman.skills.adapter import FILES, NOTE, AdapterCandidate, GateReport, adapter_candidate
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import (
    Candidate,
    Evidence,
    Manifest,
    SkillVersion,
    Status,
    TrialReport,
)
from journeyman.skills.store import SkillStore
from journeyman.skills.tools import tools_of

Make = Callable[..., AdapterCandidate]
Exam = Callable[..., GateReport]
Program = Callable[..., Candidate]
Report = Callable[..., TrialReport]
HERE = str(Path(__file__).parents[1])


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[SkillLibrary]:
    library = SkillLibrary.open(tmp_path / "library", HashEmbedder())
    yield library
    await library.close()


async def test_an_admitted_adapter_is_a_skill_with_its_files_its_exam_and_its_evidence(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    made = adapter(tmp_path / "made", origins=("http://shop.test",), sources=("t-1",))
    version = await library.admit_adapter(made, exam(made))
    again = SkillLibrary.open(tmp_path / "library", HashEmbedder(), read_only=True)
    (skill,) = again.skills()
    assert skill == library.get("write-mail") and skill.current == version
    assert (skill.kind, skill.credit, skill.versions) == ("adapter", "write-mail@1", (1,))
    assert skill.current.adapter == replace(made.about, before=0.1)
    assert skill.current.manifest == Manifest(("http://shop.test",), ())
    assert [item.success for item in skill.evidence] == [True] * 9 + [False]
    assert skill.status is Status.VERIFIED
    assert again.gate_report("write-mail") == exam(made)
    assert again.fsck() == []
    folder = again.adapter_folder("write-mail")
    assert sorted(item.name for item in folder.iterdir()) == sorted((*FILES, NOTE))
    for name in FILES:
        assert (folder / name).read_bytes() == (made.folder / name).read_bytes()
    published = tmp_path / "library/skills/write-mail"
    assert (published / "adapter/adapter.gguf").read_bytes() == (
        folder / "adapter.gguf"
    ).read_bytes()
    head = (published / "SKILL.md").read_text().split("---")[1]
    assert "name: write-mail" in head and "adapter" in head and made.about.base in head
    with pytest.raises(SkillError, match="is an adapter"):
        again.trials("write-mail")


def test_programs_keep_the_digests_they_had_before_there_were_adapters(
    tmp_path: Path, candidate: Program, report: Report
) -> None:
    made = candidate()
    assert made.digest == "375d61a34a8641683734218b2bddc30e50e8a6d25432f2a10f9de90a12dfbed2"
    version = SkillVersion(
        made.name, 1, made.description, made.template, made.code, made.manifest, "",
        sources=made.sources, constructs=made.constructs, created=5.0,
    )  # fmt: skip
    store = SkillStore(tmp_path)
    with store.writing():
        added = store.add(version, report(made), made.digest)
    assert added.content_hash == "3df1f577dffd846e04da02daf4faf2843b8db9e85538a064af9f202b972a6823"
    assert b"adapter" not in store.log.path.read_bytes()


async def test_a_refused_adapter_is_kept_with_its_reasons_and_the_library_is_as_before(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    good, bad = adapter(tmp_path / "good"), adapter(tmp_path / "bad", "spend-money", 1)
    await library.admit_adapter(good, exam(good))
    before, shape = library.skills(), library.store.ledger().shape
    weak = exam(bad, held_out=())
    with pytest.raises(NotAdmitted) as refused:
        await library.admit_adapter(bad, weak)
    await library.refuse_adapter(bad, weak, refused.value.reasons)
    await library.refuse_adapter(bad, None, ["it is of another base"])
    again = SkillLibrary.open(tmp_path / "library", HashEmbedder())
    first, second = again.refused()
    assert first.reasons == tuple(refused.value.reasons) and first.report == weak
    assert first.about == bad.about and first.at > 0
    assert second.reasons == ("it is of another base",) and second.report is None
    for kept in (first, second):
        folder = tmp_path / "library/refused" / kept.folder
        assert sorted(item.name for item in folder.iterdir()) == sorted((*FILES, NOTE))
    assert again.skills() == before and again.store.ledger().shape == shape
    assert again.fsck() == [] and not (tmp_path / "library/skills/spend-money").exists()
    assert [item.name for item in again.adapters()] == ["write-mail"]
    (tmp_path / "library/refused" / first.folder / "adapter.gguf").write_bytes(b"other")
    (tmp_path / "library/refused/stranger").mkdir()
    found = again.fsck(mend=True)
    assert len(found) == 2 and (tmp_path / "library/orphans/stranger").is_dir()


async def test_a_replacement_is_a_new_version_that_can_be_rolled_back_and_retired(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    first, second = adapter(tmp_path / "1"), adapter(tmp_path / "2", seed=2, parent=1)
    for made in (first, second):
        await library.admit_adapter(made, exam(made))
    assert library.get("write-mail").versions == (1, 2)
    assert library.get("write-mail").current.parent == 1
    assert (await library.rollback("write-mail", 1)).credit == "write-mail@1"
    assert (library.adapter_folder("write-mail") / FILES[0]).read_bytes() == (
        first.folder / FILES[0]
    ).read_bytes()
    await library.retire("write-mail")
    assert library.adapters() == [] and library.skills() == []
    await library.rollback("write-mail", 2)
    assert [item.credit for item in library.adapters(first.about.base)] == ["write-mail@2"]
    assert library.adapters("another base") == []


@pytest.mark.parametrize("name", [*FILES, "SKILL.md", "gate.json"])
async def test_a_harmed_adapter_is_never_served(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam, name: str
) -> None:
    made, other = adapter(tmp_path / "made"), adapter(tmp_path / "other", "other", 1)
    for item in (made, other):
        await library.admit_adapter(item, exam(item))
    place = library.store.folder("write-mail", 1)
    (path,) = place.rglob(name)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    for opened in (library, SkillLibrary.open(tmp_path / "library", read_only=True)):
        assert [item.name for item in opened.adapters()] == ["other"]
        with pytest.raises(LibraryCorrupt, match=r"not served; restore it"):
            opened.adapter_folder("write-mail")
        assert any("quarantined" in item for item in opened.fsck())
    path.write_bytes(content)
    assert len(library.adapters()) == 2


async def test_files_that_change_after_the_exam_are_not_admitted(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    made = adapter(tmp_path / "made")
    (made.folder / "adapter.gguf").write_bytes(b"GGUF another")
    before = library.digest()
    with pytest.raises(SkillError, match=r"adapter\.gguf .* changed since its exam"):
        await library.admit_adapter(made, exam(made))
    assert library.digest() == before and library.fsck() == []
    again = adapter_candidate(made.name, made.description, made.folder, made.about)
    with pytest.raises(NotAdmitted, match="of another adapter"):
        await library.admit_adapter(again, exam(made))


async def test_an_adapter_is_in_no_path_of_programs(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    made = adapter(tmp_path / "made", examples=("Log in as bob.",))
    await library.admit_adapter(made, exam(made))
    await library.record_many([Evidence("write-mail", 1, "use", True)] * 40)
    assert library.get("write-mail").status is Status.TRUSTED
    assert await library.find("Log in as bob.") == []
    with pytest.raises(SkillNotFound, match="is an adapter and cannot be called"):
        tools_of(library)(Manifest((), (), tools=("write-mail",)))


async def test_its_status_is_measured_against_what_the_base_could_do(
    library: SkillLibrary, tmp_path: Path, adapter: Make, exam: Exam, paired: Callable[..., object]
) -> None:
    held_out = paired("-+ " * 8 + "++ " * 8)
    made = adapter(tmp_path / "made")
    await library.admit_adapter(made, exam(made, held_out=held_out))
    use = Evidence("write-mail", 1, "use", False)
    await library.record_many([use] * 2)
    assert library.get("write-mail").status is not Status.DEGRADED, "two failures prove nothing"
    await library.record_many([use] * 4)
    assert library.get("write-mail").status is Status.DEGRADED
    assert library.adapters() == []


async def test_names_are_shared_with_programs_and_kinds_do_not_mix(
    library: SkillLibrary,
    tmp_path: Path,
    adapter: Make,
    exam: Exam,
    candidate: Program,
    report: Report,
) -> None:
    program = candidate("write-mail")
    await library.admit(program, report(program))
    made = adapter(tmp_path / "made")
    assert (await library.admit_adapter(made, exam(made))).name == "write-mail-2"
    with pytest.raises(NotAdmitted, match="the same adapter is in the library as write-mail-2"):
        await library.admit_adapter(made, exam(made))
    heir = adapter(tmp_path / "heir", seed=3, parent=1)
    with pytest.raises(NotAdmitted, match="of kind program, not adapter"):
        await library.admit_adapter(heir, exam(heir))
    with pytest.raises(SkillError, match="is a program"):
        library.adapter_folder("write-mail")


def test_a_pickled_or_incomplete_folder_is_refused_by_name(tmp_path: Path, adapter: Make) -> None:
    made = adapter(tmp_path / "made")
    (made.folder / "adapter_model.safetensors").unlink()
    with pytest.raises(SkillError, match=r"lacks adapter_model\.safetensors"):
        adapter_candidate("a", "b", made.folder, made.about)
    (made.folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(SkillError, match=r"adapter_model\.bin .* is never opened"):
        adapter_candidate("a", "b", made.folder, made.about)


async def test_a_secret_in_its_words_and_a_library_open_for_reading_refuse(
    tmp_path: Path, adapter: Make, exam: Exam
) -> None:
    secrets = Secrets((Secret("pin", "s3cret-value", ("shop.test",)),))
    library = SkillLibrary.open(tmp_path / "library", HashEmbedder(), secrets=secrets)
    made = adapter(tmp_path / "made", examples=("Log in with s3cret-value.",))
    with pytest.raises(NotAdmitted, match="value of a secret"):
        await library.admit_adapter(made, exam(made))
    await library.close()
    reader = SkillLibrary.open(tmp_path / "library", HashEmbedder(), read_only=True)
    for work in (reader.admit_adapter(made, exam(made)), reader.refuse_adapter(made, None, [])):
        with pytest.raises(LibraryReadOnly):
            await work


ADMITTING = """
import asyncio, sys
from pathlib import Path
from conftest import make_adapter, make_exam
from journeyman.skills.library import SkillLibrary

async def main():
    library = SkillLibrary.open(sys.argv[1])
    for number in range(100000):
        made = make_adapter(Path(sys.argv[2]), f"go-{number}", int(sys.argv[3]) + number)
        version = await library.admit_adapter(made, make_exam(made))
        print("admitted", version.name, version.version, flush=True)
        await library.refuse_adapter(made, None, ["x"])
        print("refused", number, 0, flush=True)
asyncio.run(main())
"""


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *sys.path])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def test_kill_9_in_the_middle_of_an_admission_leaves_a_readable_library(tmp_path: Path) -> None:
    root = tmp_path / "library"
    chance = random.Random(3)
    said: list[list[str]] = []
    for attempt in range(4):
        writer = run_python(
            ADMITTING, str(root), str(tmp_path / f"made{attempt}"), str(attempt * 1000)
        )
        assert writer.stdout
        lines = [writer.stdout.readline()]
        time.sleep(chance.uniform(0.0, 0.1))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        said += [line.split() for line in lines if line.endswith("\n")]
        library = SkillLibrary.open(root, read_only=True)
        held = {skill.credit for skill in library.adapters()}
        for kind, name, version in said:
            assert kind == "refused" or f"{name}@{version}" in held
        assert len(library.refused()) >= sum(kind == "refused" for kind, *_ in said)
    library = SkillLibrary.open(root)
    library.fsck(mend=True)
    assert library.fsck() == [] and {item.credit for item in library.adapters()} == held


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from conftest import make_adapter, make_exam
from journeyman.skills import SkillError
from journeyman.skills.library import SkillLibrary

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    library = SkillLibrary.open(sys.argv[1])
    made = make_adapter(Path(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
    for work in (library.admit_adapter(made, make_exam(made)), library.refuse_adapter(made, None, [])):
        try:
            await work
        except SkillError as error:
            print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert library.skills() == [] and library.fsck() == [], library.fsck()
    await library.admit_adapter(made, make_exam(made))
asyncio.run(main())
"""


def test_a_full_disk_in_the_middle_of_the_weights_changes_nothing(tmp_path: Path) -> None:
    writer = run_python(FULL, str(tmp_path / "library"), str(tmp_path / "made"))
    output = writer.communicate(timeout=60)[0]
    assert writer.returncode == 0
    assert output.count("nothing in the library was changed") == 2
    (skill,) = SkillLibrary.open(tmp_path / "library").skills()
    assert json.loads((tmp_path / "library/events.jsonl").read_text())["event"] == "admitted"
    assert skill.kind == "adapter"
