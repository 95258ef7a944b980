"""learn: close the attempt, credit the skills it called, and offer it to induction.

It proposes; only the library admits. Nothing is credited or learnt in an exam.
"""

from __future__ import annotations

import time

from ..skills.skill import Evidence
from .parts import Parts
from .reflect import finish
from .state import AgentState, Update


async def learn(state: AgentState, parts: Parts) -> Update:
    """Journal the end of the attempt and let others learn from it."""
    await finish(state, parts)
    success = state.success
    if parts.credit and parts.library is not None and success is not None:
        called = [name for step in parts.steps for name in step.skills]
        alone = len(parts.steps) == 1
        await parts.library.record_many([
            Evidence(
                name=name.partition("@")[0],
                version=int(name.partition("@")[2]),
                kind="use",
                # A run that the model had to finish is no success of a program; an adapter is part
                # of the model.
                success=success and (alone or name in state.mix),
                task_id=parts.task.id,
                steps=len(parts.live.calls()),
                tokens=state.tokens,
                seconds=state.seconds,
                reason=state.reason,
                at=time.time(),
            )
            for name in dict.fromkeys(called)
            if name not in state.mix or parts.mix is None
        ])  # fmt: skip
    if success and parts.learn is not None:
        await parts.learn(state.trajectory)
    parts.say(
        "end",
        {True: "solved", False: f"not solved: {state.reason}", None: state.stopped}[success],
        trajectory=state.trajectory,
        success=success,
        seconds=state.seconds,
    )
    return {}
