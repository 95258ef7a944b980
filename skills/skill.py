"""Skill, SkillVersion, Evidence, Status: frozen values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ..sandbox.bounds import Bounds, DataClass
from .adapter import Adapter, Kind


class Status(StrEnum):
    """Where a skill stands. Computed from evidence, never stored."""

    CANDIDATE = "candidate"
    VERIFIED = "verified"
    TRUSTED = "trusted"
    DEGRADED = "degraded"
    QUARANTINED = "quarantined"
    RETIRED = "retired"


SlotKind = Literal["text", "word", "list", "ordinal"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A typed hole in a goal template, and the skill's parameter of the same name."""

    name: str
    kind: SlotKind = "text"


@dataclass(frozen=True, slots=True)
class Template:
    """A whole goal with typed holes: `Select {item} from the list.`

    Literal braces are doubled, as in `str.format`.
    """

    text: str
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """Something true of a page before or after a run; slot names stand in braces in the locator."""

    kind: Literal["present", "absent"]
    locator: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version may touch, with all it calls. What is beyond is refused and recorded."""

    origins: tuple[str, ...]
    """Scheme, host and port of each site that its page may be on."""
    primitives: tuple[str, ...]
    pre: tuple[Condition, ...] = ()
    post: tuple[Condition, ...] = ()
    tools: tuple[str, ...] = ()
    """Names of the skills it may import from `library`."""
    data: DataClass = "personal"
    """What it may handle; see `sandbox.bounds.DATA`. Manifests of before this field have read
    fields, and typed no secret."""

    @property
    def bounds(self) -> Bounds:
        """As the page's server enforces it."""
        return Bounds(self.primitives, self.origins, self.data)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A skill not yet admitted."""

    name: str
    """Agent Skills name: a-z, 0-9, single hyphens, at most 64."""
    description: str
    template: Template
    code: str
    """Python source with one public function, `function`, whose parameters are the slots."""
    manifest: Manifest
    how: Literal["generalise", "model", "person", "import"] = "generalise"
    sources: tuple[str, ...] = ()
    """Ids of the trajectories it came from."""
    constructs: tuple[str, ...] = ()
    """Which general constructs made it (`lift`, `loop`, `reveal`, ...)."""
    parent: int | None = None
    """The version it revises."""

    @property
    def function(self) -> str:
        return function_name(self.name)

    @property
    def digest(self) -> str:
        """sha256 over what decides behaviour: code, template, manifest."""
        manifest = asdict(self.manifest)
        # Left out where they say nothing: candidates of before these fields keep their digests.
        for name, default in (("tools", ()), ("data", "personal")):
            if manifest[name] == default:
                del manifest[name]
        payload = json.dumps([self.code, asdict(self.template), manifest], sort_keys=True)
        return hashlib.sha256(payload.encode()).hexdigest()


def function_name(name: str) -> str:
    """The Python name of a skill: `log-in` is called as `log_in`."""
    return name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One re-execution of a candidate from a reset start."""

    task_id: str
    goal: str
    seed: int | None
    success: bool
    called: bool
    """Whether the skill's function was really called."""
    reason: str = ""
    seconds: float = 0.0
    steps: int = 0
    """Primitive calls made."""
    source: bool = False
    """Whether this is a task the candidate was induced from."""
    digest: str = ""
    """sha256 of the start view, so that a changed start is noticed."""


@dataclass(frozen=True, slots=True)
class TrialReport:
    """All re-executions of one candidate, and the arm without it."""

    digest: str
    """The candidate's digest."""
    runs: tuple[TrialRun, ...]
    reset: str = "none"
    """The reset the arena declared: `full`, `read-only` or `none`."""
    baseline_successes: int | None = None
    """Successes without the skill on the same tasks; None where not needed (all runs passed)."""
    baseline_tokens: float | None = None
    reviewed_by: str = ""
    """The person who reviewed it, where no reset exists."""

    @property
    def passed(self) -> int:
        return sum(run.success and run.called for run in self.runs)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One outcome of one version. Append-only."""

    name: str
    version: int
    kind: Literal["trial", "use", "review", "excess"]
    """An `excess` is a call beyond the manifest, which was refused."""
    success: bool
    task_id: str = ""
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    reason: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SkillVersion:
    """One admitted, immutable version."""

    name: str
    version: int
    description: str
    template: Template
    code: str
    manifest: Manifest
    content_hash: str
    how: str = "generalise"
    sources: tuple[str, ...] = ()
    constructs: tuple[str, ...] = ()
    parent: int | None = None
    created: float = 0.0
    adapter: Adapter | None = None
    """Of an adapter skill: what it is. Its template and code are empty."""

    @property
    def function(self) -> str:
        return function_name(self.name)

    @property
    def kind(self) -> Kind:
        return "program" if self.adapter is None else "adapter"


@dataclass(frozen=True, slots=True)
class Skill:
    """A name with its versions, the current one, and what the evidence says."""

    name: str
    current: SkillVersion
    status: Status
    versions: tuple[int, ...]
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    """Of the current version."""

    @property
    def kind(self) -> Kind:
        return self.current.kind

    @property
    def credit(self) -> str:
        """`name@version`, as steps and evidence name it."""
        return f"{self.name}@{self.current.version}"


@dataclass(frozen=True, slots=True)
class Gates:
    """What admission and trust ask for."""

    siblings: int = 5
    """Sibling tasks that must all pass, beside the source."""
    trust: float = 0.8
    """Lower bound of the success rate from which a skill is executed directly."""
    degrade_after: int = 2
    """Failed uses in a row that degrade a version."""
