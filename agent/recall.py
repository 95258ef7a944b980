"""recall: what is known that may help. It may find that nothing is needed."""

from __future__ import annotations

from ..skills.library import SkillLibrary
from ..skills.manifest import origin
from ..skills.skill import Skill, Status
from ..skills.template import Binding, parse
from .mix import mix_for
from .parts import Parts
from .state import AgentState, Update

SKILLS_IN_VIEW = 2
"""Skills a prompt shows at most; more distract a small model."""
NEAR = 0.6
"""Similarity from which a skill is worth showing beside a page's own elements."""
NEAR_FILES = 0.35
"""The same for a function that a program on files may call: part of its work is enough."""
RANKED = 12
"""Skills looked at for those of this site."""


async def recall(state: AgentState, parts: Parts) -> Update:
    """Begin the attempt. Where a mastered skill takes the whole goal nothing more is needed."""
    trajectory = await parts.begin()
    parts.say("start", state.goal, trajectory=trajectory, url=state.url)
    if parts.task.reset != "full":
        parts.say("plan", "this start cannot be reset: what is done stays done")
    if parts.library is not None and takers(parts.library, state.goal, state.url):
        return {"trajectory": trajectory}
    return {"trajectory": trajectory, **await look_up(state, parts)}


async def look_up(state: AgentState, parts: Parts) -> Update:
    """Find lessons, skills and adapters for the goal."""
    lessons: list[str] = []
    skills: list[str] = []
    if parts.lessons is not None:
        lessons = [lesson.text for lesson in await parts.lessons.find(state.goal, 2)]
    if parts.library is not None:
        here = origin(state.url)
        near = NEAR_FILES if here.startswith("files:") else NEAR
        ranked = await parts.library.ranked(state.goal, RANKED)
        skills = [
            skill.name
            for skill, score in ranked
            if score >= near and here in skill.current.manifest.origins
        ][:SKILLS_IN_VIEW]
    if skills or lessons:
        parts.say("recall", f"recalled {', '.join([*skills, *lessons])}")
    mix = state.mix or await mix_for(state.goal, state.url, parts)
    return {"lessons": lessons, "skills": skills, "mix": mix}


def takers(library: SkillLibrary, goal: str, url: str) -> list[tuple[Skill, Binding]]:
    """The trusted skills of this site whose template takes the whole goal, with their bindings."""
    here = origin(url)
    found = []
    for skill in library.skills():
        if skill.status is not Status.TRUSTED or here not in skill.current.manifest.origins:
            continue
        if skill.kind != "program":
            continue
        binding = parse(skill.current.template, goal)
        if binding is not None:
            found.append((skill, binding))
    return found
