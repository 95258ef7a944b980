"""`journeyman adapters …`: weights as skills: train, examine, look at, mix, roll back, hand out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import Refused, adapters_mix, skills
from .demo import SUITE
from .learn import choose
from .library import AsJson, Version, open_library, skill_in, take_workspace
from .options import Families, Model, SuiteName, Workspace, seeds_of, settings_of

if TYPE_CHECKING:
    from ..config import Settings
    from ..suites import Suite

app = typer.Typer(
    name="adapters",
    help="Weights as skills: train, examine, look at, mix, roll back, hand out.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.command("rollback")(skills.rollback)
app.command("mix")(adapters_mix.mix)
Name = Annotated[str, typer.Argument(help="The adapter's name.")]
REHEARSED = 4
"""Tasks of each family that the model tries for rehearsal."""
HELD_OUT, GENERAL = "9000-9019", "9100-9102"


@app.callback()
def common(context: typer.Context, workspace: Workspace = None) -> None:
    """Weights as skills. Without a command: the list."""
    take_workspace(context, workspace)
    if context.invoked_subcommand is None:
        list_(context)


@app.command("train")
def train(
    context: typer.Context,
    name: Name,
    suite: SuiteName = SUITE,
    families: Families = "",
    layers: Annotated[
        int | None, typer.Option("--layers", min=1, help="Upper layers to adapt; all if unsaid.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1)] = 3,
    tasks: Annotated[
        int,
        typer.Option("--tasks", min=0, help="Have skills do so many tasks of each family first."),
    ] = 0,
    rehearse: Annotated[
        str,
        typer.Option(
            "--rehearse",
            metavar="C,D",
            help="Have the model try some tasks of these, not to unlearn.",
        ),
    ] = "",
    device: Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda")] = "auto",
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Train weights on what this workspace solved. Goes on where it was stopped.

    Needs pip install 'journeyman[train]'. Nothing is used before `adapters gate` admits it.

    \b
    Examples:
      journeyman adapters train tabs --families click-tab,click-tab-2 --tasks 30
      journeyman adapters train tabs --families click-tab --rehearse enter-text,login-user
    """
    settings = settings_of(context, model, workspace)
    _named(name)
    source, chosen = choose(suite, families)
    from ...skills.lora.recipe import Recipe
    from ..train import train_adapter
    from .adapters_show import TrainingBar

    known = choose(suite, rehearse)[1] if rehearse else ()
    if tasks or known:
        asyncio.run(_drill(settings, source, chosen, tasks, known))
    with TrainingBar() as bar:
        made, trained = asyncio.run(
            train_adapter(
                settings, name, source.name, chosen, Recipe(layers=layers, epochs=epochs),
                say=bar, tell=bar.tell, device=device,
            )
        )  # fmt: skip
    print(
        f"{made.name}: {trained.steps} steps, {trained.seconds:.0f} s, loss {trained.loss:.3f};"
        f" held out {' '.join(f'{loss:.3f}' for loss in trained.held)}"
    )
    print(f"curve  {trained.curve}\nnext   journeyman adapters gate {made.name}")


async def _drill(
    settings: Settings, source: Suite, families: Sequence[str], tasks: int, known: Sequence[str]
) -> None:
    from ..drill import drill, rehearse
    from ..run import Agent
    from .progress import Progress

    with Progress("tasks to learn from") as progress:
        async with Agent(settings) as agent:
            await drill(agent, source, families, tasks, on_event=progress)
            await rehearse(agent, source, known, REHEARSED, on_event=progress)


@app.command("list")
def list_(
    context: typer.Context,
    refused: Annotated[bool, typer.Option("--refused", help="Those not admitted.")] = False,
    as_json: AsJson = False,
    workspace: Workspace = None,
) -> None:
    """Every adapter with its base, status and evidence."""
    library = open_library(context, workspace)
    from . import adapters_show as show

    if refused:
        kept = library.refused()
        print(json.dumps([asdict(item) for item in kept])) if as_json else show.refused(kept)
        return
    found = [item for item in library.skills(include_retired=True) if item.kind == "adapter"]
    print(json.dumps([show.record(item) for item in found])) if as_json else show.table(found)


@app.command("show")
def show(
    context: typer.Context,
    name: Name,
    version: Version = None,
    as_json: AsJson = False,
    workspace: Workspace = None,
) -> None:
    """One adapter: what it is for, its exam, where it comes from."""
    library = open_library(context, workspace)
    skill = skill_in(library, name, version, "adapter")
    report = library.gate_report(name, skill.current.version)
    from . import adapters_show as show

    if as_json:
        print(json.dumps({**show.record(skill), "exam": asdict(report)}))
    else:
        show.one(skill, report, library.adapter_folder(name, skill.current.version))


@app.command("gate")
def gate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A trained adapter, or a folder that PEFT saved.")],
    suite: SuiteName = SUITE,
    families: Families = "",
    seeds: Annotated[str, typer.Option("--seeds", metavar="A-B", help="Held out.")] = HELD_OUT,
    general: Annotated[
        str, typer.Option("--general", metavar="A,B", help="The general suite; all if unsaid.")
    ] = "",
    general_seeds: Annotated[str, typer.Option("--general-seeds", metavar="A-B")] = GENERAL,
    replaces: Annotated[
        int | None, typer.Option("--replaces", help="The version of that name it replaces.")
    ] = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Examine an adapter, and admit it or keep why not. The exit status is 1 when it is refused.

    \b
    Examples:
      journeyman adapters gate tabs
      journeyman adapters gate ./my-adapter --families click-tab-2 --seeds 9000-9009
    """
    settings = settings_of(context, model, workspace)
    held_out, others = seeds_of(seeds), seeds_of(general_seeds)
    from .adapters_gate import gate as job

    trained = settings.workspace / "adapters" / name
    folder = trained if "/" not in name and trained.is_dir() else Path(name)
    if not folder.is_dir():
        raise Refused(f"there is no trained adapter and no folder {name}: `adapters train` first")
    raise typer.Exit(job(settings, folder, suite, families, held_out, general, others, replaces))


@app.command("export")
def export(
    context: typer.Context,
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    version: Version = None,
    workspace: Workspace = None,
) -> None:
    """Hand out an adapter as PEFT, vLLM and llama.cpp read it."""
    library = open_library(context, workspace)
    skill = skill_in(library, name, version, "adapter")
    if out.exists():
        raise Refused(f"{out} is there already: name a new folder, so nothing is lost")
    import shutil

    shutil.copytree(library.adapter_folder(name, skill.current.version), out)
    print(out)


def _named(name: str) -> None:
    from ...skills.naming import name_problems

    for problem in name_problems(name):
        raise Refused(problem)
