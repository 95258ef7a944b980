"""Arrow on the torch path: every token picks its adapters at every layer, with no training.

A token goes to the adapters whose strongest input direction it is most like.
Source: Arrow, arXiv 2405.11157, as PEFT has it. The served path routes by task instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import AdapterBroken
from .base import Base
from .extras import peft
from .layout import read_adapter


@contextmanager
def arrow(
    base: Base, folders: Sequence[Path], top: int = 2, temperature: float = 1.0
) -> Iterator[Any]:
    """The base with several adapters behind PEFT's Arrow router; yields PEFT's model.

    `top`: adapters a token takes at each place. The base is bare again afterwards. Raises
    AdapterBroken for adapters that cannot be routed together.
    """
    if not folders:
        raise AdapterBroken("route", ["there is no adapter to route to: name one or more"])
    parts = [read_adapter(folder) for folder in folders]
    if len({(part.rank, tuple(part.pairs)) for part in parts}) > 1:
        reason = "they have different ranks or change different places: Arrow needs them alike"
        raise AdapterBroken("route", [reason])
    p = peft()
    names = [f"task_{number}" for number in range(len(folders))]
    config = p.ArrowConfig(top_k=min(top, len(folders)), router_temperature=temperature, rng_seed=0)
    config.task_adapter_names, config.gks_adapter_names = names, []
    # PEFT's create_arrow_model puts the router on every layer, and fails where no adapter is.
    router = p.LoraConfig(
        arrow_config=config,
        r=parts[0].rank,
        target_modules=sorted({place.projection for place in parts[0].pairs}),
        layers_to_transform=sorted({place.layer for place in parts[0].pairs}),
        layers_pattern="layers",
    )
    wrapped = p.PeftModel.from_pretrained(base.model, str(folders[0]), adapter_name=names[0])
    try:
        for name, folder in zip(names[1:], folders[1:], strict=True):
            wrapped.load_adapter(str(folder), adapter_name=name)
        wrapped.add_adapter("arrow_router", router)
        wrapped.set_adapter("arrow_router")
        wrapped.eval()
        yield wrapped
    finally:
        wrapped.unload()
