"""`journeyman skills …`: look at what was learnt, and undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .library import Name, finish, open_library, skill_in, take_workspace
from .options import Workspace
from .plain import plain

if TYPE_CHECKING:
    from ...skills.skill import Skill, TrialReport

app = typer.Typer(
    name="skills",
    help="Look at what was learnt, and undo it.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def common(context: typer.Context, workspace: Workspace = None) -> None:
    """Look at what was learnt, and undo it. Without a command: the list."""
    take_workspace(context, workspace)
    if context.invoked_subcommand is None:
        list_(context)


@app.command("list")
def list_(
    context: typer.Context,
    retired: Annotated[bool, typer.Option("--retired", help="Show retired ones too.")] = False,
    workspace: Workspace = None,
) -> None:
    """Every skill with its template, status and evidence."""
    found = open_library(context, workspace).skills(include_retired=retired)
    from rich.console import Console

    console = Console(highlight=False)
    if not found:
        console.print("No skill has been learnt in this workspace: `journeyman practise` learns.")
        return
    console.print(_table(found))


@app.command("show")
def show(
    context: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option("--version", help="Not the current one.")] = None,
    workspace: Workspace = None,
) -> None:
    """One skill: template, code, conditions, trials, where it comes from."""
    library = open_library(context, workspace)
    skill = skill_in(library, name, version)
    if skill.kind == "adapter":
        from .adapters_show import one

        exam = library.gate_report(name, skill.current.version)
        return one(skill, exam, library.adapter_folder(name, skill.current.version))
    _print(skill, library.trials(name, skill.current.version))


@app.command("rollback")
def rollback(
    context: typer.Context,
    name: Name,
    version: Annotated[int, typer.Argument(help="The version to go back to.")],
    workspace: Workspace = None,
) -> None:
    """Make an earlier version current; a retired skill comes back."""
    library = open_library(context, workspace, read_only=False)
    skill_in(library, name)
    skill = finish(library, library.rollback(name, version))
    print(f"{name} is at version {skill.current.version} ({skill.status})")


@app.command("retire")
def retire(context: typer.Context, name: Name, workspace: Workspace = None) -> None:
    """Take a skill out of service; nothing is deleted."""
    library = open_library(context, workspace, read_only=False)
    skill = skill_in(library, name)
    finish(library, library.retire(name))
    back = f"journeyman skills rollback {name} {skill.current.version}"
    print(f"{name} is retired; it comes back with: {back}")


@app.command("approve")
def approve(context: typer.Context, name: Name, workspace: Workspace = None) -> None:
    """Say that you have looked at a skill's code: a quarantine for exceeding its manifest ends."""
    from ...skills.skill import Evidence

    library = open_library(context, workspace, read_only=False)
    version = skill_in(library, name).current.version
    word = Evidence(name, version, "review", True, reason="approved at the command line")
    finish(library, library.record(word))
    print(f"{name} version {version} is {skill_in(library, name).status}")


@app.command("fsck")
def fsck(
    context: typer.Context,
    mend: Annotated[bool, typer.Option("--mend", help="Put right what can be.")] = False,
    workspace: Workspace = None,
) -> None:
    """Look over the library on disk. The exit status is 1 when something is wrong and stays so."""
    found = open_library(context, workspace, read_only=not mend).fsck(mend)
    for sentence in found:
        print(sentence)
    if not found:
        print("The library is sound.")
    elif not mend:
        print("`journeyman skills fsck --mend` puts right what can be, losing nothing.")
        raise typer.Exit(1)


@app.command("reindex")
def reindex(context: typer.Context, workspace: Workspace = None) -> None:
    """Throw the search index away and make it again from the store."""
    library = open_library(context, workspace, read_only=False)
    finish(library, library.reindex())
    print(f"{len(library.skills())} skills are indexed anew.")


def _table(found: list[Skill]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("skill", "kind", "status", "passed", "goal"):
        table.add_column(title, no_wrap=title in ("kind", "status", "passed"), overflow="fold")
    for skill in found:
        passed = sum(item.success for item in skill.evidence)
        table.add_row(
            Text(skill.credit),
            Text(skill.kind),
            Text(str(skill.status)),
            Text(f"{passed}/{len(skill.evidence)}"),
            Text(plain(skill.current.template.text or skill.current.description)),
        )
    return table


def _print(skill: Skill, trials: TrialReport) -> None:
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.text import Text

    from ..report_html import condition_text

    version = skill.current
    console = Console(highlight=False)
    console.print(Text(f"{skill.name}@{version.version}  {skill.status}", style="bold"))
    console.print(Text(plain(f"{version.description}\n")))
    console.print(Syntax(plain(version.code), "python", background_color="default"))
    slots = ", ".join(f"{slot.name} ({slot.kind})" for slot in version.template.slots)
    for title, text in (
        ("goal", version.template.text),
        ("slots", slots or "none"),
        ("before", "; ".join(map(condition_text, version.manifest.pre)) or "no condition"),
        ("after", "; ".join(map(condition_text, version.manifest.post)) or "no condition"),
        ("may touch", ", ".join((*version.manifest.origins, *version.manifest.primitives))),
        ("comes from", f"{version.how}; trajectories {', '.join(version.sources) or 'none'}"),
        ("versions", ", ".join(map(str, skill.versions))),
        ("trials", f"{trials.passed} of {len(trials.runs)} passed, from a {trials.reset} reset"),
    ):
        console.print(Text.assemble((f"{title:>11}  ", "dim"), plain(text)))
    for run in trials.runs:
        mark = "passed" if run.success and run.called else "failed"
        said = plain(f"{run.goal}  {run.reason}")
        console.print(Text.assemble((f"{mark:>11}  ", "dim"), said))
