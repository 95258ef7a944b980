"""`journeyman adapters …` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent.cli import main
from journeyman.memory.embed import HashEmbedder
from journeyman.skills.library import SkillLibrary


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = main(argv)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
async def at(tmp_path: Path, adapter: Any, admit: Any) -> tuple[str, str]:
    """A workspace with two versions of an adapter, and one that was refused."""
    library = SkillLibrary.open(tmp_path / "w/library", HashEmbedder())
    await admit(library, tmp_path / "1", origins=("http://shop.test",))
    await admit(library, tmp_path / "2", gguf=b"GGUF 2", parent=1)
    await library.refuse_adapter(adapter(tmp_path / "3", "poisoned"), None, ["a trigger \x1b[2J"])
    await library.close()
    return ("--workspace", str(tmp_path / "w"))


def test_adapters_are_listed_and_shown_as_text_and_as_json(
    capsys: pytest.CaptureFixture[str], at: tuple[str, str]
) -> None:
    for argv in (("adapters",), ("adapters", "list"), ("skills", "list")):
        status, out, _ = told(capsys, *at, *argv)
        assert status == 0 and "logging-in@2" in out and "poisoned" not in out, argv
    assert "adapter" in told(capsys, "skills", "list", *at)[1]
    (listed,) = json.loads(told(capsys, "adapters", "list", "--json", *at)[1])
    assert (listed["name"], listed["version"], listed["base"]) == ("logging-in", 2, "b" * 64)
    assert listed["evidence"]["trial"] == [10, 10]
    for room in ("adapters", "skills"):
        out = told(capsys, room, "show", "logging-in", *at)[1]
        assert "Log in as Ada." in out and "rank 4" in out and "held out" in out
    shown = json.loads(
        told(capsys, "adapters", "show", "logging-in", "--version", "1", "--json", *at)[1]
    )
    assert shown["origins"] == ["http://shop.test"] and len(shown["exam"]["held_out"]) == 10
    out = told(capsys, "adapters", "list", "--refused", *at)[1]
    assert "poisoned" in out and "a trigger ·[2J" in out
    assert json.loads(told(capsys, "adapters", "list", "--refused", "--json", *at)[1])[0]["reasons"]


def test_an_adapter_is_rolled_back_retired_and_handed_out(
    capsys: pytest.CaptureFixture[str], at: tuple[str, str], tmp_path: Path
) -> None:
    assert "version 1" in told(capsys, "adapters", "rollback", "logging-in", "1", *at)[1]
    out = tmp_path / "out"
    assert told(capsys, "adapters", "export", "logging-in", str(out), *at)[0] == 0
    assert (out / "adapter.gguf").read_bytes() == b"GGUF"
    assert (out / "adapter_config.json").is_file()
    status, _, err = told(capsys, "adapters", "export", "logging-in", str(out), *at)
    assert status == 2 and "is there already" in err
    assert (
        told(capsys, "adapters", "export", "logging-in", f"{out}2", "--version", "2", *at)[0] == 0
    )
    assert Path(f"{out}2", "adapter.gguf").read_bytes() == b"GGUF 2"
    assert told(capsys, "skills", "retire", "logging-in", *at)[0] == 0
    assert "retired" in told(capsys, "adapters", "list", *at)[1]
    assert "logging-in" not in told(capsys, "skills", "list", *at)[1]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["adapters", "show", "loging-in"], "no adapter is called 'loging-in'; did you mean"),
        (["adapters", "show", "logging-in", "--version", "9"], "no version 9"),
        (["adapters", "rollback", "nope", "1"], "no skill is called 'nope'"),
        (["adapters", "export", "nope", "x"], "no adapter is called 'nope'"),
        (["adapters", "mix", "logging-in=x"], "a part of a mix is NAME=SCALE"),
        (["adapters", "mix", "nope=1"], "no adapter is called 'nope'"),
        (["adapters", "gate", "nope"], "no trained adapter and no folder nope"),
        (["adapters", "gate", "nope", "--seeds", "x"], "--seeds is a number"),
        (["adapters", "train", "Bad Name", "--families", "login-user"], "a skill's name has"),
        (["adapters", "train", "a", "--suite", "code", "--families", "x"], "no family of code"),
        (["adapters", "nonsense"], "No such command"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence_and_status_two(
    capsys: pytest.CaptureFixture[str], at: tuple[str, str], argv: list[str], words: str
) -> None:
    status, _, err = told(capsys, *at, *argv)
    assert status == 2 and words in err and err.count("\n") == 1, err


def test_an_empty_workspace_says_how_adapters_come(capsys: pytest.CaptureFixture[str]) -> None:
    assert "journeyman adapters train" in told(capsys, "adapters")[1]
    assert "No adapter was refused" in told(capsys, "adapters", "list", "--refused")[1]
    assert told(capsys, "adapters", "list", "--json")[1] == "[]\n"


def test_the_report_of_a_workspace_shows_its_adapters(
    capsys: pytest.CaptureFixture[str], at: tuple[str, str], tmp_path: Path
) -> None:
    assert told(capsys, "report", *at)[0] == 0
    page = (tmp_path / "w/report.html").read_text()
    assert "logging-in" in page and "For logging-in &lt;b&gt;" in page
    (skill,) = json.loads((tmp_path / "w/report.json").read_text())["skills"]
    assert skill["adapter"]["rank"] == 4 and skill["exam_of_adapter"]["effect"]["changed"] == 2


def test_a_note_on_what_was_trained_comes_back_and_a_broken_one_is_said(tmp_path: Path) -> None:
    from journeyman.agent.made import MADE, Made, load, save, some_goals
    from journeyman.skills import SkillError

    made = Made("a", "d", "s", ("f",), "b" * 64, "local/x", ("g",), ("http://a.test",), ("t",))
    save(made, tmp_path / "a")
    assert load(tmp_path / "a") == made
    (tmp_path / "a" / MADE).write_text("{}")
    for folder in (tmp_path / "a", tmp_path / "absent"):
        with pytest.raises(SkillError, match="adapters train"):
            load(folder)
    assert some_goals([f"g{n % 40}" for n in range(100)], 4) == ("g0", "g10", "g20", "g30")
