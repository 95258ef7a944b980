"""Where a training run stands, so that it goes on after a kill as if there had been none.

    <folder>/checkpoints/<step>/weights.safetensors      the adapter
    <folder>/checkpoints/<step>/optimiser.safetensors    both moments and the step of each weight
    <folder>/checkpoints/<step>/state.json               the run's digest, its seconds, its curve

Written beside, synced, renamed; the one before goes only then. Safetensors and JSON, no pickle.
The order of the data follows from the recipe's seed and the step.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import NotWritten, TrainingStopped
from .layout import pretty, write_files

KINDS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is, beside its weights."""

    run: str
    """`recipe.run_digest`."""
    step: int
    seconds: float
    tokens: int
    curve: tuple[dict[str, float], ...]
    held: tuple[float, ...]


def save(folder: Path, state: State, weights: dict[str, Any], optimiser: Any) -> None:
    """Keep where a run stands. `weights`: trained parameters by name. Raises NotWritten."""
    from safetensors.torch import save as pack

    moments = {
        f"{name}|{kind}": optimiser.state[weight][kind].contiguous()
        for name, weight in weights.items()
        for kind in KINDS
    }
    files = {
        "weights.safetensors": pack({name: w.detach().contiguous() for name, w in weights.items()}),
        "optimiser.safetensors": pack(moments),
        "state.json": pretty(asdict(state)),
    }
    kept = steps(folder)
    try:
        write_files(_place(folder, state.step), files)
    except NotWritten as error:
        last = f"the one of step {kept[-1]} is intact" if kept else "there is none before it"
        size = 2 * sum(map(len, files.values())) / 1e6
        raise NotWritten(
            f"the checkpoint of step {state.step} was not written ({error.__cause__}); {last}: free"
            f" {size:.0f} MB for {folder} and run the same again to go on"
        ) from error
    for step in kept:
        shutil.rmtree(_place(folder, step), ignore_errors=True)


def load(folder: Path, run: str, weights: dict[str, Any], optimiser: Any) -> State | None:
    """Put a run back to where it stood; None if it has not begun. Raises TrainingStopped."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from .extras import torch

    kept = steps(folder)
    if not kept:
        return None
    place = _place(folder, kept[-1])
    try:
        held = json.loads((place / "state.json").read_text(encoding="utf-8"))
        held["curve"], held["held"] = tuple(held["curve"]), tuple(held["held"])
        state = State(**held)
        if state.run != run:
            raise TrainingStopped(
                f"{folder} holds a run of other data, another base or another recipe: name another"
                " folder, or delete it"
            )
        values = load_file(place / "weights.safetensors")
        moments = load_file(place / "optimiser.safetensors")
        with torch().no_grad():
            for name, weight in weights.items():
                weight.copy_(values[name])
                optimiser.state[weight] = {
                    # AdamW counts its steps on the CPU, wherever the weights are.
                    kind: moments[f"{name}|{kind}"].to("cpu" if kind == "step" else weight.device)
                    for kind in KINDS
                }
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise TrainingStopped(
            f"the checkpoint {place} cannot be read ({error}): delete it to begin anew"
        ) from error
    return state


def steps(folder: Path) -> list[int]:
    """The steps of which there is a whole checkpoint, lowest first."""
    place = folder / "checkpoints"
    if not place.is_dir():
        return []
    return sorted(int(entry.name) for entry in place.iterdir() if entry.name.isdecimal())


def clear(folder: Path) -> None:
    """Remove all checkpoints of a finished run."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _place(folder: Path, step: int) -> Path:
    return folder / "checkpoints" / str(step)
