from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from journeyman.agent.cli import Refused, main
from journeyman.agent.cli.demo import FAMILIES, QUICK
from journeyman.agent.cli.events import ending, line
from journeyman.agent.cli.learn import put_aside
from journeyman.agent.cli.options import near, seeds_of
from journeyman.agent.cli.plain import plain
from journeyman.agent.cli.progress import Progress
from journeyman.agent.cli.run import checked_url
from journeyman.agent.events import Event
from journeyman.agent.records import ExamRow, PracticeRow
from journeyman.agent.report import arms_table
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.trajectory import Outcome, Step, Task, Trajectory
from journeyman.skills.library import SkillLibrary
from journeyman.skills.skill import Evidence


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journeyman.toml of the checkout, and a folder that may be written to."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = main(argv)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--nonsense"], "No such option"),
        (["run", "--unsafe", "a goal"], "No such option"),
        (["run"], "say a goal with --url or --files"),
        (["run", "a goal"], "--url https://example.org"),
        (["run", "--url", "https://a.org", "--suite", "miniwob:x"], "exclude each other"),
        (["run", "--suite", "miniwob:login-usr"], "did you mean login-user"),
        (["run", "--suite", "miniwb:login-user"], "did you mean miniwob"),
        (["run", "--suite", "miniwob"], "miniwob:login-user"),
        (["run", "--url", "ftp://a.org", "a goal"], "http:// or https://"),
        (["run", "--url", "http://a b.org", "a goal"], "no web address"),
        (["run", "--url", "http://[::1", "a goal"], "no address"),
        (["run", "--url", "http://a.org:99999", "a goal"], "no address"),
        (["run", "--url", "file:///etc/passwd", "a goal"], "the path alone"),
        (["run", "--url", "./gone.html", "a goal"], "there is no page at ./gone.html"),
        (["run", "--url", "https://a.org", "--allow", "http://b", "a goal"], "--allow: a policy"),
        (["practise", "--families", "enter-txt"], "did you mean enter-text"),
        (["practise", "--suite", "miniwob:enter-text", "--families", "a"], "leave out --families"),
        (["practise", "--seconds", "0"], "'--seconds'"),
        (["exam", "--seeds", "9-1"], "--seeds is a number or a range"),
        (["exam", "--name", "../../x"], "--name is a-z"),
        (["distill", "--suite", "nope"], "there is no suite"),
        (["measure", "--seeds", "1-99999"], "more than 10000 seeds"),
        (["skills", "show", "nope"], "nothing has been learnt"),
        (["skills", "rollback", "nope", "1"], "no skill is called 'nope'"),
        (["skills", "retire", "nope"], "no skill is called 'nope'"),
        (["report"], "run `journeyman demo`"),
        (["weights", "--model", "gpt-4o"], "begins with local/"),
        (["weights", "--model", "local/nope"], "use one of qwen2.5-coder-1.5b"),
        (["weights", "--model", "local//gone.gguf"], "no GGUF file at /gone.gguf"),
        (["--workspace", "/dev/null", "skills", "list"], "is a file"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = told(capsys, *argv)
    assert status == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err + out


def test_a_bad_configuration_file_names_the_key_and_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("journeyman.toml").write_text("[model]\nnmae = 'x'\n")
    status, _, err = told(capsys, "skills", "list")
    assert status == 2
    assert "model.nmae" in err
    assert "journeyman.toml" in err


def test_looking_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "none"
    status, out, _ = told(capsys, "--workspace", str(folder), "skills", "list")
    assert (status, folder.exists()) == (0, False)
    assert "No skill has been learnt" in out


def test_a_damaged_library_says_which_file(
    capsys: pytest.CaptureFixture[str], learnt_workspace: Path
) -> None:
    events = learnt_workspace / "library" / "events.jsonl"
    events.write_text("{not json\n" + events.read_text())
    status, _, err = told(capsys, "--workspace", str(learnt_workspace), "skills", "list")
    assert status == 2
    assert "events.jsonl" in err
    assert told(capsys, "--workspace", str(learnt_workspace), "skills", "fsck")[0] == 1


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    hostile = "\x1b[2Jgone\x9b31m\x07\u202e\nnext"
    assert plain(hostile) == "·[2Jgone·31m··\nnext"
    task = Task("t", "g")
    outcome = Outcome(False, "check", f"the page said {hostile}")
    assert "\x1b" not in ending(Trajectory("t", task, (), outcome))


def test_a_quarantine_ends_when_a_person_approves(
    capsys: pytest.CaptureFixture[str], learnt_workspace: Path
) -> None:
    at = ("--workspace", str(learnt_workspace))
    library = SkillLibrary.open(learnt_workspace / "library", embedder=HashEmbedder())
    excess = Evidence("book-a-table", 1, "excess", False, reason="it opened another site")
    asyncio.run(library.record(excess))
    asyncio.run(library.close())
    assert "quarantined" in told(capsys, "skills", "list", *at)[1]
    approved = told(capsys, "skills", "approve", "book-a-table", *at)
    assert approved[0] == 0 and "book-a-table version 1 is" in approved[1]
    assert "quarantined" not in told(capsys, "skills", "list", *at)[1]


def test_skills_can_be_listed_shown_retired_and_brought_back(
    capsys: pytest.CaptureFixture[str], learnt_workspace: Path
) -> None:
    at = ("--workspace", str(learnt_workspace))
    listed = told(capsys, *at, "skills", "list")[1]
    assert "book-a-table@1" in listed
    assert "8/8" in listed
    shown = told(capsys, *at, "skills", "show", "book-a-table")[1]
    assert "def book_a_table(guest: str)" in shown
    assert "Book a table for {guest}." in shown
    assert 'present: button "Book"' in shown
    assert told(capsys, "skills", "retire", "book-a-table", *at)[0] == 0
    assert "book-a-table" not in told(capsys, *at, "skills", "list")[1]
    assert "retired" in told(capsys, *at, "skills", "list", "--retired")[1]
    assert told(capsys, "skills", "rollback", "book-a-table", "1", *at)[0] == 0
    assert "book-a-table@1" in told(capsys, "skills", *at)[1]
    status, _, err = told(capsys, *at, "skills", "show", "book-a-tabel")
    assert status == 2
    assert "did you mean book-a-table" in err
    assert told(capsys, *at, "skills", "fsck")[:2] == (0, "The library is sound.\n")


def test_the_report_command_writes_both_files_and_shows_the_table(
    capsys: pytest.CaptureFixture[str], learnt_workspace: Path
) -> None:
    status, out, err = told(capsys, "report", "--workspace", str(learnt_workspace))
    assert (status, err) == (0, "")
    assert "mastered" in out
    assert "0/2 → 2/2" in out
    assert (learnt_workspace / "report.html").exists()
    assert str(learnt_workspace / "report.json") in out


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "practise", "exam", "distill", "measure", "demo", "report", "weights"):
        status, out, _ = told(capsys, command, "--help")
        assert status == 0
        assert "Examples:" in out
        assert f"journeyman {command}" in out


