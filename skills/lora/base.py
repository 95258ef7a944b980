"""The base that adapters are trained on: the very weights file the agent runs, dequantised.

Dequantising takes long, so its result is kept: `<cache>/<sha256 of the weights file>/`, written
beside and renamed into place. float32 on a CPU (bfloat16 products run at a hundredth there),
bfloat16 on CUDA.

    model.safetensors, config.json, tokenizer files    what transformers loads
    base.json                                          dimensions and norms, read without torch
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import BaseUnusable, NotWritten
from .extras import torch, transformers
from .layout import PROJECTIONS, Place, pretty

SHAPES = ("llama", "qwen2")
"""Architectures whose layers `forward.py` computes and `convert.py` names."""
DESCRIBED = "base.json"
BLOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class BaseShape:
    """What an adapter has to fit, and how strong the weights are that it changes."""

    digest: str
    """sha256 of the weights file."""
    name: str
    architecture: str
    layers: int
    heads: int
    kv_heads: int
    sizes: dict[str, tuple[int, int]]
    """(out, in) of each projection."""
    norms: dict[str, float]
    """The largest singular value of each place's weight, by the place's name."""

    def fits(self, place: Place) -> tuple[int, int] | None:
        """(out, in) of a place; None where the base has no such place."""
        return self.sizes.get(place.projection) if place.layer < self.layers else None


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded base. The model's weights are frozen; adapters come and go on it."""

    model: Any
    tokenizer: Any
    shape: BaseShape


def load_base(weights: Path, cache: Path, device: str = "auto", digest: str | None = None) -> Base:
    """Load a GGUF file for training, dequantising it the first time. Blocking; minutes, gigabytes.

    `device`: auto, cpu or cuda. `digest`: the file's sha256, if known. Raises BaseUnusable,
    NotWritten, ExtraMissing.
    """
    t, hf = torch(), transformers()
    where = pick_device(device)
    folder = dequantised(weights, cache, digest)
    dtype = t.float32 if where == "cpu" else t.bfloat16
    model = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    model.requires_grad_(False)
    model.eval()
    tokenizer = hf.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return Base(model.to(where), tokenizer, read_shape(folder))


def dequantised(weights: Path, cache: Path, digest: str | None = None) -> Path:
    """The folder that holds a weights file dequantised; made if need be."""
    digest = digest or _sha256(weights)
    folder = cache / digest
    if (folder / DESCRIBED).is_file():
        return folder
    t, hf = torch(), transformers()
    from safetensors.torch import save_model

    beside = cache / f".beside-{digest[:16]}-{uuid.uuid4().hex[:8]}"
    try:
        beside.mkdir(parents=True)
        given = {"gguf_file": weights.name, "local_files_only": True}
        model = hf.AutoModelForCausalLM.from_pretrained(weights.parent, dtype=t.float32, **given)
        tokenizer = hf.AutoTokenizer.from_pretrained(weights.parent, **given)
        shape = describe(model, digest, weights.name)
        if not tokenizer.chat_template:
            raise BaseUnusable(
                f"{weights} has no chat template, so its prompts cannot be written as the agent"
                " writes them: use an instruction-tuned file"
            )
        # save_pretrained refuses a model that came from a GGUF file, dequantised or not.
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.config.save_pretrained(beside)
        save_model(model, str(beside / "model.safetensors"), {"format": "pt"})
        tokenizer.save_pretrained(beside)
        (beside / DESCRIBED).write_bytes(pretty(asdict(shape)))
        try:
            beside.rename(folder)
        except OSError:
            if not (folder / DESCRIBED).is_file():  # else another process was first
                raise
    except OSError as error:
        raise NotWritten(
            f"{weights} could not be dequantised into {cache} ({error}): free"
            f" {weights.stat().st_size * 8 / 1e9:.1f} GB there, or name another folder"
        ) from error
    except BaseUnusable:
        raise
    except Exception as error:  # a damaged file fails anywhere in its reader
        raise BaseUnusable(f"transformers cannot read {weights}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def describe(model: Any, digest: str, name: str) -> BaseShape:
    """The shape of a loaded model. Raises BaseUnusable for one that cannot be trained on here."""
    config = model.config
    if config.model_type not in SHAPES or getattr(config, "use_sliding_window", False):
        raise BaseUnusable(
            f"{name} is of the architecture {config.model_type}, and adapters are trained on"
            f" {' and '.join(SHAPES)} with full attention only: choose such a base"
        )
    sizes: dict[str, tuple[int, int]] = {}
    norms: dict[str, float] = {}
    for number, layer in enumerate(model.model.layers):
        for projection, block in PROJECTIONS.items():
            weight = getattr(getattr(layer, block), projection).weight
            sizes[projection] = (weight.shape[0], weight.shape[1])
            norms[str(Place(number, projection))] = _strength(weight)
    return BaseShape(
        digest=digest,
        name=name,
        architecture=config.model_type,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        sizes=sizes,
        norms=norms,
    )


def read_shape(folder: Path) -> BaseShape:
    """The shape kept in a dequantised base's folder; needs no torch. Raises BaseUnusable."""
    try:
        held = json.loads((folder / DESCRIBED).read_text(encoding="utf-8"))
        held["sizes"] = {name: (out, into) for name, (out, into) in held["sizes"].items()}
        return BaseShape(**held)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BaseUnusable(
            f"{folder} is no dequantised base ({error}): delete it, it is made again"
        ) from error


def pick_device(device: str) -> str:
    """cpu or cuda. Raises BaseUnusable for cuda where there is none, and for any other word."""
    if device not in ("auto", "cpu", "cuda"):
        raise BaseUnusable(f"there is no device {device!r}: say auto, cpu or cuda")
    available = torch().cuda.is_available()
    if device == "cuda" and not available:
        raise BaseUnusable("this machine, or this build of torch, has no CUDA: say device=cpu")
    return "cuda" if device == "cuda" or (device == "auto" and available) else "cpu"


def _strength(weight: Any) -> float:
    """The largest singular value, by power iteration (within some percent; seeded)."""
    t = torch()
    with t.no_grad():
        weight = weight.float()
        vector = t.randn(weight.shape[1], generator=t.Generator().manual_seed(0))
        for _ in range(16):
            vector = weight.T @ (weight @ (vector / vector.norm()))
        return float((weight @ (vector / vector.norm())).norm())


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                found.update(block)
    except OSError as error:
        raise BaseUnusable(f"the weights {path} cannot be read ({error}): name a file") from error
    return found.hexdigest()
