"""Attempts made of plain values, prompts as an agent would have them, and a real, tiny Qwen2 in a
GGUF file, which loads in milliseconds in llama.cpp and in transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from journeyman.memory.trajectory import Outcome, Step, Task, Trajectory

SKILL = "SKILL "
"""How the line begins that offers a skill in these prompts."""


class PlainPrompts:
    """Implements `Prompts` without templates."""

    def system(self, trajectory: Trajectory) -> str:
        return "You act."

    def strip(self, prompt: str) -> str:
        return "".join(
            line for line in prompt.splitlines(keepends=True) if not line.startswith(SKILL)
        )

    def revision(self, trajectory: Trajectory, step: Step) -> str:
        return f"Wrong: {step.error or trajectory.outcome.reason}."


def tell(
    name: str,
    task: str,
    steps: Sequence[tuple[Any, ...]],
    success: bool | None = True,
    *,
    judge: Any = "check",
    taint: str = "",
    family: str = "",
    reason: str = "",
) -> Trajectory:
    """An attempt; each step is (prompt, action) or (prompt, action, {field: value})."""
    made = tuple(
        Step(number, action, f"seen after {action}", prompt=prompt, **(more[0] if more else {}))
        for number, (prompt, action, *more) in enumerate(steps, 1)
    )
    return Trajectory(
        name,
        Task(task, f"Do {task}.", family=family),
        made,
        Outcome(success, judge, reason),
        model="m",
        taint=taint,
    )


@pytest.fixture(scope="session")
def attempt() -> Callable[..., Trajectory]:
    return tell


@pytest.fixture(scope="session")
def prompts() -> PlainPrompts:
    return PlainPrompts()


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDTH, FFN, HEADS, KV_HEADS = 32, 64, 4, 2


def _write_tiny(path: Path, seed: int = 0, layers: int = 3, architecture: str = "qwen2") -> Path:
    """Write a base model with random weights."""
    gguf = pytest.importorskip("gguf")
    rng = np.random.default_rng(seed)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [n for n in range(256) if n not in printable]
    letters = [chr(n) for n in printable] + [chr(256 + i) for i in range(len(others))]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*letters, "he", "Ġt", *specials]
    kv = WIDTH // HEADS * KV_HEADS
    shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
    ones = ["output_norm"]
    biases = {}
    for n in range(layers):
        shapes[f"blk.{n}.attn_q"] = shapes[f"blk.{n}.attn_output"] = (WIDTH, WIDTH)
        shapes[f"blk.{n}.attn_k"] = shapes[f"blk.{n}.attn_v"] = (kv, WIDTH)
        shapes[f"blk.{n}.ffn_gate"] = shapes[f"blk.{n}.ffn_up"] = (FFN, WIDTH)
        shapes[f"blk.{n}.ffn_down"] = (WIDTH, FFN)
        ones += [f"blk.{n}.attn_norm", f"blk.{n}.ffn_norm"]
        if architecture == "qwen2":
            biases |= {f"blk.{n}.attn_q": WIDTH, f"blk.{n}.attn_k": kv, f"blk.{n}.attn_v": kv}
    out = gguf.GGUFWriter(str(path), architecture)
    out.add_name("tiny")
    out.add_context_length(2048)
    out.add_embedding_length(WIDTH)
    out.add_block_count(layers)
    out.add_feed_forward_length(FFN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_rope_freq_base(1e6)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([1] * (len(tokens) - len(specials)) + [3] * len(specials))
    out.add_token_merges(["h e", "Ġ t"])
    out.add_eos_token_id(len(tokens) - 1)
    out.add_bos_token_id(len(tokens) - 3)
    out.add_add_bos_token(False)
    out.add_chat_template(CHATML)
    for name, shape in shapes.items():
        scale = 1.0 if name == "token_embd" else 0.2
        out.add_tensor(f"{name}.weight", (scale * rng.standard_normal(shape)).astype("float32"))
    for name in ones:
        out.add_tensor(f"{name}.weight", np.ones(WIDTH, "float32"))
    for name, size in biases.items():
        out.add_tensor(f"{name}.bias", (0.1 * rng.standard_normal(size)).astype("float32"))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


@pytest.fixture(scope="session")
def write_tiny() -> Callable[..., Path]:
    return _write_tiny


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dequantised")


@pytest.fixture(scope="session")
def base(tiny_gguf: Path, cache: Path) -> Any:
    torch = pytest.importorskip("torch")
    pytest.importorskip("peft")
    # Threads that wait for one another on a busy machine cost more than such a model computes.
    torch.set_num_threads(1)
    from journeyman.skills.lora.base import load_base

    return load_base(tiny_gguf, cache, "cpu")


@pytest.fixture(scope="session")
def examples(base: Any) -> list[Any]:
    """Eight conversations that begin alike, of different lengths."""
    from journeyman.skills.lora.tokens import tokenise

    system = "You operate a web page. Reply with calls only."
    goals = [(f"press the button {'x' * n} now", f'click("{"x" * n}")') for n in range(1, 9)]
    return [
        tokenise(
            base.tokenizer,
            [
                SimpleNamespace(role="system", content=system, train=False),
                SimpleNamespace(role="user", content=goal, train=False),
                SimpleNamespace(role="assistant", content=reply, train=True),
            ],
        )
        for goal, reply in goals
    ]


@pytest.fixture(scope="session")
def shape(tiny_gguf: Path, cache: Path, base: Any) -> Any:
    """The tiny base's shape, read as without torch."""
    from journeyman.skills.lora.base import dequantised, read_shape

    return read_shape(dequantised(tiny_gguf, cache))


@pytest.fixture(scope="session")
def trained(base: Any, examples: list[Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three adapters, really trained: on the first and on the last examples, and another way."""
    from journeyman.skills.lora.recipe import Recipe
    from journeyman.skills.lora.train import train

    place = tmp_path_factory.mktemp("trained")
    recipe = Recipe(rank=4, alpha=8.0, epochs=6, batch=4, rate=1e-2)
    parts = [examples[:4], examples[4:], examples[2:6]]
    return [train(base, part, place / str(n), recipe).adapter for n, part in enumerate(parts)]
