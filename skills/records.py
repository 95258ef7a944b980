"""Values to JSON objects and back, for the log and the version folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .skill import (
    Candidate,
    Condition,
    Evidence,
    Manifest,
    SkillVersion,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was not admitted, kept for reports."""

    candidate: Candidate
    reasons: tuple[str, ...]
    report: TrialReport | None
    at: float
    """Seconds since the epoch."""


def template_from(data: Record) -> Template:
    """Read a template from its JSON object."""
    return Template(data["text"], tuple(Slot(**slot) for slot in data["slots"]))


def manifest_from(data: Record) -> Manifest:
    """Read a manifest from its JSON object."""
    return Manifest(
        origins=tuple(data["origins"]),
        primitives=tuple(data["primitives"]),
        pre=tuple(Condition(**item) for item in data["pre"]),
        post=tuple(Condition(**item) for item in data["post"]),
        tools=tuple(data.get("tools", ())),
        data=data.get("data", "personal"),
    )


def candidate_from(data: Record) -> Candidate:
    """Read a candidate from its JSON object."""
    return Candidate(**{**data, **_parts(data)})


def version_from(data: Record, code: str) -> SkillVersion:
    """Read a version from its JSON object, which leaves out the code."""
    return SkillVersion(**{**data, **_parts(data), "code": code})


def version_record(version: SkillVersion) -> dict[str, Any]:
    """A version as a JSON object without its code, which stands in `scripts/skill.py`."""
    data = asdict(version)
    del data["code"]
    return data


def report_from(data: Record) -> TrialReport:
    """Read a trial report from its JSON object."""
    return TrialReport(**{**data, "runs": tuple(TrialRun(**run) for run in data["runs"])})


def rejected_from(data: Record) -> Rejected:
    """Read a rejected candidate from its event."""
    return Rejected(
        candidate=candidate_from(data["candidate"]),
        reasons=tuple(data["reasons"]),
        report=report_from(data["report"]) if data["report"] else None,
        at=data["at"],
    )


def trial_evidence(name: str, version: int, report: TrialReport, at: float) -> tuple[Evidence, ...]:
    """Each run of a trial as evidence of the version it admitted."""
    return tuple(
        Evidence(
            name=name,
            version=version,
            kind="trial",
            success=run.success and run.called,
            task_id=run.task_id,
            steps=run.steps,
            seconds=run.seconds,
            reason=run.reason,
            at=at,
        )
        for run in report.runs
    )


def _parts(data: Record) -> dict[str, Any]:
    return {
        "template": template_from(data["template"]),
        "manifest": manifest_from(data["manifest"]),
        "sources": tuple(data["sources"]),
        "constructs": tuple(data["constructs"]),
    }
