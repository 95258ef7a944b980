"""What `journeyman adapters gate` does: an exam with progress, and its table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...skills import NotAdmitted
from ...skills.adapter import CONFIG, AdapterCandidate, GateReport
from ...skills.manifest import origin
from ..events import Event
from ..made import MADE, Made, candidate_of, load, some_goals
from . import Refused
from . import adapters_show as show
from .learn import choose
from .progress import Progress

if TYPE_CHECKING:
    from ...skills.skill import SkillVersion
    from ..config import Settings
    from ..run import Agent
    from ..suites import Suite

ADMITTED, REFUSED = 0, 1
GOALS = 12
"""Practice goals read, for the routing of a folder from elsewhere."""


def gate(
    settings: Settings,
    folder: Path,
    suite: str,
    families: str,
    seeds: Sequence[int],
    general: str,
    general_seeds: Sequence[int],
    replaces: int | None,
) -> int:
    """Examine what a folder holds and admit or refuse it; returns the exit status."""
    with Progress("the adapter's exam") as progress:
        candidate, report, version, reasons = asyncio.run(
            _gate(
                settings, folder, suite, families, seeds, general, general_seeds, replaces, progress
            )
        )
    show.report(report)
    if version is not None:
        print(f"{version.name}@{version.version} is admitted, and found by the agent from now on")
        return ADMITTED
    print(f"{candidate.name} is refused and kept in {settings.workspace / 'library' / 'refused'}:")
    for reason in reasons:
        print(f"  {reason}")
    return REFUSED


async def _gate(
    settings: Settings,
    folder: Path,
    suite: str,
    families: str,
    seeds: Sequence[int],
    general: str,
    general_seeds: Sequence[int],
    replaces: int | None,
    progress: Progress,
) -> tuple[AdapterCandidate, GateReport, SkillVersion | None, list[str]]:
    from ...skills.library import SkillLibrary
    from ..adapters import Ground, admit_or_refuse, candidate_exam
    from ..train import looked_over, shape_of

    note = (folder / MADE).is_file()
    adapter = folder / "adapter" if note else folder
    async with examiner(settings, f"gate-{folder.name}") as agent:
        if note:
            made = load(folder)
            source, chosen = choose(made.suite, families or ",".join(made.families))
        else:
            source, chosen = choose(suite, families)
            if not families:
                raise Refused(f"say with --families what the adapter in {folder} is for")
            made = await _found(agent, settings, folder, source, chosen)
        _, everything = choose(source.name, general)
        _say(progress, "the adapter's files")
        shape = await asyncio.to_thread(shape_of, settings)
        rank = json.loads((adapter / CONFIG).read_text(encoding="utf-8")).get("r", 0)
        flaws = await asyncio.to_thread(looked_over, adapter, shape, rank)
        candidate = candidate_of(made, adapter, replaces)
        ground = Ground(
            source,
            [(family, seed) for family in chosen for seed in seeds],
            [(family, seed) for family in everything for seed in general_seeds],
        )
        candidate, report = await candidate_exam(
            agent,
            ground,
            candidate,
            weights=flaws,
            trained=made.trained,
            say=lambda text: _say(progress, text),
        )
    library = SkillLibrary.open(settings.workspace / "library")
    try:
        return candidate, report, await admit_or_refuse(library, candidate, report), []
    except NotAdmitted as refused:
        return candidate, report, None, refused.reasons
    finally:
        await library.close()


def examiner(settings: Settings, name: str) -> Agent:
    """An agent that only reads the workspace, with a journal of its own."""
    from ..run import Agent

    journal = settings.workspace / "exams" / f"journal-{name}.sqlite"
    return Agent(settings, read_only=True, journal_path=journal)


async def _found(
    agent: Agent, settings: Settings, folder: Path, source: Suite, families: Sequence[str]
) -> Made:
    """What is known of a folder from elsewhere: what the person says it is for."""
    from ..train import base_file

    _, digest = await asyncio.to_thread(base_file, settings)
    each = max(1, GOALS // len(families))
    tasks = [await agent.task(source, family, seed) for family in families for seed in range(each)]
    return Made(
        name=folder.resolve().name.lower().replace("_", "-"),
        description=f"Weights for {', '.join(families)} of {source.name}, from {folder.name}.",
        suite=source.name,
        families=tuple(families),
        base=digest,
        base_name=settings.model.name,
        examples=some_goals([task.goal for task in tasks]),
        origins=tuple(sorted({origin(task.url) for task in tasks})),
    )


def _say(progress: Progress, text: str) -> None:
    progress(Event("progress", text, {}))
