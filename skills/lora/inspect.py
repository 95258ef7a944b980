"""A look at an adapter's weights before anything is done with them. numpy only, nothing runs.

What an adapter changes at a place is scale · B·A. Its singular values say how strongly: compared
with the same projection in other layers, with the rest of the adapter, and with the base's own.

Covered: what is wrong with the files, the wrong base, and changes of an unlikely strength.
Not covered: a trigger trained in with ordinary strength. The gate looks for those by what the
adapter does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .base import BaseShape
from .layout import ABOUT, CONFIG, RANK, WEIGHTS, Pair, Place, place_of

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
FAR = 6.0
"""Robust standard deviations (of the logarithm) from its like that make a place an outlier."""
SPREAD = 0.3
"""The least such deviation: real adapters differ by a factor of three from layer to layer."""
HEAVY = 4.0
"""Times the base's own largest singular value that no distilled skill needs to add; ordinary
training can reach one where the base is weak (values: 0.4 to 1.9 in a 0.5B Qwen2.5)."""
MOST = 8
"""Sentences of a kind before the rest is only counted."""


def flaws(
    folder: Path, shape: BaseShape, rank: int = RANK, declared: str | None = None
) -> list[str]:
    """What is wrong with an adapter folder, as sentences; empty when nothing is.

    `declared`: the base's sha256 as known from elsewhere, for a folder without `journeyman.json`.
    """
    if not folder.is_dir():
        return [f"there is no folder {folder}"]
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
    if pickled:
        return [
            f"it holds {', '.join(pickled)}: a pickled file can run code and is never opened; save"
            " the adapter with safetensors"
        ]
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        return [f"it lacks {' and '.join(missing)}"]
    config, about, found = _config(folder)
    tensors = _tensors(folder, found)
    if config is None or tensors is None:
        return found
    found += _of_its_base(about, shape, declared)
    pairs = _pairs(tensors, found)
    found += _configured(config, pairs, rank)
    found += _capped(_misshapen(pairs, shape, rank))
    found += _capped([f"{name} is not finite" for name, x in tensors.items() if not _finite(x)])
    if not found:
        found += strength_flaws(pairs, float(config["lora_alpha"]) / rank, shape.norms)
    return found


def strength_flaws(
    pairs: Mapping[Place, Pair], scale: float, norms: Mapping[str, float]
) -> list[str]:
    """Places whose change is unlikely strong, or an adapter that changes nothing."""
    tops = {place: scale * float(spectrum(pair)[0]) for place, pair in pairs.items()}
    if not any(tops.values()):
        return ["it changes nothing: B is zero everywhere, as before the first step of training"]
    logs = {place: np.log(top) for place, top in tops.items() if top > 0}
    kinds = {place.projection for place in logs}
    middle = {
        kind: float(np.median([x for place, x in logs.items() if place.projection == kind]))
        for kind in kinds
    }
    away = {place: x - middle[place.projection] for place, x in logs.items()}
    width = max(SPREAD, 1.4826 * float(np.median(np.abs(list(away.values())))))
    # One kind alone can be planted in all layers: its median then stands out among the kinds.
    overall = float(np.median(list(middle.values())))
    spread = max(2 * SPREAD, 1.4826 * float(np.median([abs(m - overall) for m in middle.values()])))
    found = [
        f"{place} is changed {np.exp(far):.0f} times as strongly as {place.projection} elsewhere"
        for place, far in sorted(away.items())
        if far > FAR * width
    ]
    found += [
        f"{kind} is changed {np.exp(middle[kind] - overall):.0f} times as strongly as the rest"
        for kind in sorted(kinds)
        if middle[kind] - overall > FAR * spread
    ]
    found += [
        f"{place} gets a change {top / norms[str(place)]:.1f} times as strong as the base's own"
        " weights"
        for place, top in sorted(tops.items())
        if top > HEAVY * norms.get(str(place), np.inf)
    ]
    return _capped(found)


def spectrum(pair: Pair) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The singular values of B·A, largest first, as many as the rank."""
    right: Any = np.linalg.qr(pair.a.T.astype(np.float64), mode="r")
    left: Any = np.linalg.qr(pair.b.astype(np.float64), mode="r")
    return np.asarray(np.linalg.svd(left @ right.T, compute_uv=False), np.float64)


