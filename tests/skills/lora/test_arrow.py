"""Arrow: adapters behind PEFT's router, each token by itself; the base is bare again afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.skills.lora import AdapterBroken
from journeyman.skills.lora.arrow import arrow
from journeyman.skills.lora.attach import attached
from journeyman.skills.lora.recipe import Recipe
from journeyman.skills.lora.tokens import Example
from journeyman.skills.lora.train import train

torch = pytest.importorskip("torch")
pytest.importorskip("peft")


def logits(model: Any, examples: list[Example]) -> Any:
    with torch.no_grad():
        return model(torch.tensor([examples[0].tokens])).logits


def test_tokens_are_routed_and_the_base_comes_back(
    base: Any, trained: list[Path], examples: list[Example]
) -> None:
    bare = logits(base.model, examples)
    with arrow(base, trained, top=1) as wrapped:
        routed = logits(wrapped, examples)
        again = logits(wrapped, examples)
    with attached(base, trained[:1]):
        alone = logits(base.model, examples)
    assert torch.equal(routed, again)
    assert (routed - bare).abs().max() > 0.1 and (routed - alone).abs().max() > 1e-3
    assert torch.equal(logits(base.model, examples), bare)


def test_one_adapter_behind_the_router_is_that_adapter(
    base: Any, trained: list[Path], examples: list[Example]
) -> None:
    with arrow(base, trained[:1]) as wrapped:
        routed = logits(wrapped, examples)
    with attached(base, trained[:1]):
        assert torch.allclose(routed, logits(base.model, examples), atol=1e-4)


def test_adapters_of_the_upper_layers_are_routed_too(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    recipe = Recipe(rank=4, alpha=8.0, layers=1, epochs=1, rate=1e-2)
    made = [train(base, examples[n : n + 4], tmp_path / str(n), recipe).adapter for n in (0, 4)]
    with arrow(base, made) as wrapped:
        routed = logits(wrapped, examples)
    assert (routed - logits(base.model, examples)).abs().max() > 1e-3


def test_adapters_that_are_not_alike_are_refused(
    base: Any, trained: list[Path], examples: list[Example], tmp_path: Path
) -> None:
    thin = train(base, examples, tmp_path, Recipe(rank=2, alpha=4.0, epochs=1)).adapter
    with pytest.raises(AdapterBroken, match="different ranks"), arrow(base, [trained[0], thin]):
        pass
    with pytest.raises(AdapterBroken, match="no adapter to route to"), arrow(base, []):
        pass
