"""A training step of ours beside one of TRL's SFTTrainer: same weights, data, adapter, machine.

    python -m bench.train --tiny
    python -m bench.train --weights FILE.gguf [--layers 8] [--samples 8] [--steps 2] [--out t.json]

Each arm runs in a process of its own, one after the other, and does the same steps on the same
samples: chats of the agent's own system prompt, a page and a reply. The first step's loss has to
agree, since a new adapter changes nothing. Tokens are those of the samples, however often an arm
computes them; the first step (ours fills its cache, TRL's warms up) is shown apart. On a busy
machine go by the processor's seconds; set OMP_WAIT_POLICY=PASSIVE, or waiting counts. TRL runs
without gradient checkpointing, which would slow it, and one sample a forward, since its logits for
every position of eight take 5 GB.

Not covered: several processes, CUDA.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table

from journeyman.skills.lora.base import Base, describe, load_base
from journeyman.skills.lora.layout import PROJECTIONS
from journeyman.skills.lora.recipe import Progress, Recipe
from journeyman.skills.lora.tokens import Example, tokenise
from journeyman.skills.lora.train import train

SYSTEM = Path(__file__).parents[1] / "agent" / "prompts" / "system.j2"
NAMES = ("Ada", "Bela", "Cleo", "Dora", "Emil", "Finn", "Gus", "Hana")
ARMS = ("ours", "trl")


def samples(tokenizer: Any, many: int) -> list[Example]:
    """Chats as the agent has them: the shared system prompt, a goal and a page, a short reply."""
    system = SYSTEM.read_text(encoding="utf-8").strip()
    made = []
    for number in range(many):
        name, other = NAMES[number % len(NAMES)], NAMES[(number * 3 + 1) % len(NAMES)]
        lines = [
            f'{kind} "{who} {row}"  (new)'
            for row in range(4 + number % 3)
            for kind, who in (("button", name), ("link", other), ("checkbox", name))
        ]
        goal = f"Goal: Tick {name} 2 and {name} 3, then press the button of {name} {number}.\n"
        page = goal + "On the page:\n" + "\n".join(lines) + "\nCalls:"
        ticks = [f'check("checkbox", "{name} {row}")' for row in (2, 3)]
        reply = "\n".join([*ticks, f'click("button", "{name} {number}")'])
        turns = [("system", system, False), ("user", page, False), ("assistant", reply, True)]
        said = [SimpleNamespace(role=r, content=c, train=t) for r, c, t in turns]
        made.append(tokenise(tokenizer, said))
    return made


def ours(base: Base, examples: Sequence[Example], recipe: Recipe, work: Path) -> dict[str, Any]:
    """Our steps: seconds and loss of each."""
    ends, told = [clocks()], list[Progress]()

    def say(now: Progress) -> None:
        ends.append(clocks())
        told.append(now)
        print(f"ours: {now}", file=sys.stderr, flush=True)

    train(base, examples, work, recipe, say)
    return {**spans(ends), "loss": [now.loss for now in told]}


def trl(base: Base, examples: Sequence[Example], recipe: Recipe, work: Path) -> dict[str, Any]:
    """SFTTrainer's steps: seconds and loss of each."""
    import datasets  # type: ignore[import-untyped]
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer  # type: ignore[import-untyped]

    ends: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not ends:
                ends.append(clocks())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(clocks())

    layers = base.shape.layers
    first = layers - (recipe.layers or layers)
    rows = [
        {"input_ids": list(e.tokens), "completion_mask": [int(mark) for mark in e.loss]}
        for e in examples
    ]
    trainer = SFTTrainer(
        model=base.model,
        processing_class=base.tokenizer,
        train_dataset=datasets.Dataset.from_list(rows),
        callbacks=[Clock()],
        peft_config=LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            target_modules=list(PROJECTIONS),
            layers_to_transform=list(range(first, layers)),
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=str(work),
            max_steps=recipe.epochs,
            per_device_train_batch_size=1,
            gradient_accumulation_steps=len(examples),
            learning_rate=recipe.rate,
            completion_only_loss=True,
            max_length=None,
            packing=False,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {**spans(ends), "loss": losses}


def clocks() -> tuple[float, float]:
    """Now, and the processor time used so far, in seconds."""
    return time.perf_counter(), time.process_time()


def spans(ends: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    """What passed between one end and the next."""
    pairs = list(itertools.pairwise(ends))
    return {
        "seconds": [b[0] - a[0] for a, b in pairs],
        "processor": [b[1] - a[1] for a, b in pairs],
    }


def tiny_base() -> Base:
    """A random Qwen2 small enough for seconds, over bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, []))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
    )
    model = Qwen2ForCausalLM(config).requires_grad_(False).eval()
    return Base(model, tokenizer, describe(model, "0" * 64, "tiny"))


def arm(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """One arm, in this process."""
    begun = time.perf_counter()
    base = tiny_base() if given.tiny else load_base(given.weights, given.cache, "cpu")
    loaded = time.perf_counter() - begun
    examples = samples(base.tokenizer, given.samples)
    recipe = Recipe(layers=given.layers, epochs=given.steps, batch=given.samples, warmup=0.0)
    with tempfile.TemporaryDirectory(dir=given.work) as work:
        found = {"ours": ours, "trl": trl}[name](base, examples, recipe, Path(work) / "run")
    return {
        **found,
        "arm": name,
        "tokens": sum(len(example.tokens) for example in examples),
        "learnt": sum(sum(example.loss) for example in examples),
        "load": loaded,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def show(found: Sequence[dict[str, Any]], console: Console) -> None:
    """The arms side by side, and the ratio of their tokens a second."""
    table = Table(title=f"{found[0]['tokens']} tokens a step, {found[0]['learnt']} of them learnt")
    for column in (
        "arm",
        "first step s",
        "further s",
        "tokens/s",
        "processor s",
        "first loss",
        "peak GB",
    ):
        table.add_column(column, justify="right")
    speeds = []
    for one in found:
        further = statistics.median(one["seconds"][1:] or one["seconds"])
        speeds.append(one["tokens"] / further)
        used = statistics.median(one["processor"][1:] or one["processor"])
        cells = [one["seconds"][0], further, speeds[-1], used, one["loss"][0], one["peak_gb"]]
        table.add_row(one["arm"], *(f"{cell:.2f}" for cell in cells))
    console.print(table)
    if len(found) > 1:
        console.print(f"ours does {speeds[0] / speeds[1]:.1f} times TRL's tokens a second")
        losses = [one["loss"][0] for one in found]
        if abs(losses[0] - losses[1]) > 0.01 * losses[1]:
            sys.exit(f"the first losses differ ({losses}): the arms do not train on the same")


def main() -> None:
    words = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=words)
    parser.add_argument("--weights", type=Path, help="a GGUF file")
    parser.add_argument("--tiny", action="store_true", help="a random model, for seconds")
    parser.add_argument("--cache", type=Path, default=Path("dequantised"), help="dequantised base")
    parser.add_argument("--layers", type=int, help="upper layers adapted (default: all)")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--work", type=Path, help="where temporary files go")
    parser.add_argument("--out", type=Path, help="write every figure here as JSON")
    parser.add_argument("--only", choices=ARMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(arm(given.only, given)))
        return
    if given.tiny == bool(given.weights):
        parser.error("give --tiny or --weights FILE")
    found = []
    for name in given.arms:
        command = [sys.executable, "-m", "bench.train", *sys.argv[1:], "--only", name]
        made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(made.stdout.splitlines()[-1]))
    show(found, Console(highlight=False))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
