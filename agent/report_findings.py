"""What a report tells, gathered from a workspace: rows, skills with their trials, trajectories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..memory import MemoryFault
from ..memory.trajectory import Trajectory
from ..skills import SkillError
from ..skills.adapter import GateReport
from ..skills.records import Rejected
from ..skills.skill import Skill, SkillVersion, TrialReport
from .records import ExamRow, PracticeRow
from .report_figures import first_rows

if TYPE_CHECKING:
    from ..memory.journal import Journal
    from ..skills.library import SkillLibrary

EXAM_KEYS = ("family", "seed", "success", "model_calls", "tokens", "seconds")


@dataclass(frozen=True, slots=True)
class Learnt:
    """A skill with what admitted it and how it did in the exam."""

    skill: Skill
    trials: TrialReport | None
    uses: int = 0
    """Exam tasks it was executed for directly."""
    solved: int = 0
    """Of those, the ones that succeeded."""
    gate: GateReport | None = None
    """Of an adapter: the exam that admitted it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything one report shows."""

    workspace: Path
    before: tuple[ExamRow, ...] = ()
    after: tuple[ExamRow, ...] = ()
    practice: tuple[PracticeRow, ...] = ()
    learnt: tuple[Learnt, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    trajectories: dict[str, Trajectory] = field(default_factory=dict)
    """By id: those of the exam after, and those that skills came from."""
    settings: dict[str, Any] = field(default_factory=dict)


async def gather(
    workspace: Path,
    *,
    before: Sequence[ExamRow],
    after: Sequence[ExamRow],
    library: SkillLibrary,
    journals: Sequence[Journal],
    practice: Sequence[PracticeRow],
    settings: dict[str, Any],
) -> Findings:
    """Read what the rows name. A trajectory that no journal holds is left out."""
    exam = first_rows(after)
    learnt = tuple(_learnt(skill, library, exam) for skill in library.skills(include_retired=True))
    wanted = [row.trajectory for row in exam]
    wanted += [source for item in learnt for source in item.skill.current.sources]
    return Findings(
        workspace=workspace,
        before=tuple(first_rows(before)),
        after=tuple(exam),
        practice=tuple(practice),
        learnt=learnt,
        rejected=tuple(library.rejected()),
        trajectories=await _trajectories(dict.fromkeys(filter(None, wanted)), journals),
        settings=settings,
    )


def as_json(findings: Findings) -> dict[str, Any]:
    """The report as JSON values: what `report.json` holds."""
    return {
        "exam": {"before": _exam(findings.before), "after": _exam(findings.after)},
        "skills": [_skill(item) for item in findings.learnt],
        "rejected": [
            {
                "name": item.candidate.name,
                "template": item.candidate.template.text,
                "how": item.candidate.how,
                "constructs": list(item.candidate.constructs),
                "reasons": list(item.reasons),
                "code": item.candidate.code,
                "sources": list(item.candidate.sources),
                "trials": asdict(item.report) if item.report else None,
            }
            for item in findings.rejected
        ],
        "practice": [asdict(row) for row in findings.practice],
        "settings": findings.settings,
    }


def _learnt(skill: Skill, library: SkillLibrary, exam: Sequence[ExamRow]) -> Learnt:
    used = [row for row in exam if row.direct == skill.credit]
    gate = trials = None
    try:
        if skill.kind == "adapter":
            gate = library.gate_report(skill.name, skill.current.version)
        else:
            trials = library.trials(skill.name, skill.current.version)
    except SkillError:
        # A folder that was edited by hand is quarantined; the report still shows the rest.
        pass
    return Learnt(skill, trials, len(used), sum(row.success for row in used), gate)


async def _trajectories(
    wanted: Iterable[str], journals: Sequence[Journal]
) -> dict[str, Trajectory]:
    found: dict[str, Trajectory] = {}
    for name in wanted:
        for journal in journals:
            try:
                found[name] = await journal.get(name)
                break
            except MemoryFault:
                continue
    return found


def _exam(rows: Sequence[ExamRow]) -> list[dict[str, Any]]:
    return [{key: getattr(row, key) for key in EXAM_KEYS} for row in rows]


def _skill(item: Learnt) -> dict[str, Any]:
    version: SkillVersion = item.skill.current
    return {
        **asdict(version),
        "status": str(item.skill.status),
        "versions": list(item.skill.versions),
        "exam": {"uses": item.uses, "solved": item.solved},
        "trials": asdict(item.trials) if item.trials else None,
        **({"exam_of_adapter": asdict(item.gate)} if item.gate else {}),
    }