def _config(folder: Path) -> tuple[dict[str, Any] | None, dict[str, Any], list[str]]:
    """PEFT's configuration, what is known beside it, and what is wrong with either file."""
    read: dict[str, dict[str, Any]] = {CONFIG: {}, ABOUT: {}}
    for name in read:
        if not (folder / name).is_file():
            continue
        try:
            data = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return None, {}, [f"{name} cannot be read: {error}"]
        if not isinstance(data, dict):
            return None, {}, [f"{name} is no JSON object"]
        read[name] = data
    config = read[CONFIG]
    for key in ("r", "lora_alpha"):
        value = config.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            return None, {}, [f"{CONFIG} has the {key} {value!r}: it has to be a number above 0"]
    return config, read[ABOUT], []


def _tensors(folder: Path, found: list[str]) -> dict[str, Any] | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        # bfloat16, too, has no numpy type.
        found.append(f"{WEIGHTS} cannot be read as float32 or float16 safetensors: {error}")
        return None


def _of_its_base(about: Mapping[str, Any], shape: BaseShape, declared: str | None) -> list[str]:
    base = about.get("base", declared)
    if base is None:
        return ["it does not say which base it was trained on: train it here, or name its base"]
    if base != shape.digest or declared not in (None, base):
        name = about.get("base_name") or "another base"
        return [f"it was trained on {name} ({str(base)[:12]}…), not on {shape.name}"]
    return []


def _pairs(tensors: Mapping[str, Any], found: list[str]) -> dict[Place, Pair]:
    parts: dict[Place, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        place = place_of(name)
        if place is None:
            found.append(f"it holds a tensor {name!r}, which no LoRA layer has")
        elif tensor.ndim != 2 or tensor.dtype not in (np.float32, np.float16):
            found.append(f"{name} is a {tensor.dtype} tensor of {tensor.ndim} dimensions")
        else:
            parts.setdefault(place[0], {})[place[1]] = tensor
    for spot, part in sorted(parts.items()):
        if len(part) < 2:
            found.append(f"{spot} has a lora_{next(iter(part))} alone")
    if not parts:
        found.append("it holds no LoRA tensor")
    return {spot: Pair(p["A"], p["B"]) for spot, p in sorted(parts.items()) if len(p) == 2}


def _configured(config: Mapping[str, Any], pairs: Mapping[Place, Pair], rank: int) -> list[str]:
    found = []
    if config["r"] != rank:
        found.append(f"it declares the rank {config['r']}, and the base's fixed rank is {rank}")
    # What would make PEFT compute something else than scale · B·A.
    for key in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save"):
        if config.get(key):
            found.append(f"{CONFIG} sets {key}, which the served form cannot follow")
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        found.append(f"{CONFIG} is not of a plain LoRA adapter")
    targets = config.get("target_modules")
    present = {place.projection for place in pairs}
    if not isinstance(targets, list) or (pairs and set(targets) != present):
        found.append(f"{CONFIG} names other modules than {WEIGHTS} holds")
    return found


def _misshapen(pairs: Mapping[Place, Pair], shape: BaseShape, rank: int) -> list[str]:
    found = []
    for place, pair in pairs.items():
        size = shape.fits(place)
        if size is None:
            found.append(f"the base {shape.name} has no {place}")
        elif (pair.a.shape, pair.b.shape) != ((rank, size[1]), (size[0], rank)):
            found.append(
                f"{place} has A {_by(pair.a)} and B {_by(pair.b)}, and rank {rank} on this base"
                f" needs {rank}×{size[1]} and {size[0]}×{rank}"
            )
    return found


def _by(matrix: Any) -> str:
    return "×".join(map(str, matrix.shape))


def _finite(tensor: Any) -> bool:
    return bool(np.isfinite(tensor).all()) if tensor.dtype.kind == "f" else True


def _capped(sentences: list[str]) -> list[str]:
    more = len(sentences) - MOST
    return sentences if more <= 0 else [*sentences[:MOST], f"and {more} more of that kind"]
