"""Trajectories as chat JSONL, one conversation a line, for training elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from . import MemoryFault
from .trajectory import Trajectory


def messages(trajectory: Trajectory) -> list[dict[str, str]]:
    """The attempt as a conversation: what was asked, each action, what was seen after it.

    A step that was made without a model has no prompt; its action stands all the same.
    """
    talk = []
    seen = trajectory.task.goal
    for step in trajectory.steps:
        talk.append({"role": "user", "content": step.prompt or seen})
        talk.append({"role": "assistant", "content": step.action})
        seen = step.error or step.observation
    return talk


def write_chat_jsonl(trajectories: Iterable[Trajectory], path: Path) -> int:
    """Write the file whole or not at all; returns the number of lines."""
    lines = [
        json.dumps(
            {
                "messages": messages(trajectory),
                "id": trajectory.id,
                "task": trajectory.task.id,
                "model": trajectory.model,
                "seed": trajectory.seed,
                "success": trajectory.outcome.success,
                "judge": trajectory.outcome.judge,
                "taint": trajectory.taint,
            }
        )
        for trajectory in trajectories
        if trajectory.steps
    ]
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MemoryFault(f"{path} could not be written: {error}") from error
    return len(lines)
