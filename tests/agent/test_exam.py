"""Exams: one attempt a task, the check asked once at the end, and nothing of it kept or learnt from."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent.exam import exam
from journeyman.agent.records import ExamRow, Rows
from journeyman.agent.run import Agent
from journeyman.agent.suites.base import EXAM_SEEDS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Make = Callable[..., Agent]

SEEDS = (EXAM_SEEDS, EXAM_SEEDS + 1)
CANCEL = 'click("button", "Cancel")'


def contents(workspace: Path) -> dict[str, str]:
    """Every file and folder but the exam's own, with a digest."""
    return {
        str(path.relative_to(workspace)): hashlib.sha256(
            path.read_bytes() if path.is_file() else b""
        ).hexdigest()
        for path in sorted(workspace.rglob("*"))
        if path.relative_to(workspace).parts[0] != "exams"
    }


async def practised(make_agent: Make, shop: Any, trusted: Any, good: Any, **more: Any) -> Path:
    """A workspace with a trusted skill, a lesson and a journalled success, closed."""
    agent = make_agent(good, **more)
    await agent.open()
    assert agent.library is not None and agent._lessons is not None
    await agent.library.admit(*trusted())
    await agent.library.ranked("Log in as Ada.")
    done = await agent.attempt(await agent.task(shop, shop.families()[0], 1), shop)
    await agent.feedback(done.id, True, "Log in with the button named Log in.")
    await agent.close()
    return agent.workspace


def examined(make_agent: Make, workspace: Path, *replies: Any) -> tuple[Agent, Rows[ExamRow]]:
    """An agent for an exam, as the offline job opens it, and the exam's rows."""
    path = workspace / "exams" / "journal-x.sqlite"
    agent = make_agent(*replies, workspace=workspace, read_only=True, journal_path=path)
    return agent, Rows(workspace / "exams" / "x.jsonl", ExamRow)


@pytest.mark.parametrize("drift", ["", "renamed", "twice"])
async def test_an_exam_leaves_the_workspace_as_it_was(
    make_agent: Make, shop: Any, trusted: Any, good: Any, drift: str
) -> None:
    """Also where a skill fails, the index is searched, and the model goes on and fails."""
    workspace = await practised(make_agent, shop, trusted, good)
    before = contents(workspace)
    shop.drift = drift
    agent, rows = examined(make_agent, workspace, good, CANCEL)
    found = await exam(agent, shop, shop.families(), SEEDS, rows)
    await agent.close()
    assert contents(workspace) == before
    direct = drift == ""
    assert [row.success for row in found] == [True, direct]
    assert [row.model_calls for row in found] == ([0, 0] if direct else [1, 1])
    assert (found[0].direct == "log-in@1") is (drift != "renamed")
    assert rows.read() == found


async def test_the_check_is_asked_once_and_changes_nothing(
    make_agent: Make, shop: Any, good: Any
) -> None:
    agent, rows = examined(make_agent, make_agent().workspace, CANCEL, good)
    found = await exam(agent, shop, shop.families(), SEEDS, rows)
    assert [row.success for row in found] == [False, True]
    assert [int(task.rpartition(":")[2]) for task in shop.checked] == list(SEEDS)
    assert shop.started == list(SEEDS), "one attempt a task, from one start"
    kept = await agent.journal.all()
    assert len(kept) == 2 and not any("reflection" in one.extra for one in kept)


async def test_what_was_taken_is_not_taken_again(make_agent: Make, shop: Any, good: Any) -> None:
    workspace = make_agent().workspace
    agent, rows = examined(make_agent, workspace, good)
    first = await exam(agent, shop, shop.families(), SEEDS[:1], rows)
    await agent.close()
    again, rows = examined(make_agent, workspace, good)
    both = await exam(again, shop, shop.families(), SEEDS, rows)
    assert both[0] == first[0] and len(both) == 2 and len(shop.checked) == 2


async def test_renamed_families_get_the_same_runs(
    make_agent: Make, shop: Any, trusted: Any, good: Any, tmp_path: Path
) -> None:
    workspace = await practised(make_agent, shop, trusted, good)
    runs = []
    for number, family in enumerate(("zq-family-of-logins", "another-name-altogether")):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(workspace, copy)
        shop._families = (family,)
        agent, rows = examined(make_agent, copy, good)
        shop.drift = ""
        found = await exam(agent, shop, [family], SEEDS[:1], rows)
        shop.drift = "renamed"
        found += (await exam(agent, shop, [family], SEEDS, rows))[1:]
        kept = await agent.journal.all()
        runs.append(
            (
                [replace(row, family="", trajectory="", seconds=0) for row in found],
                [
                    [(step.action, step.prompt, step.observation) for step in one.steps]
                    for one in kept
                ],
                [one.final_view for one in kept],
                agent.model.asked,  # type: ignore[attr-defined]
            )
        )
        await agent.close()
    assert runs[0] == runs[1]
    assert runs[0][0][0].direct and runs[0][0][1].model_calls == 1
