"""The journal: what is acknowledged is there, whatever happens to the process or the disk."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.memory import JournalCorrupt, JournalReadOnly, MemoryFault
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Budget, Call, Outcome, Step, Task, from_json, to_json

TASK = Task("shop-7", "Buy the red hat", url="http://shop.test/", reset="full", seed=7)
CLICK = Call(1, "click", {"role": "button", "name": "Buy"}, "effect", view='{"url":""}')


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(tmp_path / "journal.db")
    yield journal
    await journal.close()


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


TEXT = st.text(st.characters(), max_size=20)
"""Any characters, lone surrogates too: pages hold them."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
EFFECTS = st.sampled_from(["read", "idempotent", "effect"])
CALLS = st.builds(
    Call,
    sequence=st.just(0),
    primitive=TEXT,
    args=st.dictionaries(TEXT, JSON, max_size=3),
    effect=EFFECTS,
    reply=JSON,
    error=st.none() | TEXT,
    view=TEXT,
)
STEPS = st.lists(
    st.tuples(st.builds(Step, number=st.just(0), action=TEXT, observation=TEXT), st.lists(CALLS)),
    max_size=3,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, goal=TEXT, end=st.none() | st.tuples(st.booleans(), TEXT, TEXT))
def test_a_trajectory_comes_back_as_it_was_written(
    steps: list[tuple[Step, list[Call]]], goal: str, end: tuple[bool, str, str] | None
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            journal = await Journal.open(Path(folder, "j.db"))
            task = replace(TASK, goal=goal, budget=Budget(steps=3))
            await journal.begin("a", task, "model", 3, "person")
            sequence, written = 0, []
            for number, (step, calls) in enumerate(steps):
                numbered = []
                for call in calls:
                    numbered.append(replace(call, sequence=sequence))
                    sequence += 1
                    await journal.intend("a", numbered[-1])
                    last = numbered[-1]
                    await journal.answer("a", last.sequence, last.reply, last.error, last.view)
                written.append(replace(step, number=number, calls=tuple(numbered)))
                await journal.add_step("a", written[-1])
            if end:
                outcome = Outcome(end[0], "check", end[1])
                await journal.finish("a", outcome, 1.5, "taint", end[2], {"k": end[1]})
            read = await journal.get("a")
            assert read.task == task and read.steps == tuple(written)
            assert (read.model, read.seed, read.source) == ("model", 3, "person")
            if end:
                assert read.outcome == outcome and read.final_view == end[2]
                assert read.extra == {"k": end[1]} and read.seconds == 1.5
            else:
                assert read.outcome == Outcome(None)
            assert from_json(to_json(read)) == read
            await journal.close()

    asyncio.run(run())


async def test_calls_that_were_not_journalled_are_kept_with_their_step(journal: Journal) -> None:
    await journal.begin("a", TASK)
    step = Step(0, "click()", "done", (CLICK, replace(CLICK, sequence=2, error="gone")))
    await journal.add_step("a", step)
    assert (await journal.get("a")).steps == (step,)


async def test_an_effect_without_an_answer_is_in_doubt_and_never_intended_again(
    journal: Journal,
) -> None:
    await journal.begin("a", TASK)
    await journal.intend("a", CLICK)
    await journal.intend("a", Call(2, "visible", {"role": "link"}, "read"))
    assert await journal.in_doubt("a") == [replace(CLICK, answered=False)]
    with pytest.raises(MemoryFault, match="in doubt"):
        await journal.intend("a", CLICK)
    await journal.intend("a", Call(2, "visible", {"role": "link"}, "read"))
    with pytest.raises(MemoryFault, match="another call"):
        await journal.intend("a", Call(2, "visible", {"role": "button"}, "read"))
    await journal.answer("a", 1, reply=True)
    assert await journal.in_doubt("a") == []
    with pytest.raises(MemoryFault, match="has an answer"):
        await journal.answer("a", 1, reply=False)
    with pytest.raises(MemoryFault, match="has an answer"):
        await journal.intend("a", CLICK)
    assert (await journal.calls("a"))[0].reply is True


async def test_what_has_not_begun_is_refused(journal: Journal) -> None:
    for work in (
        journal.intend("x", CLICK),
        journal.answer("x", 1),
        journal.add_step("x", Step(0, "", "")),
        journal.finish("x", Outcome(True)),
        journal.get("x"),
    ):
        with pytest.raises(MemoryFault):
            await work
    await journal.begin("a", TASK)
    await journal.begin("a", TASK)
    with pytest.raises(MemoryFault, match="another task"):
        await journal.begin("a", replace(TASK, goal="else"))


async def test_later_steps_and_verdicts_supersede_and_nothing_is_overwritten(
    journal: Journal,
) -> None:
    await journal.begin("a", TASK)
    await journal.add_step("a", Step(0, "first", ""))
    await journal.add_step("a", Step(0, "second", ""))
    assert await journal.unfinished() == ["a"]
    await journal.finish("a", Outcome(True, "evaluator"))
    await journal.finish("a", Outcome(False, "person", "no"))
    read = await journal.get("a")
    assert [step.action for step in read.steps] == ["second"]
    assert read.outcome == Outcome(False, "person", "no") and await journal.unfinished() == []
    assert await journal.all(success=True) == [] and await journal.goals() == []
    with sqlite3.connect(journal.path) as link:
        assert link.execute("SELECT count(*) FROM step").fetchone() == (2,)
        for sql in ("UPDATE step SET body=''", "DELETE FROM finish"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                link.execute(sql)
    link.close()


async def test_all_filters_and_limits(journal: Journal) -> None:
    for number in range(4):
        await journal.begin(f"t{number}", replace(TASK, id=f"task-{number % 2}"))
    await journal.finish("t1", Outcome(True))
    await journal.finish("t2", Outcome(False))
    await journal.finish("t3", Outcome(True), taint="page text in a url")

    async def ids(**filters: object) -> list[str]:
        return [item.id for item in await journal.all(**filters)]  # type: ignore[arg-type]

    assert await ids() == ["t0", "t1", "t2", "t3"]
    assert await ids(limit=2) == ["t2", "t3"]
    assert await ids(finished=False) == ["t0"]
    assert await ids(success=False) == ["t2"]
    assert await ids(task_id="task-1", success=True) == ["t1", "t3"]
    assert await journal.goals() == [("t1", TASK.goal)]


KILLED = """
import asyncio, sys
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Call, Outcome, Step, Task

async def main():
    journal = await Journal.open(sys.argv[1])
    name = sys.argv[2]
    await journal.begin(name, Task("t", "g"))
    for number in range(10_000):
        for sequence in (2 * number, 2 * number + 1):
            call = Call(sequence, "click", {"role": "link", "name": str(sequence)}, "effect")
            await journal.intend(name, call)
            print("intent", sequence, flush=True)
            await journal.answer(name, sequence, reply=sequence)
            print("answer", sequence, flush=True)
        calls = await journal.calls(name)
        await journal.add_step(name, Step(number, "a", "o", tuple(calls[-2:])))
        print("step", number, flush=True)
asyncio.run(main())
"""


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(4)
    for attempt in range(4):
        writer = run_python(KILLED, str(path), f"run-{attempt}")
        assert writer.stdout
        said = [writer.stdout.readline()]
        await asyncio.sleep(chance.uniform(0.0, 0.25))
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
        writer.wait()
        acknowledged = [line.split() for line in said if line.endswith("\n")]
        journal = await Journal.open(path)
        read = await journal.get(f"run-{attempt}")
        calls = {call.sequence: call for call in await journal.calls(read.id)}
        for kind, number in acknowledged:
            if kind == "step":
                assert read.steps[int(number)].calls[1].reply == 2 * int(number) + 1
            elif kind == "intent":
                assert int(number) in calls
            else:
                assert calls[int(number)].answered
        assert len(await journal.in_doubt(read.id)) <= 1
        assert len(await journal.unfinished()) == attempt + 1
        await journal.close()


FULL = """
import asyncio, resource, signal, sys
from journeyman.memory import MemoryFault
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Step, Task

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = await Journal.open(sys.argv[1])
    await journal.begin("a", Task("t", "g"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    number, refused = 0, 0
    while refused < 3:
        try:
            await journal.add_step("a", Step(number, "x" * 20_000, ""))
            number += 1
        except MemoryFault as error:
            refused += 1
            message = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await journal.add_step("a", Step(number, "after", ""))
    await journal.close()
    print(number, message)
asyncio.run(main())
"""


async def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    output = run_python(FULL, str(path)).communicate(timeout=30)[0]
    written, _, message = output.partition(" ")
    assert "full or failing" in message and "free some space" in message
    journal = await Journal.open(path)
    steps = (await journal.get("a")).steps
    assert [step.number for step in steps] == list(range(int(written) + 1))
    assert steps[-1].action == "after" and int(written) > 5
    await journal.close()


async def test_two_writers_at_once_keep_everything(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def write(name: str) -> None:
        journal = await Journal.open(path)
        await journal.begin(name, TASK)
        for number in range(30):
            await journal.intend(name, replace(CLICK, sequence=number))
            await journal.add_step(name, Step(number, name, ""))
        await journal.close()

    await asyncio.gather(write("a"), write("b"))
    journal = await Journal.open(path, read_only=True)
    assert [len(item.steps) for item in await journal.all()] == [30, 30]


async def test_reading_only_writes_nothing_and_sees_a_later_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    reader = await Journal.open(path, read_only=True)
    assert await reader.all() == [] and list(tmp_path.iterdir()) == []
    writer = await Journal.open(path)
    await writer.begin("a", TASK)
    assert [item.id for item in await reader.all()] == ["a"]
    await writer.close()
    before = {item.name: item.stat().st_mtime_ns for item in tmp_path.iterdir()}
    assert [item.id for item in await reader.all()] == ["a"]
    with pytest.raises(JournalReadOnly, match="reading only"):
        await reader.begin("b", TASK)
    await reader.close()
    assert {item.name: item.stat().st_mtime_ns for item in tmp_path.iterdir()} == before


@pytest.mark.parametrize("page", range(0, 18, 2))
async def test_a_damaged_file_is_said_with_how_to_mend_it(tmp_path: Path, page: int) -> None:
    path = tmp_path / "journal.db"
    journal = await Journal.open(path)
    await journal.begin("a", TASK)
    steps = tuple(Step(number, "x" * 2000, "") for number in range(10))
    for step in steps:
        await journal.add_step("a", step)
    await journal.close()
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(random.Random(page).randbytes(4096))
    try:
        # A page that this does not look at may be damaged unseen; wrong data it must not give.
        journal = await Journal.open(path)
        assert (await journal.get("a")).steps == steps
    except JournalCorrupt as error:
        assert "is damaged" in str(error) and ".recover" in str(error)
    else:
        assert page not in (0, 1)


async def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await (await Journal.open(path)).close()
    os.truncate(path, 5000)
    with pytest.raises(JournalCorrupt, match="is damaged"):
        await (await Journal.open(path)).begin("a", TASK)


async def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as link:
        link.execute("CREATE TABLE holiday(photo)")
    link.close()
    with pytest.raises(JournalCorrupt, match="something else"):
        await Journal.open(foreign)
    path = tmp_path / "journal.db"
    await (await Journal.open(path)).close()
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA user_version=99")
    link.close()
    for read_only in (False, True):
        with pytest.raises(MemoryFault, match="upgrade Journeyman"):
            await Journal.open(path, read_only=read_only)


async def test_an_intent_costs_little(journal: Journal) -> None:
    await journal.begin("a", TASK)
    costs = []
    for number in range(200):
        began = time.perf_counter()
        await journal.intend("a", replace(CLICK, sequence=number))
        costs.append(time.perf_counter() - began)
    # 0.2 ms on the reference machine; the bound leaves room for a busy one.
    assert sorted(costs)[100] < 0.003


async def test_export_writes_chats_of_what_succeeded(journal: Journal, tmp_path: Path) -> None:
    for name, success in (("good", True), ("bad", False)):
        await journal.begin(name, TASK, "m")
        await journal.add_step(name, Step(0, "click()", "saw", prompt="What now?"))
        await journal.add_step(name, Step(1, "press()", "end"))
        await journal.finish(name, Outcome(success, "check"))
    assert await journal.export_chat_jsonl(tmp_path / "chat.jsonl") == 1
    (line,) = (tmp_path / "chat.jsonl").read_text().splitlines()
    said = [(item["role"], item["content"]) for item in json.loads(line)["messages"]]
    assert said == [
        ("user", "What now?"),
        ("assistant", "click()"),
        ("user", "saw"),
        ("assistant", "press()"),
    ]
    with pytest.raises(MemoryFault, match="could not be written"):
        await journal.export_chat_jsonl(tmp_path / "no folder" / "chat.jsonl")


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "j.db")
    await journal.close()
    await journal.close()
    with pytest.raises(MemoryFault, match="closed"):
        await journal.unfinished()
