"""The served form: an adapter folder as a GGUF file, which llama.cpp mixes in per request.

    adapter.gguf    derived from adapter_model.safetensors; delete it and convert again

Source: llama.cpp's `convert_lora_to_gguf.py`, for the architectures of `base.SHAPES`.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from ..events import sync_folder
from . import AdapterBroken, NotWritten
from .base import BaseShape
from .layout import Array, Place, read_adapter

SERVED = "adapter.gguf"
NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def convert(folder: Path, shape: BaseShape, out: Path | None = None) -> Path:
    """Write an adapter folder's served form, beside its other files or at `out`.

    Written beside, synced and renamed. Raises AdapterBroken where it does not fit the base,
    NotWritten.
    """
    weights = read_adapter(folder)
    odd = [str(place) for place in weights.pairs if shape.fits(place) is None]
    if odd:
        raise AdapterBroken(folder, [f"the base {shape.name} has no {odd[0]}"])
    out = out or folder / SERVED
    beside = out.with_name(f".beside-{out.name}-{uuid.uuid4().hex[:8]}")
    try:
        writer = _writer(beside, shape, weights.alpha)
        for place, pair in weights.pairs.items():
            name = f"blk.{place.layer}.{NAMES[place.projection]}.weight"
            writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(pair.a))
            writer.add_tensor(f"{name}.lora_b", _order(pair.b, place, shape))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(beside, out)
        sync_folder(out.parent)
    except OSError as error:
        raise NotWritten(f"{out} was not written ({error}): free space there") from error
    finally:
        beside.unlink(missing_ok=True)
    return out


def _writer(path: Path, shape: BaseShape, alpha: float) -> Any:
    import gguf

    writer = gguf.GGUFWriter(str(path), shape.architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_string("general.base_model.0.name", shape.name)
    writer.add_string("journeyman.base", shape.digest)
    return writer


def _order(b: Array, place: Place, shape: BaseShape) -> Array:
    """The rows as llama.cpp has them: a llama's queries and keys turn in pairs of neighbours."""
    heads = {"q_proj": shape.heads, "k_proj": shape.kv_heads}.get(place.projection)
    if shape.architecture == "llama" and heads is not None:
        halves = b.reshape(heads, 2, b.shape[0] // heads // 2, b.shape[1])
        b = halves.swapaxes(1, 2).reshape(b.shape)
    return np.ascontiguousarray(b)
