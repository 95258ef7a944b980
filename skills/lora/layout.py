"""What an adapter folder holds, in PEFT's form: names, shapes, the two files, and ours beside.

    adapter_model.safetensors    base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight …
    adapter_config.json          PEFT's LoRA configuration: r, lora_alpha, target_modules
    journeyman.json              which base (sha256 of its weights file), data and recipe made it

A folder is written beside, synced and renamed into place. numpy only; nothing here knows torch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import sync_folder
from . import AdapterBroken, NotWritten

Array = NDArray[np.float32]
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
ABOUT = "journeyman.json"
FORMAT = 1

RANK = 16
"""The one rank of every adapter for a base: mixing and merging need equal ranks."""
PROJECTIONS = {
    "q_proj": "self_attn",
    "k_proj": "self_attn",
    "v_proj": "self_attn",
    "o_proj": "self_attn",
    "gate_proj": "mlp",
    "up_proj": "mlp",
    "down_proj": "mlp",
}
"""Every linear map of a layer, and the block it stands in."""

_KEY = re.compile(
    r"base_model\.model\.model\.layers\.(\d+)\.(self_attn|mlp)\.(\w+)\.lora_(A|B)\.weight"
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A linear map of the base: its layer and its projection."""

    layer: int
    projection: str

    def __str__(self) -> str:
        return f"layers.{self.layer}.{PROJECTIONS[self.projection]}.{self.projection}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The change at one place: `scale * b @ a`, with a (r × in) and b (out × r)."""

    a: Array
    b: Array


@dataclass(frozen=True, slots=True)
class Weights:
    """An adapter's weights in memory."""

    pairs: Mapping[Place, Pair]
    rank: int
    alpha: float
    about: Mapping[str, Any]
    """What `journeyman.json` holds; `base` is the sha256 of the base's weights file."""

    @property
    def scale(self) -> float:
        """What each product is multiplied with."""
        return self.alpha / self.rank


def key(place: Place, part: str) -> str:
    """The name PEFT gives to a tensor; `part` is A or B."""
    return f"base_model.model.model.{place}.lora_{part}.weight"


def place_of(name: str) -> tuple[Place, str] | None:
    """The place and part (A or B) a tensor's name speaks of; None for any other name."""
    found = _KEY.fullmatch(name)
    if found is None or PROJECTIONS.get(found[3]) != found[2]:
        return None
    return Place(int(found[1]), found[3]), found[4]


def config_of(rank: int, alpha: float, places: Mapping[Place, Any], base: str) -> dict[str, Any]:
    """PEFT's configuration for an adapter of these places. `base` is a name, for people."""
    layers = sorted({place.layer for place in places})
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({place.projection for place in places}),
        "layers_to_transform": layers,
        "layers_pattern": "layers",
        "inference_mode": True,
    }


def read_adapter(folder: Path) -> Weights:
    """Read an adapter folder. Raises AdapterBroken; `inspect.flaws` says more."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        about_file = folder / ABOUT
        about = json.loads(about_file.read_text(encoding="utf-8")) if about_file.exists() else {}
        parts: dict[Place, dict[str, Array]] = {}
        for name, tensor in load_file(folder / WEIGHTS).items():
            found = place_of(name)
            if found is None:
                raise ValueError(f"it holds a tensor {name!r}, which no LoRA layer has")
            parts.setdefault(found[0], {})[found[1]] = tensor.astype(np.float32)
        pairs = {place: Pair(parts[place]["A"], parts[place]["B"]) for place in sorted(parts)}
    except KeyError as error:
        raise AdapterBroken(folder, [f"{error} is missing from it"]) from error
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise AdapterBroken(folder, [str(error)]) from error
    return Weights(pairs, rank, alpha, about)


def write_adapter(folder: Path, adapter: Weights) -> Path:
    """Write an adapter folder, whole or not at all. Raises NotWritten; a taken place is one."""
    from safetensors.numpy import save

    tensors = {}
    for place, pair in adapter.pairs.items():
        tensors[key(place, "A")] = np.ascontiguousarray(pair.a)
        tensors[key(place, "B")] = np.ascontiguousarray(pair.b)
    name = str(adapter.about.get("base_name", ""))
    config = config_of(adapter.rank, adapter.alpha, adapter.pairs, name)
    files = {
        WEIGHTS: save(tensors, {"format": "pt"}),
        CONFIG: pretty(config),
        ABOUT: pretty({"format": FORMAT, **adapter.about}),
    }
    write_files(folder, files)
    return folder


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files beside, sync it, and rename it into place. Raises NotWritten."""
    beside = folder.parent / f".beside-{folder.name}-{uuid.uuid4().hex[:8]}"
    try:
        beside.mkdir(parents=True)
        for name, data in files.items():
            with (beside / name).open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        sync_folder(beside)
        os.rename(beside, folder)
        sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        size = sum(map(len, files.values())) / 1e6
        raise NotWritten(
            f"{folder} was not written ({error.strerror or error}); what was there before is"
            f" intact: it needs {size:.0f} MB of free space and a place that is not taken"
        ) from error


def pretty(data: object) -> bytes:
    """JSON for files that people read too."""
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()
