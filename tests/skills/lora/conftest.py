"""Adapter candidates and exams that pass the gate, to be varied."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.skills.adapter import (
    Adapter,
    AdapterCandidate,
    Effect,
    GateReport,
    Pair,
    adapter_candidate,
)

BASE = "b" * 64


def make_adapter(
    folder: Path, name: str = "write-mail", seed: int = 0, **changes: Any
) -> AdapterCandidate:
    """A folder with PEFT's files and the served form beside them, as a candidate."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    save_file(
        {key: rng.standard_normal((4, 32)).astype("float32")}, folder / "adapter_model.safetensors"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    (folder / "adapter.gguf").write_bytes(b"GGUF" + rng.bytes(400))
    (folder / "journeyman.json").write_text(json.dumps({"base": BASE}))
    (folder / "README.md").write_text("what PEFT writes beside")
    about = Adapter(BASE, "tiny", 4, changes.pop("examples", (f"Do {name}.", f"Please {name}.")))
    about = replace(about, **changes.pop("about", {}))
    return adapter_candidate(name, f"Use for tasks such as {name}.", folder, about, **changes)


def pairs(text: str, what: str = "t") -> tuple[Pair, ...]:
    """`-+` is lost without and solved with the adapter; pairs are parted by blanks."""
    return tuple(Pair(f"{what}-{n}", a == "+", b == "+") for n, (a, b) in enumerate(text.split()))


def make_exam(candidate: AdapterCandidate, **changes: Any) -> GateReport:
    """An exam that admits."""
    report = GateReport(
        candidate.digest,
        held_out=pairs("-+ " * 8 + "++ -- "),
        general=pairs("++ " * 19 + "-- ", "g"),
        effect=Effect(4, 4, 0.8, True),
    )
    return replace(report, **changes)


@pytest.fixture
def adapter() -> Callable[..., AdapterCandidate]:
    return make_adapter


@pytest.fixture
def exam() -> Callable[..., GateReport]:
    return make_exam


@pytest.fixture
def paired() -> Callable[..., tuple[Pair, ...]]:
    return pairs
