"""The library that a command looks into or changes, and the skill that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ...skills import SkillNotFound
from .options import Common, near, settings_of

if TYPE_CHECKING:
    from ...skills.adapter import Kind
    from ...skills.library import SkillLibrary
    from ...skills.skill import Skill

T = TypeVar("T")

Name = Annotated[str, typer.Argument(help="The skill's name.")]
Version = Annotated[int | None, typer.Option("--version", help="Not the current one.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def take_workspace(context: typer.Context, workspace: Path | None) -> None:
    """Remember a --workspace that stands before the command's name."""
    if workspace is not None:
        context.obj = replace(context.find_object(Common) or Common(), workspace=workspace)


def open_library(
    context: typer.Context, workspace: Path | None, read_only: bool = True
) -> SkillLibrary:
    """The workspace's library, with the gates of the settings."""
    from ...skills.library import SkillLibrary

    settings = settings_of(context, workspace=workspace)
    gates = settings.gates.gates()
    return SkillLibrary.open(settings.workspace / "library", read_only=read_only, gates=gates)


def skill_in(
    library: SkillLibrary, name: str, version: int | None = None, kind: Kind | None = None
) -> Skill:
    """The skill of that name, or a refusal that names what is near. Raises SkillNotFound."""
    named(library, name, kind)
    return library.get(name, version)


def named(library: SkillLibrary, name: str, kind: Kind | None = None) -> Skill:
    """The same as it stands, even where its files are not as they were. Raises SkillNotFound."""
    found = library.skills(include_retired=True)
    known = {skill.name: skill for skill in found if kind is None or skill.kind == kind}
    if name not in known:
        what, nothing = ("adapter", "none was admitted") if kind == "adapter" else (
            "skill", "nothing has been learnt")  # fmt: skip
        where = f": {nothing} in {library.store.root.parent} yet"
        raise SkillNotFound(near(name, list(known), what) + ("" if known else where))
    return known[name]


def finish(library: SkillLibrary, work: Coroutine[Any, Any, T]) -> T:
    """Do one piece of work on a library that is then closed."""

    async def closing() -> T:
        try:
            return await work
        finally:
            await library.close()

    return asyncio.run(closing())
