"""plan: execute a mastered skill directly, or let the model go step by step.

Direct execution needs a trusted skill of the same site whose template takes the whole goal in one
reading and whose preconditions hold on the page. Of several, the most specific template is meant;
if that leaves several, none is.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..sandbox.base import View
from ..skills.conditions import unmet
from ..skills.skill import Skill
from ..skills.template import Binding, specificity
from .parts import Parts
from .recall import look_up, takers
from .state import AgentState, Update


async def plan(state: AgentState, parts: Parts) -> Update:
    """Choose how this attempt goes about its goal."""
    fitting = takers(parts.library, state.goal, state.url) if parts.library is not None else []
    if fitting:
        # The page as it stands will do; only where nothing fits is it waited for.
        chosen = choose(fitting, await parts.live.view(0)) or choose(
            fitting, await parts.live.view()
        )
        if chosen is not None:
            skill, binding = chosen
            name = f"{skill.name}@{skill.current.version}"
            parts.say("direct", f"executing {name} directly", skill=name, binding=dict(binding))
            return {"direct": name, "binding": dict(binding)}
        return {"direct": "", **await look_up(state, parts)}
    parts.say("plan", "no mastered skill takes this goal; the model goes step by step")
    return {"direct": ""}


def choose(fitting: Sequence[tuple[Skill, Binding]], view: View) -> tuple[Skill, Binding] | None:
    """The skill that can start here, the most specific of several; None where that is not one."""
    able = [
        (specificity(skill.current.template), skill, binding)
        for skill, binding in fitting
        if unmet(skill.current.manifest.pre, view, binding) is None
    ]
    top = max((score for score, _, _ in able), default=0)
    best = [(skill, binding) for score, skill, binding in able if score == top]
    return best[0] if len(best) == 1 else None
