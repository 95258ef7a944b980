"""The last step of admission, under the library's lock: refusals, a name, a version, a folder."""

from __future__ import annotations

import time
from dataclasses import replace

from ..sandbox.secrets import Secrets
from . import LibraryCorrupt, NotAdmitted, SkillNotFound
from .adapter import AdapterCandidate, AdapterGates, GateReport
from .check import check, description_problems
from .gate import trial_refusals
from .lora.gate import adapter_refusals
from .naming import free_name, name_problems, rename_function
from .skill import Candidate, Gates, Manifest, SkillVersion, Template, TrialReport, function_name
from .status import USUAL
from .store import SkillStore


def admit(
    store: SkillStore, candidate: Candidate, report: TrialReport, gates: Gates, secrets: Secrets
) -> SkillVersion:
    """Add a program that its trial admits. Raises NotAdmitted with every reason, SkillError."""
    reasons = check(candidate, secrets) + trial_refusals(candidate, report, gates)
    reasons += _place_refusals(store, candidate)
    if reasons:
        raise NotAdmitted(candidate.name, reasons)
    name, code = candidate.name, candidate.code
    entries = store.ledger().entries
    if candidate.parent is None and name in entries:
        name = free_name(name, entries.__contains__)
        code = rename_function(code, candidate.function, function_name(name))
        again = check(replace(candidate, name=name, code=code), secrets)
        if again:
            raise NotAdmitted(name, again)
    version = SkillVersion(
        name=name,
        version=store.free_version(name),
        description=candidate.description,
        template=candidate.template,
        code=code,
        manifest=candidate.manifest,
        content_hash="",
        how=candidate.how,
        sources=candidate.sources,
        constructs=candidate.constructs,
        parent=candidate.parent,
        created=time.time(),
    )
    return store.add(version, report, candidate.digest)


def admit_adapter(
    store: SkillStore,
    candidate: AdapterCandidate,
    report: GateReport,
    gates: AdapterGates,
    secrets: Secrets,
) -> SkillVersion:
    """Add an adapter that its exam admits. Raises NotAdmitted with every reason, SkillError."""
    reasons = name_problems(candidate.name) + description_problems(candidate.description)
    if secrets.shows("\n".join((candidate.description, *candidate.about.examples))):
        reasons.append("its words hold the value of a secret: name its placeholder")
    reasons += adapter_refusals(candidate, report, gates) + _place_refusals(store, candidate)
    if reasons:
        raise NotAdmitted(candidate.name, reasons)
    name = candidate.name
    entries = store.ledger().entries
    if candidate.parent is None:
        name = free_name(name, entries.__contains__)
    solved = sum(pair.base for pair in report.held_out)
    version = SkillVersion(
        name=name,
        version=store.free_version(name),
        description=candidate.description,
        template=Template(""),
        code="",
        manifest=Manifest(candidate.origins, ()),
        content_hash="",
        how=candidate.how,
        sources=candidate.sources,
        parent=candidate.parent,
        created=time.time(),
        adapter=replace(candidate.about, before=solved / max(1, len(report.held_out))),
    )
    return store.add(version, report, candidate.digest, candidate)


def _place_refusals(store: SkillStore, candidate: Candidate | AdapterCandidate) -> list[str]:
    """Why it has no place here: its parent is unknown, or it is here already."""
    entries = store.ledger().entries
    kind = "adapter" if isinstance(candidate, AdapterCandidate) else "program"
    if candidate.parent is not None:
        try:
            parent = store.skill(candidate.name, USUAL, candidate.parent)
        except SkillNotFound as error:
            return [f"{error}: a new version needs the version it revises"]
        if parent.kind != kind:
            return [f"{candidate.name} is a skill of kind {parent.kind}, not {kind}: name another"]
    for name, entry in entries.items():
        held = entry.versions[entry.current]
        if held.digest == candidate.digest and not entry.retired:
            try:
                store.load(name, entry.current)
            except LibraryCorrupt:
                continue
            return [f"the same {kind} is in the library as {name} version {entry.current}"]
    return []
