"""TRL reads what is exported, and trains on the replies that are learnt and on nothing else."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from journeyman.skills.lora.dataset import Recipe, build
from journeyman.skills.lora.jsonl import export_pairs, export_samples

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """One token a byte, with the marks of a chat."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )  # fmt: skip
    fast.chat_template = CHATML
    return fast


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512,
        )
    )  # fmt: skip


@pytest.fixture
def exported(attempt: Any, prompts: Any, tmp_path: Path) -> tuple[Path, Path]:
    slip = ("first", "slip()", {"error": "no such button"})
    told = [attempt(f"t{n}", f"task:{n}", [slip, (f"then {n}", f"go({n})")]) for n in range(12)]
    told += [attempt(f"u{n}", f"task:{n}", [(f"at {n}", "good()")]) for n in range(12)]
    told += [attempt(f"f{n}", f"task:{n}", [(f"at {n}", "bad()")], False) for n in range(12)]
    made = build(
        told, prompts, is_exam=lambda task: False, recipe=Recipe(form="conversation", least=4)
    )
    export_samples(made.train, tmp_path / "sft.jsonl")
    export_pairs(made.pairs, tmp_path / "dpo.jsonl")
    return tmp_path / "sft.jsonl", tmp_path / "dpo.jsonl"


def rows(path: Path, tmp_path: Path) -> Any:
    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path))


def test_the_supervised_trainer_counts_the_learnt_reply_only(
    exported: tuple[Path, Path], tmp_path: Path, model: Any, tokenizer: Any
) -> None:
    config = SFTConfig(
        str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, report_to=[],
        use_cpu=True, bf16=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = SFTTrainer(
        model, config, train_dataset=rows(exported[0], tmp_path), processing_class=tokenizer
    )
    learnt = set()
    for batch in trainer.get_train_dataloader():
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            learnt.add(tokenizer.decode(ids[labels != -100]))
            assert "You act." in tokenizer.decode(ids)
    replies = {text.removesuffix("<|im_end|>\n").removesuffix("<|im_end|>") for text in learnt}
    assert "good()" in replies and any(reply.startswith("go(") for reply in replies)
    assert any(reply.startswith("Wrong: ") for reply in replies)
    assert not any("slip()" in reply or "bad()" in reply for reply in replies)
    assert trainer.train().training_loss > 0


def test_the_preference_trainer_takes_the_pairs(
    exported: tuple[Path, Path], tmp_path: Path, model: Any, tokenizer: Any
) -> None:
    config = DPOConfig(
        str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, report_to=[],
        use_cpu=True, bf16=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = DPOTrainer(
        model,
        deepcopy(model),
        config,
        train_dataset=rows(exported[1], tmp_path),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss > 0
