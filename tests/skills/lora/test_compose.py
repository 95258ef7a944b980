"""PSEC: mixes are exact, touch nothing, and the strengths chosen from context beat the obvious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journeyman.skills.lora import AdapterBroken
from journeyman.skills.lora.attach import attached, set_mix
from journeyman.skills.lora.compose import choose, compose, mixed
from journeyman.skills.lora.inspect import flaws
from journeyman.skills.lora.layout import Pair, Place, read_adapter
from journeyman.skills.lora.recipe import Recipe
from journeyman.skills.lora.score import loss, mix_loss
from journeyman.skills.lora.tokens import Example
from journeyman.skills.lora.train import train

torch = pytest.importorskip("torch")
pytest.importorskip("peft")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_mix_is_base_plus_the_weighted_sum(
    base: Any, shape: Any, trained: list[Path], examples: list[Example], tmp_path: Path
) -> None:
    strengths = (0.7, -0.4, 1.3)
    before = [files(folder) for folder in trained]
    weights = [weight.clone() for weight in base.model.parameters()]
    made = compose(trained, strengths, tmp_path / "mix")
    assert flaws(made, shape, rank=12) == []
    ids = torch.tensor([examples[0].tokens])

    expected = {}
    parts = [read_adapter(folder) for folder in trained]
    for place in parts[0].pairs:
        pairs = [part.pairs[place] for part in parts]
        expected[str(place)] = sum(
            s * 2.0 * pair.b @ pair.a for s, pair in zip(strengths, pairs, strict=True)
        )
    whole = read_adapter(made)
    for place, pair in whole.pairs.items():
        assert np.allclose(whole.scale * pair.b @ pair.a, expected[str(place)], atol=1e-5)

    hooks = []
    for name, module in base.model.named_modules():
        change = expected.get(name.removeprefix("model."))
        if change is not None:
            delta = torch.tensor(change)
            hooks.append(module.register_forward_hook(lambda _, i, o, d=delta: o + i[0] @ d.T))
    by_hand = base.model(ids).logits
    for hook in hooks:
        hook.remove()
    with attached(base, [made]):
        composed = base.model(ids).logits
    with attached(base, trained) as names:
        set_mix(base, dict(zip(names, strengths, strict=True)))
        summed = base.model(ids).logits
    assert (base.model(ids).logits - by_hand).abs().max() > 0.1
    assert torch.allclose(composed, by_hand, atol=1e-5)
    assert torch.allclose(summed, by_hand, atol=1e-5)

    assert [files(folder) for folder in trained] == before
    assert all(torch.equal(*pair) for pair in zip(weights, base.model.parameters(), strict=True))


def test_parts_of_different_ranks_and_layers_mix_exactly(trained: list[Path]) -> None:
    one, two = read_adapter(trained[0]), read_adapter(trained[1])
    upper = replace(two, pairs={p: pair for p, pair in two.pairs.items() if p.layer == 2})
    rng = np.random.default_rng(0)
    thin = replace(
        one,
        rank=2,
        alpha=1.0,
        pairs={
            place: Pair(
                rng.standard_normal((2, pair.a.shape[1])).astype("f"),
                rng.standard_normal((pair.b.shape[0], 2)).astype("f"),
            )
            for place, pair in one.pairs.items()
        },
    )
    whole = mixed([thin, upper], (0.5, 2.0))
    assert whole.rank == 6 and set(whole.pairs) == set(one.pairs)
    for place, pair in whole.pairs.items():
        expected = 0.5 * thin.scale * thin.pairs[place].b @ thin.pairs[place].a
        if place.layer == 2:
            expected = expected + 2.0 * upper.scale * upper.pairs[place].b @ upper.pairs[place].a
        assert np.allclose(whole.scale * pair.b @ pair.a, expected, atol=1e-5)


def test_parts_that_do_not_belong_together_are_refused(trained: list[Path]) -> None:
    one = read_adapter(trained[0])
    other = replace(one, about={"base": "elsewhere"})
    with pytest.raises(AdapterBroken, match="different bases"):
        mixed([one, other], (1, 1))
    with pytest.raises(AdapterBroken, match="give one each"):
        mixed([one], (1, 1))
    place = Place(0, "q_proj")
    cut = replace(one, pairs={place: Pair(one.pairs[place].a[:, 1:], one.pairs[place].b)})
    with pytest.raises(AdapterBroken, match="different shapes"):
        mixed([one, cut], (1, 1))


def test_strengths_chosen_from_context_beat_each_alone_and_the_even_mix(
    base: Any, tmp_path: Path
) -> None:
    """Three adapters, each of one habit; what is asked for needs two of them, not evenly."""
    rng = np.random.default_rng(4)

    def habit(number: int, many: int) -> list[Example]:
        """Prompts of any letters that are answered with the habit's letters."""
        answer = {0: (70, 71, 72, 73), 1: (80, 81, 82, 83), 2: (90, 91, 92, 93)}[number]
        return [
            Example(
                (*map(int, rng.integers(1, 60, 6)), 100 + number, *answer),
                (False,) * 7 + (True,) * 4,
            )
            for _ in range(many)
        ]

    recipe = Recipe(rank=4, alpha=8.0, epochs=8, batch=8, rate=1e-2)
    folders = [
        train(base, habit(number, 24), tmp_path / str(number), recipe).adapter
        for number in range(3)
    ]
    few = [*habit(0, 6), *habit(1, 3)]
    held_out = [*habit(0, 20), *habit(1, 10)]
    with mix_loss(base, folders, few) as loss_of:
        chosen, found = choose(loss_of, 3)
        assert found == pytest.approx(loss_of(chosen))
    with mix_loss(base, folders, held_out) as loss_of:
        alone = [loss_of([float(i == j) for j in range(3)]) for i in range(3)]
        even = loss_of([1 / 3] * 3)
        ours = loss_of(chosen)
        bare = loss_of([0.0] * 3)
    assert ours < min(*alone, even, bare) - 0.05, (chosen, ours, alone, even, bare)
    made = compose(folders, chosen, tmp_path / "mix")
    assert loss(base, made, held_out) == pytest.approx(ours, abs=1e-4)


def test_the_search_finds_the_bottom_of_a_bowl_within_its_bounds_and_tries() -> None:
    asked: list[tuple[float, ...]] = []

    def bowl(point: Sequence[float]) -> float:
        asked.append(tuple(point))
        return (point[0] - 0.8) ** 2 + 2 * (point[1] - 0.3) ** 2 + (point[2] + 1) ** 2

    best, value = choose(bowl, 3, tries=200)
    assert best == pytest.approx((0.8, 0.3, 0.0), abs=0.05) and value < 1.01
    assert len(asked) == len(set(asked)) and all(0 <= x <= 1.5 for point in asked for x in point)
    assert choose(bowl, 3, tries=200) == (best, value)
    asked.clear()
    choose(bowl, 3, tries=5)
    assert len(asked) <= 6 + 5


def test_a_loss_that_is_no_number_is_never_chosen() -> None:
    best, value = choose(lambda p: float("nan") if p[0] > 0.4 else -p[0], 1)
    assert 0.3 <= best[0] <= 0.4 and value == -best[0]
    assert choose(lambda p: 1.0, 0) == ((), 1.0)
