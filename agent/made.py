"""An adapter that was trained and not yet examined: its folder, and where it comes from.

    <workspace>/adapters/<name>/made.json    this note
    <workspace>/adapters/<name>/adapter/     the files

Not covered: the weights themselves; the gate looks at those.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..skills import SkillError
from ..skills.adapter import CONFIG, Adapter, AdapterCandidate, adapter_candidate

EXAMPLES = 12
"""Goals kept of those trained on, for routing."""
MADE = "made.json"


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a trained adapter."""

    name: str
    description: str
    suite: str
    families: tuple[str, ...]
    base: str
    """sha256 of the weights file it was trained on."""
    base_name: str
    examples: tuple[str, ...]
    origins: tuple[str, ...]
    trained: tuple[str, ...] = ()
    """Ids of the tasks trained on."""
    sources: tuple[str, ...] = ()
    """Ids of the trajectories."""
    dataset: str = ""
    """Digest of the samples."""


def save(made: Made, folder: Path) -> None:
    """Write the note, whole or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{MADE}.{os.getpid()}"
    beside.write_text(json.dumps(asdict(made), indent=1), encoding="utf-8")
    os.replace(beside, folder / MADE)


def load(folder: Path) -> Made:
    """Read the note. Raises SkillError."""
    try:
        data = json.loads((folder / MADE).read_text(encoding="utf-8"))
        lists = ("families", "examples", "origins", "trained", "sources")
        return Made(**{**data, **{name: tuple(data[name]) for name in lists}})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SkillError(
            f"{folder} holds no trained adapter ({error}): train one with"
            " `journeyman adapters train`"
        ) from error


def candidate_of(made: Made, adapter: Path, parent: int | None = None) -> AdapterCandidate:
    """The candidate in an adapter folder. Raises SkillError naming what is missing."""
    try:
        config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        rank = int(config["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SkillError(
            f"{adapter / CONFIG} is no LoRA configuration with a rank ({error}): give a folder that"
            " PEFT saved"
        ) from error
    about = Adapter(
        base=made.base,
        base_name=made.base_name,
        rank=rank,
        examples=made.examples,
        dataset=made.dataset,
    )
    return adapter_candidate(
        made.name,
        made.description,
        adapter,
        about,
        origins=made.origins,
        how="train" if made.sources else "import",
        sources=made.sources,
        parent=parent,
    )


def some_goals(goals: Sequence[str], most: int = EXAMPLES) -> tuple[str, ...]:
    """At most so many different goals, evenly from all."""
    unique = list(dict.fromkeys(goals))
    if len(unique) <= most:
        return tuple(unique)
    return tuple(unique[place * len(unique) // most] for place in range(most))
