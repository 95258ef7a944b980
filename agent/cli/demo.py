"""`journeyman demo`: the main job from end to end, on the families the demo shows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from .options import Model, Workspace, settings_of

SUITE = "miniwob"
FAMILIES = (
    "click-button",
    "click-tab-2",
    "click-option",
    "click-checkboxes",
    "click-collapsible-2",
    "enter-text",
    "login-user",
    "login-user-popup",
    "choose-list",
    "search-engine",
    "email-inbox-delete",
    "use-autocomplete",
)
QUICK = ("click-checkboxes", "enter-text")
EXAM_SEEDS = (10_000, 10_001, 10_002)
SECONDS, QUICK_SECONDS = 1200.0, 60.0
FOLDER = Path("demo-workspace")
QUICK_FOLDER = FOLDER / "quick"  # a workspace holds one job: the two must not meet


def demo(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Two families, one minute.")] = False,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Watch it learn: exam, practice, exam.

    Twelve kinds of web task, 20 minutes of practice, the embedded model, no key.
    Stop it with Ctrl-C at any moment; run again, it goes on.

    \b
    Examples:
      journeyman demo --quick
      journeyman demo --workspace /tmp/demo
    """
    from ..distill import distill
    from ..suites import open_suite
    from .progress import Progress
    from .show import print_report

    settings = settings_of(context, model, workspace, default=QUICK_FOLDER if quick else FOLDER)
    families = QUICK if quick else FAMILIES
    with Progress() as progress:
        asyncio.run(
            distill(
                settings,
                open_suite(SUITE),
                families,
                exam_seeds=EXAM_SEEDS,
                practice_seconds=QUICK_SECONDS if quick else SECONDS,
                workspace=settings.workspace,
                on_event=progress,
            )
        )
    print_report(settings.workspace)