def test_the_demo_families_are_families_of_the_suite() -> None:
    from journeyman.agent.suites import open_suite

    known = open_suite("miniwob").families()
    assert set(FAMILIES) <= set(known)
    assert set(QUICK) <= set(FAMILIES)
    assert len(FAMILIES) == len(set(FAMILIES)) == 12


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from journeyman.agent.cli import main; main(['--help'])\n"
        "heavy = {'rich', 'pydantic', 'litellm', 'langgraph', 'playwright', 'chromadb', 'numpy'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")


@given(st.text(max_size=30))
def test_seeds_are_numbers_or_a_refusal(text: str) -> None:
    try:
        seeds = seeds_of(text)
    except Refused:
        return
    assert seeds
    assert all(seed >= 0 for seed in seeds)


def test_seeds_may_be_ranges_and_lists() -> None:
    assert seeds_of("10000-10002") == (10000, 10001, 10002)
    assert seeds_of("1,4,8-9,8") == (1, 4, 8, 9)


@given(st.text(max_size=60))
def test_any_address_is_taken_or_refused(text: str) -> None:
    try:
        assert checked_url(text)
    except Refused:
        return


def test_a_local_page_may_be_named_by_its_path(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.touch()
    assert checked_url(str(page)) == str(page)
    assert checked_url("example.org/a") == "example.org/a"


def test_near_names_what_is_alike_or_what_there_is() -> None:
    assert near("ab", ["abc", "xyz"], "thing").endswith("did you mean abc?")
    assert near("q", ["abc", "xyz"], "thing").endswith("there is abc, xyz")


def test_earlier_exam_rows_are_put_aside_not_lost(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "after.jsonl").write_text(str(number))
        put_aside(tmp_path, "after")
    assert (tmp_path / "after.1.jsonl").read_text() == "1"
    assert (tmp_path / "after.2.jsonl").read_text() == "2"
    put_aside(tmp_path, "after")
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def dull() -> Console:
    return Console(file=StringIO(), record=True, width=200)


def test_without_a_terminal_progress_is_a_line_a_stage_and_what_was_admitted() -> None:
    console = dull()
    row = PracticeRow(1.0, "book", 1, "admitted", True)
    with Progress("starting", console) as progress:
        for number in range(50):
            place = {"stage": "exam", "done": number, "total": 50}
            progress(Event("progress", f"task {number}", place))
        progress(Event("action", "click(...)"))
        progress(Event("progress", "book: admitted book-a-table [x]", {"row": row}))
        progress(Event("progress", "practise", {"stage": "practise", "total": 90.0}))
    lines = console.export_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("exam · 0/50 · task 0 · 0:00 so far")
    assert lines[1] == "  book: admitted book-a-table [x]"
    assert lines[2].startswith("practise · 0:00/1:30 · 0:00 so far · about 1:")


def test_the_estimate_counts_only_what_this_run_did(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Progress("starting", dull())
    progress(Event("progress", "", {"stage": "exam", "total": 36}))
    assert progress.left() is None
    now = 110.0
    # Thirty of these were taken by an earlier run.
    progress(Event("progress", "", {"done": 31, "total": 36}))
    assert progress.left() == pytest.approx(50.0)
    now = 115.0
    assert progress.left() == pytest.approx(45.0)


def test_a_budget_in_seconds_is_shown_as_a_clock() -> None:
    progress = Progress("practise", dull())
    progress(Event("progress", "1 of 2 mastered", {"done": 62.5, "total": 120.0}))
    shown = progress.status().plain
    assert shown.startswith("practise · 1:02/2:00 · 1 of 2 mastered · 0:00 so far · about 0:57")


def test_an_event_becomes_a_line_without_control_characters() -> None:
    text = line(Event("observation", "a\x1b[2Jb [bold]"))
    assert text is not None
    assert text.plain == "observation  a·[2Jb [bold]"
    assert line(Event("end", "over")) is None


def test_the_ending_says_verdict_and_cost() -> None:
    step = Step(1, "click()", "", prompt_tokens=2300, reply_tokens=10, model_calls=1)
    run = Trajectory("t", Task("x", "g"), (step,), Outcome(True, "check"), seconds=8.06)
    assert ending(run) == "solved (check); 1 step, 1 model call, 2,310 tokens, 8.1 s"


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, learnt_workspace: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("journeyman.agent.cli.show.print_report", interrupted)
    status, _, err = told(capsys, "report", "--workspace", str(learnt_workspace))
    assert status == 130
    assert "run it again to go on" in err


def test_the_arms_stand_side_by_side_with_a_total() -> None:
    console = dull()
    rows = [ExamRow("book", seed, seed > 1, 1, 10, 2.0) for seed in range(3)]
    console.print(arms_table({"bare": rows, "after": rows[1:]}))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[0] == ["family", "bare", "calls", "s", "after", "calls", "s"]
    assert lines[-1] == ["all", "1/3", "3", "2.00", "1/2", "2", "2.00"]


def test_the_doctor_ends_well_where_something_isolates(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = told(capsys, "sandbox", "doctor")
    assert status == 0 and "code runs in bubblewrap" in out, out
    for words in ("system calls", "read files of the host", "control groups", "Landlock: version"):
        assert words in out, out


@pytest.mark.parametrize(
    ("backend", "status", "words"),
    [
        ("auto", 1, "no code is run: landlock would work, if asked for by sandbox.backend"),
        ("landlock", 0, "sandbox.backend is landlock: code runs in landlock"),
    ],
)
def test_the_doctor_offers_the_weaker_and_uses_it_only_when_asked(
    backend: str,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_: None)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("JOURNEYMAN_SANDBOX__BACKEND", backend)
    found, out, _ = told(capsys, "sandbox", "doctor")
    assert (found, words in out) == (status, True), out
    assert "bubblewrap: learnt code needs a sandbox" in out and "apt-get install" in out
