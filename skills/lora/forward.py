"""The forward pass for training: packed, with logits only where there is loss.

Two things make it cheap on a CPU. The layers below the first adapted one give the same for an
example at every epoch, so they are computed once and kept (4 · hidden bytes a token, in float32).
And a pack's shared prefix is computed once. In the last layer only the positions that predict are
computed beyond keys and values.

Covered: decoders of the Llama shape (Llama, Qwen2) with full attention. Not covered: dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .extras import torch
from .pack import Group, Pack, asked, rest
from .tokens import Example

if TYPE_CHECKING:
    from torch import Tensor

Past = tuple["Tensor", "Tensor"]
"""Keys and values of a prefix: (kv heads, prefix, head size) each."""
CHUNK = 512
"""Predictions whose logits exist at once; a vocabulary of 152,000 takes 0.6 MB each, thrice."""


class Forward:
    """Computes the loss of packs of these examples on one model."""

    def __init__(
        self, model: Any, examples: Sequence[Example], groups: Sequence[Group], first: int
    ) -> None:
        """`first`: the lowest adapted layer; those below it never change while this lives."""
        self._model = model
        self._decoder = model.model
        self._examples = examples
        self._groups = groups
        self._first = first
        self._device = model.lm_head.weight.device
        self._prefixes: dict[int, tuple[Tensor, list[Past]]] = {}
        self._rests: dict[int, Tensor] = {}

    @property
    def kept_bytes(self) -> int:
        """Memory that the lower layers' results take."""
        prefixes = [state for state, _ in self._prefixes.values()]
        pasts = [each for _, past in self._prefixes.values() for pair in past for each in pair]
        return sum(x.nbytes for x in [*prefixes, *pasts, *self._rests.values()])

    def loss(self, pack: Pack) -> Tensor:
        """The summed negative log-likelihood (nats) of a pack's tokens to learn."""
        t = torch()
        length = len(self._groups[pack.group].prefix)
        prefix, _ = self._prefix(pack.group)
        rests = [self._rest(pack.group, number) for number in pack.members]
        hidden = t.cat([prefix, *rests])
        spans, rows, targets, start = [], [], [], length
        for number, states in zip(pack.members, rests, strict=True):
            spans.append((start, start + len(states)))
            where, tokens = asked(self._examples[number], length)
            rows.append([start + place for place in where])
            targets += tokens
            start += len(states)
        turn = self._turn([range(length), *(range(length, length + b - a) for a, b in spans)])
        layers = self._decoder.layers
        for layer in layers[self._first : -1]:
            hidden = _layer(layer, hidden, turn, length, spans)
        hidden = _layer(layers[-1], hidden, turn, length, spans, rows=rows)
        return self._likelihood(self._decoder.norm(hidden), targets)

    def _prefix(self, group: int) -> tuple[Tensor, list[Past]]:
        held = self._prefixes.get(group)
        if held is None:
            tokens = self._groups[group].prefix
            hidden, turn, pasts = self._embed(tokens), self._turn([range(len(tokens))]), []
            with torch().no_grad():
                for layer in self._decoder.layers[: self._first]:
                    pasts.append(_keys_values(layer, layer.input_layernorm(hidden), turn))
                    if tokens:
                        hidden = _layer(layer, hidden, turn, len(tokens), [])
            held = self._prefixes[group] = hidden, pasts
        return held

    def _rest(self, group: int, number: int) -> Tensor:
        # One example at a time, so that a resumed run computes exactly what the first one did.
        held = self._rests.get(number)
        if held is None:
            length = len(self._groups[group].prefix)
            tokens = rest(self._examples[number], length)
            _, pasts = self._prefix(group)
            hidden = self._embed(tokens)
            turn = self._turn([range(length, length + len(tokens))])
            with torch().no_grad():
                for layer, past in zip(self._decoder.layers, pasts, strict=False):
                    hidden = _layer(layer, hidden, turn, 0, [(0, len(tokens))], past=past)
            held = hidden
            if self._first:
                self._rests[number] = held
        return held

    def _embed(self, tokens: Sequence[int]) -> Tensor:
        t = torch()
        with t.no_grad():
            return self._decoder.embed_tokens(
                t.tensor(tokens, dtype=t.long, device=self._device)
            ).detach()

    def _turn(self, positions: Sequence[range]) -> Past:
        """Cosines and sines of the rotary embedding for these positions, one after the other."""
        t = torch()
        places = [place for run in positions for place in run]
        with t.no_grad():
            ids = t.tensor([places], dtype=t.long, device=self._device)
            cos, sin = self._decoder.rotary_emb(self._model.lm_head.weight, ids)
        return cos[0], sin[0]

    def _likelihood(self, hidden: Tensor, targets: Sequence[int]) -> Tensor:
        t = torch()
        wanted = t.tensor(targets, dtype=t.long, device=self._device)

        def part(states: Tensor, answers: Tensor) -> Tensor:
            logits = self._model.lm_head(states).float()
            return t.nn.functional.cross_entropy(logits, answers, reduction="sum")

        if len(targets) <= CHUNK:
            return part(hidden, wanted)
        again = t.utils.checkpoint.checkpoint
        parts = zip(hidden.split(CHUNK), wanted.split(CHUNK), strict=True)
        return t.stack([again(part, *pair, use_reentrant=False) for pair in parts]).sum()


