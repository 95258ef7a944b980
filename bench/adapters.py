"""What it costs to go from one mix of adapters to another, until the next reply's first token.

    python -m bench.adapters --model base.gguf [--hf FOLDER] [--tokens 900] [--rounds 3]
        [--adapters a.gguf b.gguf] [--out adapters.json]

In one run: the embedded model asked again with the same mix (the prompt cache serves it), with
another mix (the prompt is read again), with a model loaded anew instead, and with a second server
that takes over while the first goes on; beside them transformers with PEFT's `set_adapter` on the
same weights (`--hf`, a folder with the dequantised base; left out where it is not given).

Without `--adapters` two random ones over all linear layers, rank 8, are made: the cost does not
depend on what they hold. Not covered: several requests at a time; memory, which `agent/local.py`
states.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.timing import Timings
from journeyman.agent.local import LocalModel

RANK = 8
LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
PEFT_NAMES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SAME, OTHER, ANEW = "same mix, prompt cached", "another mix, prompt read again", "model loaded anew"
JOINS = "a new adapter joins, second server"
SWITCH, PEFT = "PEFT: set_adapter alone", "PEFT: set_adapter and the prompt"


def random_adapter(base: Path, out: Path, seed: int) -> Path:
    """A random adapter over every linear layer of a GGUF model."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(base)
    architecture = reader.fields["general.architecture"].contents()
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(out), architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(2 * RANK))
    for tensor in reader.tensors:
        if tensor.name.split(".")[-2] in LINEAR and tensor.name.endswith(".weight"):
            into, outof = (int(size) for size in tensor.shape[:2])
            for part, shape in (("lora_a", (RANK, into)), ("lora_b", (outof, RANK))):
                values = 0.01 * rng.standard_normal(shape)
                writer.add_tensor(f"{tensor.name}.{part}", values.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


async def embedded(
    base: Path, adapters: list[Path], words: str, rounds: int, times: Timings
) -> int:
    """Time the embedded model; returns the prompt's tokens."""
    asked = [{"role": "user", "content": words}]
    served = {"a": adapters[0]}
    model = LocalModel(base, context=4096)
    await model.serve(served)
    tokens = 0
    for number in range(rounds):
        await model.complete(asked, adapters={"a": 1.0}, max_tokens=1)
        with times.of(SAME):
            reply = await model.complete(asked, adapters={"a": 1.0}, max_tokens=1)
        tokens = reply.prompt_tokens
        assert reply.cached_tokens > 0.8 * tokens, "the prompt cache did not serve it"
        with times.of(OTHER):
            reply = await model.complete(asked, adapters={"a": 0.5}, max_tokens=1)
        assert reply.cached_tokens == 0, "a mix was answered from another's prompt"
        with times.of(JOINS):
            await model.serve({f"b{number}": adapters[1]})
            await model.complete(asked, adapters={f"b{number}": 1.0}, max_tokens=1)
        await asyncio.to_thread(model.close)
        with times.of(ANEW):
            model = LocalModel(base, context=4096)
            await model.serve(served)
            await model.complete(asked, adapters={"a": 1.0}, max_tokens=1)
    await asyncio.to_thread(model.close)
    return tokens


def with_peft(folder: Path, tokens: int, rounds: int, times: Timings) -> None:
    """Time `set_adapter` and one forward over a prompt of as many tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules=list(PEFT_NAMES), init_lora_weights=False
    )
    model: Any = get_peft_model(base, config, adapter_name="a")
    model.add_adapter("b", config)
    model.eval()
    prompt = torch.randint(3, base.config.vocab_size, (1, tokens))
    with torch.inference_mode():
        for _ in range(rounds):
            for name in ("a", "b"):
                with times.of(PEFT):
                    with times.of(SWITCH):
                        model.set_adapter(name)
                    model(prompt, logits_to_keep=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--hf", type=Path)
    parser.add_argument("--adapters", type=Path, nargs=2)
    parser.add_argument("--tokens", type=int, default=900, help="about, of the prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    times, console = Timings(), Console()
    with tempfile.TemporaryDirectory() as place:
        adapters = given.adapters or [
            random_adapter(given.model, Path(place) / f"{seed}.gguf", seed) for seed in (1, 2)
        ]
        words = "the agent opens the page and reads it " * max(1, given.tokens // 8)
        begun = time.perf_counter()
        tokens = asyncio.run(embedded(given.model, adapters, words, given.rounds, times))
    against = {SAME: OTHER, ANEW: OTHER, JOINS: OTHER}
    if given.hf is not None:
        with_peft(given.hf, tokens, given.rounds, times)
        against |= {PEFT: OTHER}
    times.show(f"to the first token, a prompt of {tokens} tokens", console, against)
    console.print(f"{time.perf_counter() - begun:.0f} s in all")
    times.write(given.out)


if __name__ == "__main__":
    main()
