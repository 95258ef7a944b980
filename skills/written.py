"""Candidates from programs on files: what a model wrote to solve one task, as a function."""

from __future__ import annotations

from collections.abc import Sequence

from ..memory.trajectory import Trajectory
from .candidates import name_for
from .check import check
from .lift import lifted
from .manifest import Tools, imported, origin
from .skill import Candidate, Manifest, Template
from .template import parse
from .trial import Arena


def of_files(trajectory: Trajectory) -> bool:
    """Whether the attempt was programs on files, rather than calls on a page."""
    return origin(trajectory.task.url).startswith("files:")


async def written(
    template: Template, group: Sequence[Trajectory], arena: Arena, tools: Tools
) -> list[Candidate]:
    """Functions made of what solved the tasks of a group, newest first."""
    found: dict[str, Candidate] = {}
    for trajectory in reversed(group):
        binding = parse(template, trajectory.task.goal)
        source = await needed(trajectory, arena, tools)
        if binding is None or source is None:
            continue
        name = name_for(template)
        goal = template.text.replace("{{", "{").replace("}}", "}")
        for code in lifted(source, name, template, binding):
            candidate = Candidate(
                name=name,
                description=f"Use when the goal reads: {goal}"[:1024],
                template=template,
                code=code,
                manifest=_manifest(trajectory, code),
                sources=(trajectory.id,),
                constructs=("lift", *(("call",) if imported(code) else ())),
            )
            if not check(candidate):
                found.setdefault(candidate.digest, candidate)
    return list(found.values())


async def needed(trajectory: Trajectory, arena: Arena, tools: Tools) -> str | None:
    """The shortest ending of an attempt's programs that solves its task from the start again."""
    programs = [step.action for step in trajectory.steps if not step.error]
    for first in reversed(range(len(programs))):
        source = "\n".join(programs[first:])
        async with arena.open(trajectory.task) as episode:
            result = await episode.run(source, tools(_manifest(trajectory, source)))
            if result.ok and (await episode.verdict()).success:
                return source
    return None


def _manifest(trajectory: Trajectory, code: str) -> Manifest:
    """Files of the task's site, no page, and the skills that the code imports."""
    tools = tuple(name.replace("_", "-") for name in imported(code))
    return Manifest((origin(trajectory.task.url),), (), tools=tools, data="public")
