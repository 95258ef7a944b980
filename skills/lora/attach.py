"""Adapters on a loaded base, through PEFT: put on, read off, taken off again.

The base's own tensors are never written to: adapters are extra modules, never merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .base import Base
from .extras import peft, torch
from .layout import PROJECTIONS, Pair, Place, Weights, place_of
from .recipe import Recipe


@contextmanager
def fresh(base: Base, recipe: Recipe) -> Iterator[Any]:
    """A new adapter on the base's upper layers, made from the recipe's seed: it changes nothing
    yet. Yields PEFT's model; the base is bare again afterwards."""
    t, p = torch(), peft()
    with t.random.fork_rng():
        t.manual_seed(recipe.seed)
        wrapped = p.get_peft_model(
            base.model,
            p.LoraConfig(
                r=recipe.rank,
                lora_alpha=recipe.alpha,
                target_modules=list(PROJECTIONS),
                layers_to_transform=list(range(first_layer(base, recipe), base.shape.layers)),
                layers_pattern="layers",
                lora_dropout=0.0,
                bias="none",
                task_type="CAUSAL_LM",
            ),
        )
    try:
        yield wrapped
    finally:
        wrapped.unload()


@contextmanager
def attached(base: Base, folders: Sequence[Path]) -> Iterator[Mapping[str, Path]]:
    """Adapter folders on the base, all active, each at its full strength: `set_mix` changes that.

    Yields the name each has there. The base is bare again afterwards.
    """
    if not folders:
        yield {}
        return
    p = peft()
    names = {f"adapter{number}": folder for number, folder in enumerate(folders)}
    wrapped = None
    try:
        for name, folder in names.items():
            if wrapped is None:
                wrapped = p.PeftModel.from_pretrained(base.model, str(folder), adapter_name=name)
            else:
                wrapped.load_adapter(str(folder), adapter_name=name)
        assert wrapped is not None
        wrapped.base_model.set_adapter(list(names), inference_mode=True)
        wrapped.eval()
        yield names
    finally:
        if wrapped is not None:
            wrapped.unload()


def set_mix(base: Base, strengths: Mapping[str, float]) -> None:
    """Let each attached adapter count with this factor: Σ αᵢ·BᵢAᵢ, exactly."""
    for module in base.model.modules():
        if hasattr(module, "lora_A") and hasattr(module, "scaling"):
            for name, strength in strengths.items():
                if name in module.lora_A:
                    module.set_scale(name, strength)


def first_layer(base: Base, recipe: Recipe) -> int:
    """The lowest layer a recipe adapts on a base."""
    return max(0, base.shape.layers - (recipe.layers or base.shape.layers))


def lowest(adapters: Sequence[Weights]) -> int:
    """The lowest layer that any of them changes."""
    return min((place.layer for adapter in adapters for place in adapter.pairs), default=0)


def read_off(wrapped: Any, recipe: Recipe, about: Mapping[str, Any]) -> Weights:
    """The adapter that is on a model, as arrays in float32."""
    parts: dict[Place, dict[str, Any]] = {}
    for name, tensor in peft().get_peft_model_state_dict(wrapped).items():
        found = place_of(name)
        assert found is not None, name
        parts.setdefault(found[0], {})[found[1]] = tensor.detach().float().cpu().numpy()
    pairs = {place: Pair(parts[place]["A"], parts[place]["B"]) for place in sorted(parts)}
    return Weights(pairs, recipe.rank, recipe.alpha, about)
