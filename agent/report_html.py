"""The report as one HTML file that opens offline: no script, no link out, a strict CSP.

Everything that comes from a page, a model or a task is escaped by the template; the only markup
passed through is the curve's, which escapes its own texts. Screenshots are embedded up to a limit.
"""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..memory.trajectory import Step, Trajectory
from ..skills.skill import Condition, Skill
from .records import ExamRow
from .report_curve import clock, curve_svg
from .report_figures import compare, curve, figures
from .report_findings import Findings

SCREENSHOTS = "screenshots"
MAX_PICTURES = 24_000_000
"""Bytes of screenshots in one report; the rest is named, not shown."""
MAX_TEXT = 4_000
"""Characters of one observation that are shown."""
KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"RIFF": "webp"}


class Pictures:
    """Turns a step's screenshot into a data URI while there is room."""

    def __init__(self, folder: Path, room: int = MAX_PICTURES) -> None:
        self._folder = folder.resolve()
        self._room = room
        self.left_out = 0

    def uri(self, trajectory: Trajectory, step: Step) -> str:
        """A `data:` URI, or nothing when there is no picture or no room."""
        name = step.screenshot or f"{step.number}.jpg"
        for path in (self._folder / trajectory.id / name, self._folder / name):
            # The name comes from a journal that anyone may have written.
            if self._folder in path.resolve().parents and path.is_file():
                return self._embed(path)
        return ""

    def _embed(self, path: Path) -> str:
        content = path.read_bytes()
        kind = next((kind for magic, kind in KINDS.items() if content.startswith(magic)), None)
        if kind is None:
            return ""
        if len(content) > self._room:
            self.left_out += 1
            return ""
        self._room -= len(content)
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A trajectory with the title it has in the report."""

    title: str
    trajectory: Trajectory
    row: ExamRow | None = None


def render(findings: Findings, room: int = MAX_PICTURES) -> str:
    """The whole page."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    web = files(__package__) / "web"
    style = (web / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "thousands": lambda number: f"{number:,}".replace(",", "\u202f"),
        "percent": lambda rate: f"{rate:.0%}".replace("%", "\u202f%"),
        "span": _span,
        "clock": clock,
        "condition": condition_text,
        "short": _short,
    }
    template = environment.from_string((web / "report.html.j2").read_text(encoding="utf-8"))
    points = curve(findings.practice)
    pictures = Pictures(findings.workspace / SCREENSHOTS, room)
    rows = compare(findings.before, findings.after)
    return template.render(
        # Safe: ours, and without `<`; the digest in the CSP is that of these very bytes.
        style=Markup(style),
        digest=digest,
        rows=rows,
        before=figures(findings.before),
        after=figures(findings.after),
        mastered=sum(row.after.mastered for row in rows),
        # Safe: numbers, and texts that curve_svg escapes.
        chart=Markup(curve_svg(points, len(rows))) if findings.practice else "",
        practised=max((row.at for row in findings.practice), default=0.0),
        attempts=sum(row.kind == "attempt" for row in findings.practice),
        learnt=findings.learnt,
        rejected=findings.rejected,
        exam=_exam(findings),
        sources=_sources(findings),
        picture=pictures.uri,
        pictures=pictures,
        model=_models(findings),
        made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    )


def condition_text(condition: Condition) -> str:
    """`present: button "Send", row "Ada"`."""
    locator = dict(condition.locator)
    words = [str(locator.pop("role", "element"))]
    if "name" in locator:
        words[0] += f' "{locator.pop("name")}"'
    words += [f"{key} {value!r}" for key, value in locator.items()]
    return f"{condition.kind}: {', '.join(words)}"


def _exam(findings: Findings) -> list[Shown]:
    shown = []
    for row in findings.after:
        if row.trajectory in findings.trajectories:
            title = f"{row.family}, seed {row.seed}"
            shown.append(Shown(title, findings.trajectories[row.trajectory], row))
    return shown


def _sources(findings: Findings) -> list[Shown]:
    owners: dict[str, list[str]] = {}
    for item in findings.learnt:
        skill: Skill = item.skill
        for source in skill.current.sources:
            owners.setdefault(source, []).append(f"{skill.name}@{skill.current.version}")
    return [
        Shown(", ".join(names), findings.trajectories[source])
        for source, names in owners.items()
        if source in findings.trajectories
    ]


def _models(findings: Findings) -> str:
    """The models that the runs themselves name: today's settings may be others."""
    return ", ".join(sorted({run.model for run in findings.trajectories.values() if run.model}))


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " … (shortened)"


def _span(seconds: float) -> str:
    """`0.04 s`, `3.1 s`, `2:05`."""
    if seconds >= 100:
        return clock(seconds)
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
