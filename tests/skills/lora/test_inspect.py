"""What is wrong with an adapter's files is said; a real adapter passes; a planted spike does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journeyman.skills.lora.inspect import flaws, spectrum
from journeyman.skills.lora.layout import (
    ABOUT,
    CONFIG,
    WEIGHTS,
    Pair,
    Place,
    Weights,
    key,
    read_adapter,
    write_adapter,
)

pytest.importorskip("torch")
pytest.importorskip("peft")

Change = Callable[[dict[Place, Pair]], None]


@pytest.fixture
def copy(trained: list[Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "copy"))


@pytest.fixture
def altered(trained: list[Path], tmp_path: Path) -> Callable[[Change], Path]:
    """A real adapter whose weights somebody changed."""

    def make(change: Change) -> Path:
        real = read_adapter(trained[0])
        pairs = {place: Pair(pair.a.copy(), pair.b.copy()) for place, pair in real.pairs.items()}
        change(pairs)
        return write_adapter(tmp_path / "altered", replace(real, pairs=pairs))

    return make


def test_real_adapters_pass(shape: Any, trained: list[Path]) -> None:
    assert [flaws(folder, shape, rank=4) for folder in trained] == [[], [], []]


@pytest.mark.parametrize("name", ["adapter_model.bin", "optimizer.pt", "x.pkl"])
def test_a_pickled_file_is_refused_unopened(copy: Path, shape: Any, name: str) -> None:
    (copy / name).write_bytes(b"\x80\x04cos\nsystem\n")
    [said] = flaws(copy, shape, rank=4)
    assert name in said and "never opened" in said


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(copy: Path, shape: Any, name: str) -> None:
    (copy / name).unlink()
    assert flaws(copy, shape, rank=4) == [f"it lacks {name}"]
    assert "no folder" in flaws(copy / "nowhere", shape)[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (WEIGHTS, b"\x08\x00\x00\x00\x00\x00\x00\x00{broken}", "cannot be read"),
        (WEIGHTS, b"", "cannot be read"),
        (CONFIG, b"{", "cannot be read"),
        (CONFIG, b"[]", "no JSON object"),
        (CONFIG, b'{"r": "many", "lora_alpha": 8}', "has the r 'many'"),
        (CONFIG, b'{"r": 4, "lora_alpha": 0}', "has the lora_alpha 0"),
        (ABOUT, b"\xff", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(
    copy: Path, shape: Any, name: str, content: bytes, said: str
) -> None:
    (copy / name).write_bytes(content)
    [sentence] = flaws(copy, shape, rank=4)
    assert name in sentence and said in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"r": 8}, "declares the rank 8"),
        ({"use_dora": True}, "use_dora"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"target_modules": ["q_proj"]}, "other modules"),
        ({"peft_type": "IA3"}, "plain LoRA"),
    ],
)
def test_a_configuration_that_lies_is_refused(
    copy: Path, shape: Any, changes: dict[str, Any], said: str
) -> None:
    config = json.loads((copy / CONFIG).read_text())
    (copy / CONFIG).write_text(json.dumps(config | changes))
    assert any(said in sentence for sentence in flaws(copy, shape, rank=4))


def test_another_rank_than_the_base_s_is_refused(shape: Any, trained: list[Path]) -> None:
    found = flaws(trained[0], shape)
    assert any("fixed rank is 16" in said for said in found)
    assert any("needs 16×" in said for said in found) and "more of that kind" in found[-1]


def test_an_adapter_for_another_base_is_refused(copy: Path, shape: Any) -> None:
    [said] = flaws(copy, replace(shape, digest="f" * 64, name="other.gguf"), rank=4)
    assert "was trained on tiny.gguf" in said and "not on other.gguf" in said
    (copy / ABOUT).unlink()
    assert "does not say which base" in flaws(copy, shape, rank=4)[0]
    assert flaws(copy, shape, rank=4, declared=shape.digest) == []
    assert "not on tiny.gguf" in flaws(copy, shape, rank=4, declared="e" * 64)[0]


def test_shapes_and_places_that_the_base_lacks_are_refused(
    altered: Callable[[Change], Path], shape: Any
) -> None:
    def change(pairs: dict[Place, Pair]) -> None:
        pairs[Place(9, "q_proj")] = pairs[Place(0, "q_proj")]
        down = pairs[Place(1, "down_proj")]
        pairs[Place(1, "down_proj")] = Pair(down.a[:, :-1], down.b)

    found = flaws(altered(change), shape, rank=4)
    assert any("has no layers.9" in said for said in found)
    assert any("A 4×63 and B 32×4" in said and "4×64" in said for said in found)


def test_tensors_that_are_no_lora_pair_are_refused(copy: Path, shape: Any) -> None:
    from safetensors.numpy import load_file, save_file

    held = load_file(copy / WEIGHTS)
    alone = key(Place(1, "v_proj"), "A")
    del held[key(Place(1, "v_proj"), "B")]
    held["base_model.model.lm_head.weight"] = np.zeros((2, 2), "float32")
    save_file(held, copy / WEIGHTS)
    found = flaws(copy, shape, rank=4)
    assert alone in held
    assert any("lora_A alone" in said for said in found)
    assert any("lm_head" in said for said in found)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(
    altered: Callable[[Change], Path], shape: Any, value: float
) -> None:
    def change(pairs: dict[Place, Pair]) -> None:
        pairs[Place(2, "k_proj")].b[3, 1] = value

    assert flaws(altered(change), shape, rank=4) == [
        f"{key(Place(2, 'k_proj'), 'B')} is not finite"
    ]


def test_an_adapter_that_changes_nothing_is_refused(
    altered: Callable[[Change], Path], shape: Any
) -> None:
    def change(pairs: dict[Place, Pair]) -> None:
        for pair in pairs.values():
            pair.b[:] = 0

    [said] = flaws(altered(change), shape, rank=4)
    assert "changes nothing" in said


def test_a_planted_spike_is_noticed(altered: Callable[[Change], Path], shape: Any) -> None:
    where = Place(1, "o_proj")

    def change(pairs: dict[Place, Pair]) -> None:
        """One direction in, one direction out, twenty times as strong as what was learnt."""
        pair, rng = pairs[where], np.random.default_rng(0)
        top = spectrum(pair)[0]
        into, out = rng.standard_normal(pair.a.shape[1]), rng.standard_normal(pair.b.shape[0])
        pair.a[0] = into / np.linalg.norm(into)
        pair.b[:, 0] = 20 * top * out / np.linalg.norm(out)

    found = flaws(altered(change), shape, rank=4)
    assert found and all(str(where) in said for said in found)
    assert "times as strongly as o_proj elsewhere" in found[0]


def test_one_kind_planted_in_every_layer_is_noticed(
    altered: Callable[[Change], Path], shape: Any
) -> None:
    def change(pairs: dict[Place, Pair]) -> None:
        for place, pair in pairs.items():
            if place.projection == "gate_proj":
                pair.b[:] *= 60

    assert any("gate_proj is changed" in said for said in flaws(altered(change), shape, rank=4))


def test_a_change_as_strong_as_the_base_is_noticed(
    altered: Callable[[Change], Path], shape: Any
) -> None:
    def change(pairs: dict[Place, Pair]) -> None:
        for pair in pairs.values():
            pair.b[:] *= 100

    assert any("the base's own weights" in said for said in flaws(altered(change), shape, rank=4))


def test_the_spectrum_is_that_of_the_product() -> None:
    rng = np.random.default_rng(1)
    pair = Pair(rng.standard_normal((4, 30)).astype("f"), rng.standard_normal((20, 4)).astype("f"))
    expected = np.linalg.svd(pair.b @ pair.a, compute_uv=False)[:4]
    assert np.allclose(spectrum(pair), expected, rtol=1e-5)


def test_the_base_s_norms_are_its_largest_singular_values(base: Any, shape: Any) -> None:
    weight = base.model.model.layers[1].mlp.up_proj.weight.numpy()
    expected = np.linalg.svd(weight, compute_uv=False)[0]
    assert shape.norms["layers.1.mlp.up_proj"] == pytest.approx(expected, rel=0.05)
    assert isinstance(Weights({}, 4, 8.0, {}).scale, float)
