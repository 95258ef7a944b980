"""The GGUF form computes in llama.cpp what the folder computes in PEFT."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journeyman.skills.lora import AdapterBroken, NotWritten
from journeyman.skills.lora.attach import attached, set_mix
from journeyman.skills.lora.base import Base, load_base
from journeyman.skills.lora.convert import SERVED, convert
from journeyman.skills.lora.layout import Pair, Place, Weights, write_adapter

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
gguf = pytest.importorskip("gguf")

CHAT = [{"role": "user", "content": "press the other button"}]


def strong(base: Base, folder: Path) -> Path:
    """A random adapter of every place, strong enough to be seen."""
    rng = np.random.default_rng(3)
    pairs = {
        Place(layer, projection): Pair(
            (0.3 * rng.standard_normal((4, into))).astype("float32"),
            (0.3 * rng.standard_normal((out, 4))).astype("float32"),
        )
        for layer in range(base.shape.layers)
        for projection, (out, into) in base.shape.sizes.items()
    }
    return write_adapter(folder, Weights(pairs, 4, 8.0, {"base": base.shape.digest}))


def served(weights: Path, adapter: Path, scales: list[float]) -> list[tuple[int, dict[int, float]]]:
    """Prompt tokens and the likeliest first tokens' log-probabilities, as llama.cpp has them."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 256, 1, -1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.lora_init_without_apply = True
    info = xllamacpp.CommonAdapterLoraInfo()
    info.path, info.scale = str(adapter), 0.0
    params.lora_adapters = [info]
    found = []
    with tempfile.TemporaryDirectory() as private:
        params.hostnames = [f"{private}/s.sock"]
        server = xllamacpp.Server(params)
        for scale in scales:
            # A letter: half a character comes without its probabilities.
            request = {"messages": CHAT, "max_tokens": 1, "grammar": "root ::= [a-z]+"}
            request |= {"logprobs": True, "top_logprobs": 10, "lora": [{"id": 0, "scale": scale}]}
            answer = server.handle_chat_completions(request)
            [first] = answer["choices"][0]["logprobs"]["content"]
            top = {item["id"]: item["logprob"] for item in first["top_logprobs"]}
            found.append((answer["usage"]["prompt_tokens"], top))
        del server
    return found


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_llama_cpp_computes_what_peft_does(
    tmp_path: Path, write_tiny: Any, architecture: str
) -> None:
    pytest.importorskip("xllamacpp")
    weights = write_tiny(tmp_path / "base.gguf", architecture=architecture)
    base = load_base(weights, tmp_path / "cache", "cpu")
    folder = strong(base, tmp_path / "adapter")
    path = convert(folder, base.shape)
    assert path == folder / SERVED and not list(folder.glob(".beside*"))
    tokens = base.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    scales = [0.0, 1.0, 0.5]
    answers = served(weights, path, scales)
    with attached(base, [folder]) as names:
        for scale, (prompt, top) in zip(scales, answers, strict=True):
            set_mix(base, dict.fromkeys(names, scale))
            with torch.no_grad():
                logits = base.model(torch.tensor([tokens])).logits[0, -1]
            expected = torch.log_softmax(logits, -1)
            assert prompt == len(tokens)
            ours = {token: float(expected[token]) for token in top}
            assert set(expected.topk(5).indices.tolist()) <= set(top)
            assert top == pytest.approx(ours, abs=0.02), scale
    assert answers[0][1] != answers[1][1]


def test_the_file_says_what_it_is(base: Any, trained: list[Path], tmp_path: Path) -> None:
    reader = gguf.GGUFReader(str(convert(trained[0], base.shape, tmp_path / "x.gguf")))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.type"] == "adapter" and fields["adapter.type"] == "lora"
    assert fields["general.architecture"] == "qwen2" and fields["adapter.lora.alpha"] == 8.0
    assert fields["journeyman.base"] == base.shape.digest
    names = {tensor.name: tuple(tensor.shape) for tensor in reader.tensors}
    assert names["blk.0.ffn_down.weight.lora_a"] == (64, 4)  # ggml's order: the rows last
    assert len(names) == 2 * 7 * 3


def test_what_does_not_fit_is_refused(base: Any, trained: list[Path], tmp_path: Path) -> None:
    from dataclasses import replace

    short = replace(base.shape, layers=2)
    with pytest.raises(AdapterBroken, match=r"has no layers\.2"):
        convert(trained[0], short, tmp_path / "x.gguf")
    with pytest.raises(NotWritten, match="was not written"):
        convert(trained[0], base.shape, tmp_path / "nowhere" / "x.gguf")
    copy = Path(shutil.copytree(trained[0], tmp_path / "copy"))
    (copy / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(AdapterBroken):
        convert(copy, base.shape)
