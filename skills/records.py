"""Values to JSON objects and back, for the log and the version folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .adapter import Adapter, Earlier, Effect, GateReport, Pair, Refused
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
    adapter = adapter_from(data["adapter"]) if "adapter" in data else None
    return SkillVersion(**{**data, **_parts(data), "code": code, "adapter": adapter})


def version_record(version: SkillVersion) -> dict[str, Any]:
    """A version as a JSON object without its code, which stands in `scripts/skill.py`."""
    data = asdict(version)
    del data["code"]
    if version.adapter is None:
        # Left out, so that records of programs are as they were before there were adapters.
        del data["adapter"]
    return data


def adapter_from(data: Record) -> Adapter:
    """Read what an adapter is from its JSON object."""
    return Adapter(**{**data, "examples": tuple(data["examples"])})


def gate_report_from(data: Record) -> GateReport:
    """Read the exam of an adapter from its JSON object."""
    pairs = {
        name: tuple(Pair(**pair) for pair in data[name])
        for name in ("held_out", "general", "triggered")
    }
    return GateReport(
        digest=data["digest"],
        effect=Effect(**data["effect"]) if data["effect"] else None,
        suspicions=tuple(data["suspicions"]),
        weights=tuple(data["weights"]),
        leaked=tuple(data["leaked"]),
        earlier=tuple(Earlier(**item) for item in data["earlier"]),
        **pairs,
    )


def refused_from(data: Record) -> Refused:
    """Read a refused adapter from its event."""
    fields = ("name", "description", "digest", "folder", "files", "at")
    return Refused(
        about=adapter_from(data["about"]),
        reasons=tuple(data["reasons"]),
        report=gate_report_from(data["report"]) if data["report"] else None,
        **{name: data[name] for name in fields},
    )


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


def trial_evidence(
    name: str, version: int, report: TrialReport | GateReport, at: float
) -> tuple[Evidence, ...]:
    """Each run of a trial, or held-out task of an exam, as evidence of the version it admitted."""
    if isinstance(report, GateReport):
        return tuple(
            Evidence(name, version, "trial", pair.adapted, task_id=pair.task_id, at=at)
            for pair in report.held_out
        )
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
