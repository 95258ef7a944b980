"""`journeyman adapters mix`: tasks done with a mix, the mix that suits tasks, the mix as a file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import Refused
from .demo import SUITE
from .learn import choose
from .library import open_library, skill_in
from .options import Families, Model, SuiteName, Workspace, seeds_of, settings_of
from .plain import plain

if TYPE_CHECKING:
    from ..config import Settings

SEEDS = "9100-9102"


def mix(
    context: typer.Context,
    parts: Annotated[list[str], typer.Argument(metavar="NAME=SCALE...", help="a=0.7 b=0.3")],
    suite: SuiteName = SUITE,
    families: Families = "",
    seeds: Annotated[str, typer.Option("--seeds", metavar="A-B")] = SEEDS,
    choosing: Annotated[
        bool,
        typer.Option(
            "--choose", help="Choose the scales, by the loss on what was solved of these."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write the exact mix instead.")
    ] = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Tasks done with a mix of adapters, beside each alone and the base; or the mix as one adapter.

    \b
    Examples:
      journeyman adapters mix tabs=0.5 forms=0.5 --families login-user,click-tab-2
      journeyman adapters mix tabs forms --choose --families login-user,click-tab-2
      journeyman adapters mix tabs=0.5 forms=0.5 --out both
    """
    settings = settings_of(context, model, workspace)
    if out is not None and out.exists():
        raise Refused(f"{out} is there already: --out names a new folder, so nothing is lost")
    if choosing and not families:
        raise Refused("say with --families which tasks the scales of --choose are to suit")
    library = open_library(context, workspace)
    skills = {skill_in(library, name, None, "adapter"): scale for name, scale in map(_part, parts)}
    scales = {skill.credit: scale for skill, scale in skills.items()}
    folders = [library.adapter_folder(one.name, one.current.version) for one in skills]
    if choosing:
        scales = _chosen(settings, suite, families, list(scales), folders)
    if out is not None:
        _write(settings, folders, list(scales.values()), out)
    else:
        _side_by_side(settings, suite, families, seeds_of(seeds), scales)


def _side_by_side(
    settings: Settings, suite: str, families: str, seeds: Sequence[int], mix: Mapping[str, float]
) -> None:
    """Do tasks with a mix, beside each part alone and the base, and show how many were solved."""
    from ..events import Event
    from . import adapters_show as show
    from .progress import Progress

    source, chosen = choose(suite, families)
    places = [(family, seed) for family in chosen for seed in seeds]

    async def work(progress: Progress) -> dict[str, dict[str, bool]]:
        from ..adapters import side_by_side
        from .adapters_gate import examiner

        def say(text: str) -> None:
            progress(Event("progress", text, {}))

        async with examiner(settings, "mix") as agent:
            found = await side_by_side(agent, source, places, mix, say)
        return {label: dict(outcomes) for label, outcomes in found.items()}

    with Progress("the mix") as progress:
        arms = asyncio.run(work(progress))
    show.arms(arms)


def _chosen(
    settings: Settings, suite: str, families: str, credits: Sequence[str], folders: Sequence[Path]
) -> dict[str, float]:
    """The scales that suit what the workspace solved of some families, shown with their loss."""
    from ..strengths import strengths

    _, chosen = choose(suite, families)
    found = asyncio.run(strengths(settings, folders, chosen, tell=print))
    scales = dict(zip(credits, found.scales, strict=True))
    words = " + ".join(f"{scale:g} {credit}" for credit, scale in scales.items())
    print(f"{words}: loss {found.loss:.4f}, without {found.base:.4f}")
    return scales


def _write(settings: Settings, folders: Sequence[Path], scales: Sequence[float], out: Path) -> None:
    """Write the exact mix as an adapter of its own, with the form that llama.cpp reads."""
    from ...skills.adapter import CONFIG
    from ...skills.lora import AdapterBroken
    from ...skills.lora.compose import compose
    from ..train import looked_over, shape_of

    compose(folders, scales, out)
    rank = int(json.loads((out / CONFIG).read_text(encoding="utf-8"))["r"])
    flaws = looked_over(out, shape_of(settings), rank)
    if flaws:
        raise AdapterBroken(out, flaws)
    print(out)


def _part(text: str) -> tuple[str, float]:
    match = re.fullmatch(r"([a-z0-9-]+)(?:=(-?\d+(?:\.\d+)?))?", text)
    if match is None:
        raise Refused(f"{plain(text)!r}: a part of a mix is NAME=SCALE, such as tabs=0.5")
    return match[1], float(match[2] or 1.0)
