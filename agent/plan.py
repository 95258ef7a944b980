"""plan: execute a mastered skill directly, or let the model go step by step.

Direct execution needs a trusted skill of the same site whose template takes the whole goal in one
reading and whose preconditions hold on the page. Of several, the most specific template is meant;
if that leaves several, none is.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..sandbox.base import View
from ..skills.conditions import unmet
from ..skills.library import SkillLibrary
from ..skills.skill import Skill, Status
from ..skills.template import Binding, parse, specificity
from .parts import Parts
from .state import AgentState, Update


async def plan(state: AgentState, parts: Parts) -> Update:
    """Choose how this attempt goes about its goal."""
    if parts.library is None or state.history:
        return {"direct": ""}
    view = await parts.live.view()
    chosen = choose(parts.library, state.goal, state.url, view)
    if chosen is None:
        parts.say("plan", "no mastered skill takes this goal; the model goes step by step")
        return {"direct": ""}
    skill, binding = chosen
    name = f"{skill.name}@{skill.current.version}"
    parts.say("direct", f"executing {name} directly", skill=name, binding=dict(binding))
    return {"direct": name, "binding": dict(binding)}


def choose(library: SkillLibrary, goal: str, url: str, view: View) -> tuple[Skill, Binding] | None:
    """The one trusted skill that takes this goal on this page, with its binding; or None."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    fitting: list[tuple[int, Skill, Binding]] = []
    for skill in library.skills():
        version = skill.current
        if skill.status is not Status.TRUSTED or origin not in version.manifest.origins:
            continue
        binding = parse(version.template, goal)
        if binding is None or unmet(version.manifest.pre, view, binding) is not None:
            continue
        fitting.append((specificity(version.template), skill, binding))
    if not fitting:
        return None
    top = max(score for score, _, _ in fitting)
    best = [(skill, binding) for score, skill, binding in fitting if score == top]
    return best[0] if len(best) == 1 else None
