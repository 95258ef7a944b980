"""judge: has the agent stopped, and was the task done? The check decides where there is one."""

from __future__ import annotations

import time

from .parts import Parts
from .state import AgentState, Update


async def judge(state: AgentState, parts: Parts) -> Update:
    """Stop at a budget; once stopped, take the check's verdict. Nothing runs after it."""
    spent = time.perf_counter() - parts.began
    budget = parts.task.budget
    stopped = state.stopped
    if not state.finished:
        limits = {
            "steps": state.steps >= budget.steps,
            "tokens": state.tokens >= budget.tokens,
            "seconds": spent >= budget.seconds,
            "model": parts.model is None,
        }
        reached = [name for name, over in limits.items() if over]
        if not reached:
            return {"seconds": spent}
        stopped = "no model to go on with" if reached == ["model"] else f"out of {reached[0]}"
    outcome = await parts.live.verdict()
    parts.say("judge", f"{stopped}; {outcome.reason or 'solved'}", success=outcome.success)
    return {
        "finished": True,
        "stopped": stopped,
        "seconds": spent,
        "success": outcome.success,
        "reason": outcome.reason,
    }
