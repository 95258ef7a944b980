"""The base comes from the agent's own weights file, dequantised once, and says what it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from journeyman.skills.lora import BaseUnusable, NotWritten
from journeyman.skills.lora.base import dequantised, load_base, pick_device, read_shape

torch = pytest.importorskip("torch")
pytest.importorskip("peft")


def test_the_weights_are_those_of_the_file_and_dequantised_once(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    import gguf

    base = load_base(tiny_gguf, tmp_path, "cpu")
    assert base.shape.digest == hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    [folder] = tmp_path.iterdir()
    assert folder.name == base.shape.digest and read_shape(folder) == base.shape
    held = {tensor.name: tensor.data for tensor in gguf.GGUFReader(str(tiny_gguf)).tensors}
    weight = base.model.model.layers[1].mlp.up_proj.weight
    assert weight.dtype == torch.float32 and not weight.requires_grad
    assert (weight.numpy() == held["blk.1.ffn_up.weight"]).all()

    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = load_base(tiny_gguf, tmp_path, "cpu")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(again.model(ids).logits, base.model(ids).logits)


def test_what_is_no_base_is_refused(tmp_path: Path, write_tiny: Any, tiny_gguf: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing more")
    with pytest.raises(BaseUnusable, match="cannot read"):
        load_base(broken, tmp_path / "cache", "cpu")
    with pytest.raises(BaseUnusable, match="name a file"):
        load_base(tmp_path / "nowhere.gguf", tmp_path / "cache", "cpu")
    assert list((tmp_path / "cache").iterdir()) == []
    (tmp_path / "full").write_text("a file where the folder should be")
    with pytest.raises(NotWritten, match="name another folder"):
        dequantised(tiny_gguf, tmp_path / "full")
    with pytest.raises(BaseUnusable, match="no dequantised base"):
        read_shape(tmp_path)


def test_the_device_is_chosen_or_refused() -> None:
    with pytest.raises(BaseUnusable, match="auto, cpu or cuda"):
        pick_device("gpu")
    if torch.cuda.is_available():
        assert pick_device("auto") == "cuda"
    else:
        assert pick_device("auto") == "cpu"
        with pytest.raises(BaseUnusable, match="has no CUDA"):
            pick_device("cuda")


@pytest.mark.gpu
def test_training_on_cuda_learns(tiny_gguf: Path, examples: list[Any], tmp_path: Path) -> None:
    from journeyman.skills.lora.recipe import Recipe
    from journeyman.skills.lora.score import loss
    from journeyman.skills.lora.train import train

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    base = load_base(tiny_gguf, tmp_path / "cache", "cuda")
    recipe = Recipe(rank=4, alpha=8.0, epochs=6, batch=4, rate=1e-2)
    done = train(base, examples, tmp_path / "run", recipe)
    assert loss(base, done.adapter, examples) < 0.8 * loss(base, None, examples)
