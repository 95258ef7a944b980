"""recall: what is known that may help. It may find that nothing is needed."""

from __future__ import annotations

from .parts import Parts
from .state import AgentState, Update

SKILLS_IN_VIEW = 2
"""Skills a prompt shows at most; more distract a small model."""
NEAR = 0.6
"""Similarity from which a skill is worth showing."""


async def recall(state: AgentState, parts: Parts) -> Update:
    """Begin the attempt, then look up lessons and skills for its goal."""
    trajectory = await parts.begin()
    update: Update = {"trajectory": trajectory}
    parts.say("start", state.goal, trajectory=trajectory, url=state.url)
    if parts.lessons is not None:
        found = await parts.lessons.find(state.goal, 2)
        update["lessons"] = [lesson.text for lesson in found]
    if parts.library is not None and parts.library.skills():
        ranked = await parts.library.ranked(state.goal, SKILLS_IN_VIEW)
        update["skills"] = [skill.name for skill, score in ranked if score >= NEAR]
    known = [*update.get("skills", []), *update.get("lessons", [])]
    if known:
        parts.say("recall", f"recalled {', '.join(known)}")
    return update
