"""The packed forward gives the loss and gradients of the separate examples; masks are exact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lora import forward as forward_module
from journeyman.skills.lora.attach import first_layer, fresh
from journeyman.skills.lora.base import load_base
from journeyman.skills.lora.forward import Forward
from journeyman.skills.lora.pack import Pack, asked, batches, grouped, packs, rest
from journeyman.skills.lora.recipe import Recipe
from journeyman.skills.lora.tokens import Example, tokenise

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

RECIPE = Recipe(rank=4, alpha=8.0)


def stir(wrapped: Any) -> dict[str, Any]:
    """Give the new adapter weights that change something; returns them by name."""
    maker = torch.Generator().manual_seed(5)
    weights = {n: w for n, w in wrapped.named_parameters() if w.requires_grad}
    with torch.no_grad():
        for weight in weights.values():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=maker))
    return weights


def gradients(weights: dict[str, Any]) -> dict[str, Any]:
    found = {name: weight.grad.clone() for name, weight in weights.items()}
    for weight in weights.values():
        weight.grad = None
    return found


def plain(model: Any, examples: Sequence[Example]) -> Any:
    """The summed loss as transformers computes it, one example at a time."""
    total = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.tokens])
        logits = model(ids).logits[0, :-1]
        wanted = torch.tensor(example.loss[1:])
        total = total + torch.nn.functional.cross_entropy(
            logits[wanted], ids[0, 1:][wanted], reduction="sum"
        )
    return total


@pytest.mark.parametrize("layers", [None, 1, 2], ids=["all layers", "the last", "the upper two"])
def test_packed_equals_separate(base: Any, examples: list[Example], layers: int | None) -> None:
    recipe = Recipe(rank=4, alpha=8.0, layers=layers)
    groups = grouped(examples)
    [group] = groups
    assert len(group.prefix) > 50
    with fresh(base, recipe) as wrapped:
        weights = stir(wrapped)
        forward = Forward(base.model, examples, groups, first_layer(base, recipe))
        packed = forward.loss(Pack(0, group.members))
        packed.backward()
        ours = gradients(weights)
        theirs = plain(base.model, examples)
        theirs.backward()
        expected = gradients(weights)
        again = forward.loss(Pack(0, group.members))
    assert float(packed.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    assert float(again.detach()) == float(packed.detach())
    for name, gradient in expected.items():
        assert gradient.abs().max() > 0, name
        assert torch.allclose(ours[name], gradient, atol=1e-4, rtol=1e-4), name


def test_a_llama_is_computed_right_too(tmp_path: Path, write_tiny: Any) -> None:
    other = load_base(write_tiny(tmp_path / "llama.gguf", architecture="llama"), tmp_path / "c")
    made = [Example((5, 6, 7, 8, n, 9), (False,) * 4 + (True,) * 2) for n in (1, 2)]
    groups = grouped(made)
    assert [len(group.prefix) for group in groups] == [3]
    loss = Forward(other.model, made, groups, 2).loss(Pack(0, (0, 1)))
    assert float(loss) == pytest.approx(float(plain(other.model, made)), rel=1e-5)


def test_many_predictions_are_cut_into_chunks(
    base: Any, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = grouped(examples)
    with fresh(base, RECIPE) as wrapped:
        weights = stir(wrapped)
        forward = Forward(base.model, examples, groups, 0)
        whole = forward.loss(Pack(0, groups[0].members))
        whole.backward()
        once = gradients(weights)
        monkeypatch.setattr(forward_module, "CHUNK", 7)
        cut = forward.loss(Pack(0, groups[0].members))
        cut.backward()
        twice = gradients(weights)
    assert float(cut.detach()) == pytest.approx(float(whole.detach()), rel=1e-6)
    assert all(torch.allclose(once[name], twice[name], atol=1e-5) for name in once)


def test_labels_of_a_masked_step_change_nothing_and_those_of_the_reflection_do(base: Any) -> None:
    """STEP: a wrong step stays in view and out of the loss; the reflection on it counts."""
    turns = [
        ("user", "open it", False),
        ("assistant", "close()", False),
        ("user", "that closed it", False),
        ("assistant", "Wrong: it had to open.\nopen()", True),
    ]

    def tokens_of(learn_the_wrong_step: bool) -> Example:
        return tokenise(
            base.tokenizer,
            [
                SimpleNamespace(role=r, content=c, train=t or (learn_the_wrong_step and i == 1))
                for i, (r, c, t) in enumerate(turns)
            ],
        )

    example, careless = tokens_of(False), tokens_of(True)
    assert example.tokens == careless.tokens
    wrong = [i for i, c in enumerate(careless.loss) if c and not example.loss[i]]
    learnt = [i for i, c in enumerate(example.loss) if c]
    assert base.tokenizer.decode([example.tokens[i] for i in wrong]) == "close()<|im_end|>"

    def ours(one: Example) -> tuple[float, dict[str, Any]]:
        with fresh(base, RECIPE) as wrapped:
            weights = stir(wrapped)
            loss = Forward(base.model, [one], grouped([one]), 0).loss(Pack(0, (0,)))
            loss.backward()
            return float(loss.detach()), gradients(weights)

    def reference(changed: Sequence[int]) -> tuple[float, dict[str, Any]]:
        """Every label weighed by the example's mark; the labels at `changed` are others."""
        labels = torch.tensor(example.tokens)
        labels[list(changed)] = (labels[list(changed)] + 17) % 200
        with fresh(base, RECIPE) as wrapped:
            weights = stir(wrapped)
            logits = base.model(torch.tensor([example.tokens])).logits[0, :-1]
            each = torch.nn.functional.cross_entropy(logits, labels[1:], reduction="none")
            loss = (each * torch.tensor(example.loss[1:])).sum()
            loss.backward()
            return float(loss.detach()), gradients(weights)

    def same(one: tuple[float, dict[str, Any]], other: tuple[float, dict[str, Any]]) -> bool:
        close = all(torch.allclose(g, other[1][n], atol=1e-4, rtol=1e-4) for n, g in one[1].items())
        return close and abs(one[0] - other[0]) < 1e-3

    assert same(ours(example), reference([]))
    assert same(ours(example), reference(wrong))
    for place in (learnt[0], learnt[-1]):
        assert not same(ours(example), reference([place])), base.tokenizer.decode([place])
    assert not same(ours(careless), reference([]))


