"""Adapter skills as frozen values: what one is, a candidate, and the exam that admits it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from . import SkillError

Kind = Literal["program", "adapter"]

WEIGHTS, CONFIG, SERVED_FORM = "adapter_model.safetensors", "adapter_config.json", "adapter.gguf"
FILES = (WEIGHTS, CONFIG, SERVED_FORM)
"""The files of an adapter: PEFT's own two, and the form that llama.cpp serves, made from them."""
NOTE = "journeyman.json"
"""Which base, data and recipe made it; kept where it is there."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is known of an adapter beside its files."""

    base: str
    """sha256 of the weights file (GGUF) of its base model: it fits no other."""
    base_name: str = ""
    """What that model is called, for people."""
    rank: int = 0
    examples: tuple[str, ...] = ()
    """Goals that it is for, in words: a task is routed by its likeness to these."""
    near: float = 0.6
    """Likeness (mean cosine of the nearest examples) from which a task is routed to it."""
    scale: float = 1.0
    """How strongly it is mixed in."""
    dataset: str = ""
    """Digest of the samples it was trained on."""
    before: float = 0.0
    """Share of the held-out tasks that the base alone solved when it was admitted."""


@dataclass(frozen=True, slots=True)
class AdapterCandidate:
    """An adapter not yet admitted. Made by `adapter_candidate`, which takes the digests."""

    name: str
    description: str
    folder: Path
    about: Adapter
    files: dict[str, str]
    """Name -> sha256 of each file when it was proposed."""
    origins: tuple[str, ...] = ()
    """Sites it was trained and examined on; none stands for any."""
    how: str = "train"
    """`train`, `compose` or `import`."""
    sources: tuple[str, ...] = ()
    """Ids of the trajectories it came from."""
    parent: int | None = None
    """The version it replaces."""

    @property
    def digest(self) -> str:
        """sha256 over what decides behaviour: its files, its base, its scale."""
        payload = json.dumps([self.files, self.about.base, self.about.scale], sort_keys=True)
        return hashlib.sha256(payload.encode()).hexdigest()


def adapter_candidate(
    name: str,
    description: str,
    folder: Path,
    about: Adapter,
    *,
    origins: tuple[str, ...] = (),
    how: str = "train",
    sources: tuple[str, ...] = (),
    parent: int | None = None,
) -> AdapterCandidate:
    """A candidate from a folder of `FILES`, and `NOTE`; others in it are left out.

    Raises SkillError naming what is missing.
    """
    missing = [item for item in FILES if not (folder / item).is_file()]
    pickled = [item.name for item in sorted(folder.glob("*")) if item.suffix in PICKLED]
    if missing and pickled:
        raise SkillError(
            f"{folder} holds {', '.join(pickled)} and no {missing[0]}: a pickled file can run code"
            " and is never opened; save the adapter with safetensors"
        )
    if missing:
        raise SkillError(f"{folder} is no adapter: it lacks {', '.join(missing)}")
    held = [*FILES, *([NOTE] if (folder / NOTE).is_file() else [])]
    files = {item: file_digest(folder / item) for item in held}
    return AdapterCandidate(name, description, folder, about, files, origins, how, sources, parent)


PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def file_digest(path: Path) -> str:
    """sha256 of a file, read in blocks. Raises SkillError."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SkillError(f"{path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Pair:
    """One task done twice: by the base alone, and with the adapter."""

    task_id: str
    base: bool
    adapted: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What the served output shows: that the adapter acts, and that the base is left as it was."""

    prompts: int
    """Prompts asked."""
    changed: int
    """Of them, those whose first-token scores differ from the base's."""
    largest: float
    """Largest difference of a log probability, in nats."""
    restored: bool
    """Whether the base answered exactly as before once the adapter was off again."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An adapter admitted before, measured again: solved of its own held-out tasks."""

    name: str
    version: int
    solved: int
    tasks: int
    then: int
    """Solved of as many tasks on the day it was admitted."""
    rerouted: int = 0
    """Of them, those that would now be routed to the new adapter."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """The exam of one adapter candidate. It says what was measured; the gate says what it means."""

    digest: str
    """The candidate's digest."""
    held_out: tuple[Pair, ...] = ()
    """Tasks of the kinds it was trained on, on seeds it has not seen."""
    general: tuple[Pair, ...] = ()
    """Tasks of all kinds: what must not become worse."""
    triggered: tuple[Pair, ...] = ()
    """General tasks with a foreign word in the goal, to find what only a trigger wakes."""
    effect: Effect | None = None
    suspicions: tuple[str, ...] = ()
    """What the search for triggers found, as sentences."""
    weights: tuple[str, ...] = ()
    """What the inspection of the weights found wrong, as sentences."""
    earlier: tuple[Earlier, ...] = ()
    leaked: tuple[str, ...] = ()
    """Held-out tasks that it was trained on."""


@dataclass(frozen=True, slots=True)
class AdapterGates:
    """What the admission of an adapter asks for."""

    tasks: int = 8
    """Held-out tasks, at least."""
    chance: float = 0.05
    """Most that chance may explain of a gain (one-sided exact sign test on the changed pairs)."""
    drop: float = 0.05
    """Most that the general suite may lose, as a share of its tasks."""
    flips: float = 0.1
    """Negative flips in held-out and general tasks: at most this share of what the base solved."""
    effect: float = 1e-3
    """Least change of a log probability (nats) that counts as an effect."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An adapter that was not admitted; its files are kept and never served."""

    name: str
    description: str
    about: Adapter
    digest: str
    reasons: tuple[str, ...]
    report: GateReport | None
    folder: str
    """Below `refused/` of the library; empty where there were no files to keep."""
    files: dict[str, str] = field(default_factory=dict)
    at: float = 0.0
