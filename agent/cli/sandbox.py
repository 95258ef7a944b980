"""`journeyman sandbox …`: what learnt code runs in, and what isolates it on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from .options import settings_of

if TYPE_CHECKING:
    from rich.table import Table

    from ...sandbox.doctor import Finding
    from ..config import Settings

app = typer.Typer(
    name="sandbox",
    help="What learnt code runs in.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def common() -> None:
    """What learnt code runs in."""


@app.command("doctor")
def doctor(context: typer.Context) -> None:
    """Try each way to isolate code, and say what holds what. Status 1 where code cannot be run.

    \b
    Examples:
      journeyman sandbox doctor
      JOURNEYMAN_SANDBOX__BACKEND=landlock journeyman sandbox doctor
    """
    from ...sandbox.choice import candidates

    settings = settings_of(context)
    found = asyncio.run(_look(settings))
    wanted = candidates(settings.sandbox.backend)
    used = [finding.backend for finding in found if finding.works and finding.backend in wanted]
    from rich.console import Console

    console = Console(highlight=False)
    for finding in found:
        if not finding.works:
            console.print(f"{finding.backend}: {finding.refusal}.", markup=False, soft_wrap=True)
    asked = f"sandbox.backend is {settings.sandbox.backend}"
    if used:
        console.print(f"{asked}: code runs in {used[0]}.", markup=False)
        return
    weaker = [finding.backend for finding in found if finding.works]
    console.print(f"{asked}, and no code is run: {_advice(weaker)}.", markup=False, soft_wrap=True)
    raise typer.Exit(1)


@app.command("build")
def build() -> None:
    """Build the image of the container sandbox from Debian's packages.

    Needs a container engine and apt-get; no image registry. About ten seconds.

    \b
    Examples:
      journeyman sandbox build
    """
    from rich.console import Console

    from ...sandbox import image

    console = Console(stderr=True, highlight=False)
    begun = time.monotonic()
    with console.status("starting") as status:

        def tell(step: str) -> None:
            status.update(step)
            if not console.is_terminal:
                console.print(step, markup=False)

        size = image.build(tell)
    print(f"{image.tag()}: {size / 1e6:.0f} MB, built in {time.monotonic() - begun:.1f} s")


async def _look(settings: Settings) -> list[Finding]:
    """Print what there is, and give what was found of each backend."""
    from rich.console import Console

    from ...sandbox.doctor import BACKENDS, examine, machine

    console = Console(highlight=False)
    limits = settings.sandbox.limits()
    # One after the other: each is to be seen alone.
    found = [await examine(backend, limits) for backend in BACKENDS]
    console.print(_table(found))
    executable = settings.browser.executable
    for fact in await machine(str(executable) if executable else None):
        console.print(f"{fact.what}: {fact.said}", markup=False, soft_wrap=True)
    return found


def _table(found: list[Finding]) -> Table:
    """A column for each backend: what holds what, then what its canary reached."""
    from rich.table import Table

    from ...sandbox.doctor import WHAT

    table = Table("", *(finding.backend for finding in found))
    table.add_row("works", *("yes" if finding.works else "no" for finding in found))
    for what in WHAT:
        table.add_row(what, *(finding.by.get(what, "-") for finding in found))
    table.add_section()
    tried = next((finding.report.tries for finding in found if finding.report), ())
    for number, attempt in enumerate(tried):
        table.add_row(attempt.what, *(_outcome(finding, number) for finding in found))
    return table


def _outcome(finding: Finding, number: int) -> str:
    """How one try went, in words."""
    if finding.report is None:
        return "-"
    attempt = finding.report.tries[number]
    if not attempt.got:
        return "could not"
    return "could" if attempt.claimed else "could, and is not said to be held"


def _advice(weaker: Sequence[str]) -> str:
    if weaker:
        return f"{' and '.join(weaker)} would work, if asked for by sandbox.backend"
    return "apt-get install bubblewrap, or see above"
