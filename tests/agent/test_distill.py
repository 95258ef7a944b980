"""The offline job: from end to end on one small family, stopped and killed and gone on with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from journeyman.agent import distill as room
from journeyman.agent.config import Settings, load_settings
from journeyman.agent.distill import distill, exam_rows
from journeyman.agent.events import Event
from journeyman.agent.job import JobConflict
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.memory.embed import HashEmbedder
from journeyman.memory.journal import Journal
from journeyman.skills.library import SkillLibrary

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SEEDS = (10_000, 10_001)
Start = Callable[..., Any]


class Stopped(Exception):
    """What a test stops a job with."""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two direct successes make a family rest, six passed runs make a skill trusted."""
    monkeypatch.setattr("journeyman.agent.practice.MASTERED", 2)
    return load_settings(tmp_path, {}, {"gates.trust": 0.5})


@pytest.fixture
def start(
    make_agent: Any, shop: Any, tiny: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Start the job, stopping it when an event's words hold `stop`; its agents share a browser."""

    class Here(Agent):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more, embedder=HashEmbedder())
            self.browser = make_agent().browser

    monkeypatch.setattr(room, "Agent", Here)

    async def run(*replies: Any, stop: str = "", **more: Any) -> tuple[Path, ScriptedModel]:
        model = ScriptedModel(replies)

        def tell(event: Event) -> None:
            if stop and stop in event.text:
                raise Stopped(event.text)

        job = {"exam_seeds": SEEDS, "practice_seconds": 60.0, "families": shop.families(), **more}
        path = await distill(
            tiny, shop, workspace=tmp_path / "workspace", model=model, on_event=tell, **job
        )
        return path, model

    return run


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"families": ["another"]}, "families"),
        ({"exam_seeds": (10_000,)}, "exam_seeds"),
        ({"practice_seconds": 5.0}, "practice_seconds"),
    ],
)
async def test_another_job_in_the_workspace_is_a_conflict(
    start: Start, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Stopped):
        await start(stop="exam before")
    held = (tmp_path / "workspace" / "job.json").read_bytes()
    with pytest.raises(JobConflict, match=words) as conflict:
        await start(**change)
    said = str(conflict.value)
    assert str(tmp_path / "workspace") in said and "--workspace" in said and "\n" not in said
    assert (tmp_path / "workspace" / "job.json").read_bytes() == held


async def test_a_running_job_is_a_conflict(start: Start, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with FileLock(workspace / "job.lock"), pytest.raises(JobConflict, match="running"):
        await start()
    assert not (workspace / "job.json").exists()
    with pytest.raises(Stopped):
        await start(stop="exam before")


SCRIPT = """
import asyncio, importlib.util, sys
from pathlib import Path
import journeyman.agent.distill as room
import journeyman.agent.practice as practice
from journeyman.agent.config import load_settings
from journeyman.agent.run import Agent
from journeyman.agent.scripted import ScriptedModel
from journeyman.memory.embed import HashEmbedder

_, helpers, folder, workspace = sys.argv
spec = importlib.util.spec_from_file_location("helpers", helpers)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

class Here(Agent):
    def __init__(self, *args, **more):
        super().__init__(*args, **more, embedder=HashEmbedder())

room.Agent = Here
practice.MASTERED = 2
settings = load_settings(Path(folder), {}, {"gates.trust": 0.5})
suite = module.Shop(Path(folder))
asyncio.run(room.distill(settings, suite, suite.families(), exam_seeds=(10_000, 10_001),
    practice_seconds=60.0, workspace=Path(workspace), model=ScriptedModel([module.solve] * 9),
    on_event=lambda event: print(event.text, flush=True)))
"""


@pytest.mark.slow
async def test_a_killed_job_goes_on_to_its_report(
    start: Start, good: Any, shop: Any, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    helpers = Path(__file__).with_name("conftest.py")

    def killed() -> str:
        command = [sys.executable, "-c", SCRIPT, str(helpers), str(shop.folder), str(workspace)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if "trying" in line:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return said

    said = await asyncio.to_thread(killed)
    assert "trying" in said, said
    before = exam_rows(workspace, "before")
    assert [row.seed for row in before] == list(SEEDS), said
    assert all(row.success and row.model_calls == 1 and not row.direct for row in before)

    journal = await Journal.open(workspace / "journal.sqlite", read_only=True)
    kept = await journal.all(success=True)
    await journal.close()
    told = said.count(": solved") - len(before)
    assert len(kept) == told >= 1, "what was told is kept"
    library = SkillLibrary.open(workspace / "library", read_only=True)
    assert library.fsck() == [] and library.skills() == []
    await library.close()

    with pytest.raises(Stopped):
        await start(*[good] * 3, stop="exam after")
    assert exam_rows(workspace, "before") == before and exam_rows(workspace, "after") == []
    practice = [json.loads(line) for line in (workspace / "practice.jsonl").open()]
    seeds = [row["seed"] for row in practice if row["kind"] == "attempt"]
    assert seeds == list(range(len(seeds))), "no task is practised twice"

    path, model = await start()
    report = json.loads(path.read_text())
    assert [row["seed"] for row in report["exam"]["before"]] == list(SEEDS)
    assert [row["seed"] for row in report["exam"]["after"]] == list(SEEDS)
    assert all(row["success"] and row["model_calls"] == 0 for row in report["exam"]["after"])
    assert model.asked == [] and len(report["skills"]) == 1
    assert (path.parent / "report.html").stat().st_size > 1000
    library = SkillLibrary.open(workspace / "library", read_only=True)
    assert library.fsck() == []
    await library.close()

    again, _ = await start()
    assert json.loads(again.read_text())["exam"] == report["exam"], "done is done"
