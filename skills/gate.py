"""What a trial must show before a candidate is admitted. Every condition fails closed.

Source: ASI, arXiv 2504.06821 (admit only what solved its task again *through* the skill).
"""

from __future__ import annotations

from ..sandbox.primitives import PRIMITIVES
from .skill import Candidate, Gates, TrialReport, TrialRun


def trial_refusals(candidate: Candidate, report: TrialReport, gates: Gates) -> list[str]:
    """Why this trial does not admit this candidate, as sentences; empty when it does."""
    reasons = []
    if report.digest != candidate.digest:
        reasons.append("the trial was of another program: run the trial of this candidate")
    reasons += _reset_refusals(candidate, report)
    sources = [run for run in report.runs if run.source]
    source_tasks = {run.task_id for run in sources}
    siblings = [run for run in report.runs if not run.source and run.task_id not in source_tasks]
    if not sources:
        reasons.append("the trial has no run of the task it came from")
    for run in [*sources, *siblings[: gates.siblings]]:
        if not _passed(run):
            reasons.append(_failure(run))
    passed = {run.task_id for run in siblings if _passed(run)}
    if len(passed) < gates.siblings:
        reasons.append(
            f"{len(passed)} sibling tasks passed through the skill, {gates.siblings} are needed"
        )
    if report.passed < len(report.runs):
        if report.baseline_successes is None:
            reasons.append("a run failed, and there is no arm without the skill to compare with")
        elif report.passed < report.baseline_successes:
            reasons.append(
                f"{report.passed} of {len(report.runs)} runs passed with the skill and"
                f" {report.baseline_successes} without it: it makes things worse"
            )
    return reasons


def _reset_refusals(candidate: Candidate, report: TrialReport) -> list[str]:
    if report.reset == "full" or report.reviewed_by:
        return []
    effects = [
        name
        for name in candidate.manifest.primitives
        if name not in PRIMITIVES or PRIMITIVES[name].effect != "read"
    ]
    if report.reset == "read-only" and not effects:
        return []
    why = f"it uses {', '.join(effects)}" if effects else "the start cannot be put back"
    return [
        f"the start's reset is {report.reset!r} and {why}: it needs a full reset, or a person's"
        " review"
    ]


def _passed(run: TrialRun) -> bool:
    return run.success and run.called


def _failure(run: TrialRun) -> str:
    which = "source task" if run.source else "sibling task"
    if run.success:
        return f"{which} {run.task_id} passed without calling the skill, which proves nothing"
    return f"{which} {run.task_id} failed" + (f": {run.reason}" if run.reason else "")
