"""act: one step. A mastered skill runs as it is; else the model writes what is run."""

from __future__ import annotations

import time

from ..memory.trajectory import Step
from ..sandbox import PrimitiveFailed
from ..skills.tools import tools_of
from ..skills.trial import execute
from .act_files import write
from .act_page import ENDED, HISTORY, source_of, step
from .files_episode import FilesEpisode
from .parts import Parts
from .perform import exceeded
from .state import AgentState, Update


async def act(state: AgentState, parts: Parts) -> Update:
    """Take one step and journal it."""
    if state.direct:
        return await _direct(state, parts)
    if parts.model is None:
        return {"finished": True, "stopped": "no skill does it alone"}
    if isinstance(parts.live, FilesEpisode):
        return await write(state, parts, parts.live)
    return await step(state, parts, parts.live)


async def _direct(state: AgentState, parts: Parts) -> Update:
    """Run a mastered skill. What fails is drift evidence, and the model goes on from there."""
    assert parts.library is not None
    name, _, version = state.direct.partition("@")
    skill = parts.library.get(name, int(version))
    start = time.perf_counter()
    binding = {k: tuple(v) if isinstance(v, list) else v for k, v in state.binding.items()}
    tools = tools_of(parts.library)
    execution = await execute(skill.current, binding, parts.live, tools=tools, checked=True)
    if execution.excess:
        await exceeded(skill.current, execution.excess, parts)
    seconds = time.perf_counter() - start
    step = Step(
        number=state.steps + 1,
        action=f"{skill.current.function}({', '.join(f'{k}={v!r}' for k, v in binding.items())})",
        observation="" if execution.ok else execution.reason,
        calls=parts.live.calls(),
        error=None if execution.ok else execution.reason,
        seconds=seconds,
        skills=(state.direct,),
    )
    await parts.keep(state.trajectory, step)
    parts.say("action", step.action, seconds=seconds, error=step.error or "")
    history = [source_of(made) for made in parts.live.calls() if made.effect != "read"]
    try:
        over = await parts.live.over()
    except PrimitiveFailed:
        over = False  # The next look at the page will tell.
    return {
        "steps": state.steps + 1,
        "history": [*state.history, *history][-HISTORY:],
        "direct": "",
        "note": step.error or "",
        "finished": execution.ok or over,
        "stopped": ENDED if over else f"{state.direct} ran" if execution.ok else "",
    }
