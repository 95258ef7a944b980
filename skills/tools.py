"""A skill's tools: the sources of the skills it may import, and of those they may import."""

from __future__ import annotations

from collections.abc import Mapping

from . import SkillNotFound
from .library import SERVED, SkillLibrary
from .manifest import Tools
from .skill import Manifest, function_name


def tools_of(library: SkillLibrary) -> Tools:
    """Looks tools up in a library, at their current versions.

    What it returns raises SkillNotFound for a tool that is not in service, and LibraryCorrupt.
    """

    def tools(manifest: Manifest) -> Mapping[str, str]:
        found: dict[str, str] = {}
        wanted = list(manifest.tools)
        while wanted:
            name = wanted.pop()
            if function_name(name) in found:
                continue
            skill = library.get(name)
            if skill.status not in SERVED:
                raise SkillNotFound(f"the skill {name} is {skill.status} and cannot be called")
            if skill.kind != "program":
                raise SkillNotFound(f"the skill {name} is an adapter and cannot be called")
            found[function_name(name)] = skill.current.code
            wanted += skill.current.manifest.tools
        return found

    return tools
