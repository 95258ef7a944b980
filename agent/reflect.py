"""reflect: what went wrong, from the sandbox's evidence, so that it is not done again.

Source: SREFLECT (Li et al., 2023): a record of step, wrong action and alternative. Made without a
model: the last call before the failure is barred on the view it was made on.
"""

from __future__ import annotations

import json

from ..memory.trajectory import Outcome
from ..sandbox.base import view_from_json, view_to_json
from .act_page import digest, plain
from .parts import Parts
from .state import AgentState, Update
from .taint import taint_of


async def reflect(state: AgentState, parts: Parts) -> Update:
    """Close the failed attempt in the journal, note its decisive call, and begin the next."""
    made = [call for call in parts.live.calls() if call.effect != "read" and call.view]
    barred: dict[str, list[str]] = {}
    record = f"attempt {state.attempt} failed: {state.reason}"
    if made:
        last = made[-1]
        view = view_from_json(last.view)
        source = plain(last)
        barred = {key: list(calls) for key, calls in state.barred.items()}
        barred.setdefault(digest(view), []).append(source)
        record += f"; after {len(made)} calls it ended with {source}: not to be done there again"
    parts.say("reflect", record)
    await finish(state, parts, record)
    parts.temperature = max(parts.temperature, 0.7)
    parts.seed += 1
    trajectory = await parts.begin()
    return {
        "trajectory": trajectory,
        "attempt": state.attempt + 1,
        "reflections": [*state.reflections, record],
        "tried": barred,
        "barred": barred,
        "history": [],
        # A page shows where it stands; of files only the check can tell what was wrong.
        "note": "" if made else record,
        "steps": 0,
        "tokens": 0,
        "finished": False,
        "stopped": "",
        "success": None,
        "reason": "",
        "direct": "",
    }


async def finish(state: AgentState, parts: Parts, reflection: str = "") -> None:
    """Journal how the attempt ended, with what was in view."""
    try:
        end = view_to_json(await parts.live.view(0))
    except Exception:
        end = ""
    outcome = (
        await parts.live.verdict() if state.finished else Outcome(None, "none", "stopped early")
    )
    extra = {"stopped": state.stopped}
    if state.mix:
        extra["mix"] = json.dumps(state.mix)
    if reflection:
        extra["reflection"] = reflection
    taint = taint_of(parts.task, parts.live.calls())
    await parts.journal.finish(state.trajectory, outcome, state.seconds, taint, end, extra)