tokens = st.lists(st.integers(0, 3), min_size=2, max_size=12)


@st.composite
def some_examples(draw: st.DrawFn) -> list[Example]:
    made = []
    for _ in range(draw(st.integers(1, 8))):
        row = draw(tokens)
        marks = [
            False,
            *draw(st.lists(st.booleans(), min_size=len(row) - 1, max_size=len(row) - 1)),
        ]
        marks[draw(st.integers(1, len(row) - 1))] = True
        made.append(Example(tuple(row), tuple(marks)))
    return made


@given(some_examples(), st.integers(1, 30))
def test_grouping_and_packing_lose_nothing(made: list[Example], room: int) -> None:
    groups = grouped(made)
    assert sorted(n for group in groups for n in group.members) == list(range(len(made)))
    for group in groups:
        for number in group.members:
            example = made[number]
            assert example.tokens[: len(group.prefix)] == group.prefix
            where, targets = asked(example, len(group.prefix))
            assert min(where) >= 0
            tail = rest(example, len(group.prefix))
            assert max(where) == len(tail) - 1
            assert targets == [
                t for t, counts in zip(example.tokens, example.loss, strict=True) if counts
            ]
    for batch in batches(len(made), 3, 0, 1):
        parts = packs(made, groups, batch, room)
        assert sorted(n for part in parts for n in part.members) == sorted(batch)
        for part in parts:
            length = len(groups[part.group].prefix)
            size = length + sum(len(rest(made[n], length)) for n in part.members)
            assert size <= room or len(part.members) == 1


def test_each_epoch_has_its_own_order_and_a_seed_repeats_it() -> None:
    first, second = batches(50, 8, 0, 0), batches(50, 8, 0, 1)
    assert first != second and first == batches(50, 8, 0, 0) != batches(50, 8, 1, 0)