def _layer(
    layer: Any,
    hidden: Tensor,
    turn: Past,
    length: int,
    spans: Sequence[tuple[int, int]],
    past: Past | None = None,
    rows: Sequence[Sequence[int]] | None = None,
) -> Tensor:
    """One decoder layer over [prefix of `length` | spans], (tokens, hidden size) in and out.

    `past`: the prefix's keys and values, where it is not part of `hidden` (`length` is 0 then).
    `rows`: the positions of each span to compute; what comes out holds these only.
    """
    t = torch()
    attention = layer.self_attn
    normed = layer.input_layernorm(hidden)
    keys, values = _keys_values(layer, normed, turn)
    cos, sin = turn
    if rows is not None:
        flat = t.tensor([row for span in rows for row in span], device=hidden.device)
        hidden, normed, cos, sin = hidden[flat], normed[flat], cos[flat], sin[flat]
    queries = _rotate(_heads(attention.q_proj(normed), attention.head_dim), cos, sin)
    before = (keys[:, :length], values[:, :length]) if past is None else past
    seen = []
    if rows is None and length:
        seen.append(_attend(queries[:, :length], *before, None))
    at = 0
    for number, (start, end) in enumerate(spans):
        own = range(start, end) if rows is None else rows[number]
        at = start if rows is None else at
        known = before[0].shape[1]
        last = t.tensor(own, device=hidden.device) - start + known
        allowed = t.arange(known + end - start, device=hidden.device) <= last[:, None]
        k = t.cat([before[0], keys[:, start:end]], 1)
        v = t.cat([before[1], values[:, start:end]], 1)
        seen.append(_attend(queries[:, at : at + len(own)], k, v, allowed))
        at += len(own)
    hidden = hidden + attention.o_proj(t.cat(seen))
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def _attend(queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None) -> Tensor:
    """(heads, tokens, size) each to (tokens, heads · size); without `allowed`, causal."""
    out = torch().nn.functional.scaled_dot_product_attention(
        queries[None],
        keys[None],
        values[None],
        attn_mask=allowed,
        is_causal=allowed is None,
        enable_gqa=True,
    )
    return out[0].transpose(0, 1).flatten(1)


def _keys_values(layer: Any, normed: Tensor, turn: Past) -> Past:
    attention = layer.self_attn
    keys = _heads(attention.k_proj(normed), attention.head_dim)
    return _rotate(keys, *turn), _heads(attention.v_proj(normed), attention.head_dim)


def _heads(flat: Tensor, size: int) -> Tensor:
    """(tokens, heads · size) to (heads, tokens, size)."""
    return flat.unflatten(-1, (-1, size)).transpose(0, 1)


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    low, high = states.chunk(2, -1)
    return states * cos + torch().cat((-high, low), -1) * sin
