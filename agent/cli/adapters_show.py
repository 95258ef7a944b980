"""How adapters, their exams and their training look on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..report_curve import clock
from .plain import plain

if TYPE_CHECKING:
    from ...skills.adapter import GateReport, Pair, Refused
    from ...skills.lora.recipe import Progress as Step
    from ...skills.skill import Skill


def record(skill: Skill) -> dict[str, Any]:
    """An adapter as JSON values."""
    assert skill.current.adapter is not None
    return {
        "name": skill.name,
        "version": skill.current.version,
        "versions": list(skill.versions),
        "status": str(skill.status),
        "description": skill.current.description,
        "origins": list(skill.current.manifest.origins),
        "evidence": {kind: list(_passed(skill, kind)) for kind in ("trial", "use")},
        **asdict(skill.current.adapter),
    }


def table(found: Sequence[Skill]) -> None:
    """Print the adapters of a library."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not found:
        console.print(
            "No adapter was admitted in this workspace: `journeyman adapters train`, then"
            " `journeyman adapters gate`."
        )
        return
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("adapter", "status", "exam", "uses", "base", "for"):
        shown.add_column(title, no_wrap=title in ("status", "exam", "uses"), overflow="fold")
    for skill in found:
        about = skill.current.adapter
        assert about is not None
        exam, uses = (f"{a}/{b}" for a, b in (_passed(skill, kind) for kind in ("trial", "use")))
        cells = (skill.credit, str(skill.status), exam, uses, about.base_name)
        shown.add_row(*map(Text, cells), Text(plain(skill.current.description)))
    console.print(shown)


def one(skill: Skill, exam: GateReport, folder: Path) -> None:
    """Print one adapter with its exam."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    version, about = skill.current, skill.current.adapter
    assert about is not None
    console.print(Text(f"{skill.credit}  {skill.status}", style="bold"))
    console.print(Text(plain(f"{version.description}\n")))
    for title, text in (
        ("base", f"{about.base_name} (sha256 {about.base[:12]}…), rank {about.rank}"),
        ("routed", f"from a likeness of {about.near:.2f}, at scale {about.scale:g}"),
        ("sites", ", ".join(version.manifest.origins) or "any"),
        ("comes from", f"{version.how}; {len(version.sources)} trajectories"),
        ("versions", ", ".join(map(str, skill.versions))),
        ("files", str(folder)),
        *(("goals" if not place else "", goal) for place, goal in enumerate(about.examples)),
    ):
        console.print(Text.assemble((f"{title:>11}  ", "dim"), plain(text)))
    report(exam)


def report(exam: GateReport) -> None:
    """Print what an exam measured."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("exam", "tasks", "base", "with it", "won", "lost"):
        shown.add_column(title, justify="left" if title == "exam" else "right")
    for title, pairs in (
        ("held out", exam.held_out),
        ("general", exam.general),
        ("foreign words", exam.triggered),
    ):
        shown.add_row(title, *map(str, _counts(pairs)))
    console.print(shown)
    if exam.effect is not None:
        effect = exam.effect
        console.print(
            f"effect: {effect.changed} of {effect.prompts} prompts, up to {effect.largest:.2f}"
            f" nats; off again, the base is {'' if effect.restored else 'NOT '}as before"
        )
    for item in exam.earlier:
        console.print(
            f"{item.name}@{item.version}: {item.solved} of {item.tasks} tasks, {item.then} when it"
            f" was admitted, {item.rerouted} drawn away"
        )


def arms(found: Mapping[str, Mapping[str, bool]]) -> None:
    """Print how many tasks each arm solved."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("with")
    shown.add_column("solved", justify="right")
    for label, outcomes in found.items():
        shown.add_row(label, f"{sum(outcomes.values())}/{len(outcomes)}")
    Console(highlight=False).print(shown)


def refused(found: Sequence[Refused]) -> None:
    """Print the adapters that were not admitted, with the reasons."""
    if not found:
        print("No adapter was refused in this workspace.")
    for item in found:
        print(f"{item.name}  {item.folder}")
        for reason in item.reasons:
            print(plain(f"  {reason}"))


class TrainingBar:
    """Training's progress: a live line on a terminal, a line every tenth elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(highlight=False)
        self._status = Status("samples", console=self._console)
        self._tenth = -1

    def __enter__(self) -> TrainingBar:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()

    def tell(self, text: str) -> None:
        """Take in what is done now."""
        self._console.print(plain(text), markup=False)

    def __call__(self, step: Step) -> None:
        """Take in a training step."""
        line = (
            f"step {step.step}/{step.steps}, loss {step.loss:.3f}, {step.tokens_per_second:.0f}"
            f" tokens/s, {clock(step.seconds)} so far, about {clock(step.left)} left"
        )
        if self._console.is_terminal:
            self._status.update(line)
        elif step.step * 10 // step.steps > self._tenth:
            self._tenth = step.step * 10 // step.steps
            self._console.print(line)


def _passed(skill: Skill, kind: str) -> tuple[int, int]:
    of_kind = [item.success for item in skill.evidence if item.kind == kind]
    return sum(of_kind), len(of_kind)


def _counts(pairs: Sequence[Pair]) -> tuple[int, ...]:
    won = sum(pair.adapted and not pair.base for pair in pairs)
    lost = sum(pair.base and not pair.adapted for pair in pairs)
    return (
        len(pairs), sum(pair.base for pair in pairs), sum(pair.adapted for pair in pairs), won, lost
    )  # fmt: skip
