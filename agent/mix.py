"""Which adapters a run is done with: what its caller names, else what routing finds, or none."""

from __future__ import annotations

from pathlib import Path

from ..skills import SkillError
from ..skills.library import SkillLibrary
from ..skills.lora.route import route
from ..skills.manifest import origin
from ..skills.skill import Skill
from . import ModelError
from .model import Adaptable
from .parts import Parts


async def mix_for(goal: str, url: str, parts: Parts) -> dict[str, float]:
    """`name@version` of each adapter with its scale. Fixed for the run: another mix would have the
    model read its prompt again. An adapter that cannot be served is left out, and said."""
    if parts.mix is not None:
        return dict(parts.mix)
    model, library = parts.model, parts.library
    if library is None or not isinstance(model, Adaptable) or not library.adapters():
        return {}
    base = await model.base()
    choice = await route(library, goal, base, origin(url))
    if choice is None:
        return {}
    credit = choice.skill.credit
    try:
        await serve(model, library, [choice.skill], library.adapters(base))
    except (ModelError, SkillError) as error:
        parts.say("recall", f"the adapter {credit} is left out: {error}")
        return {}
    assert choice.skill.current.adapter is not None
    parts.say("recall", f"with the adapter {credit}", likeness=round(choice.likeness, 3))
    return {credit: choice.skill.current.adapter.scale}


async def serve(
    model: Adaptable, library: SkillLibrary, wanted: list[Skill], more: list[Skill]
) -> None:
    """Have adapters of the library at hand: the wanted ones, and `more` in the same go.

    A server takes no further adapter once it runs, so all are loaded at once; one of `more` that
    cannot be does not keep the wanted from being served. Raises ModelError, SkillError.
    """
    try:
        await model.serve(_paths(library, [*wanted, *more]))
    except (ModelError, SkillError):
        await model.serve(_paths(library, wanted))


def _paths(library: SkillLibrary, skills: list[Skill]) -> dict[str, Path]:
    return {
        skill.credit: library.adapter_folder(skill.name, skill.current.version) / "adapter.gguf"
        for skill in skills
    }
