"""Packing: examples that begin alike share one forward, [prefix | rest 1 | rest 2 | …].

Every rest sees the prefix and itself, never another rest, so that the loss is the separate
examples' loss; the prefix is computed once. What stands after an example's last token to learn is
left out: it affects nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .tokens import Example

SHORT = 64
"""Tokens of a shared beginning that are not worth a forward of their own."""


@dataclass(frozen=True, slots=True)
class Group:
    """Examples that begin with the same tokens."""

    prefix: tuple[int, ...]
    members: tuple[int, ...]
    """Numbers of the examples."""


@dataclass(frozen=True, slots=True)
class Pack:
    """What goes through the model at once."""

    group: int
    members: tuple[int, ...]


def rest(example: Example, prefix: int) -> tuple[int, ...]:
    """The tokens read after a prefix of that length; the last to learn is only predicted."""
    return example.tokens[prefix : example.end - 1]


def asked(example: Example, prefix: int) -> tuple[list[int], list[int]]:
    """Where in the rest a token is to be predicted, and which token."""
    wanted = [i for i in range(example.end) if example.loss[i]]
    return [i - 1 - prefix for i in wanted], [example.tokens[i] for i in wanted]


def grouped(examples: Sequence[Example]) -> list[Group]:
    """Put examples that share much of their beginning together; each is in exactly one group.

    A prefix ends before the first token that predicts, so that every prediction is in a rest.
    """
    order = sorted(range(len(examples)), key=lambda i: (examples[i].tokens, examples[i].loss))
    groups: list[Group] = []
    members: list[int] = []
    length = 0

    def close() -> None:
        groups.append(Group(examples[members[0]].tokens[:length], tuple(members)))

    for at, number in enumerate(order):
        example = examples[number]
        most = example.first - 1
        if members:
            common = min(_common(examples[members[0]].tokens, example.tokens), length, most)
            after = examples[order[at + 1]] if at + 1 < len(order) else None
            onward = min(_common(example.tokens, after.tokens), after.first - 1) if after else 0
            # What joining costs: those in the group, or those that follow, share less.
            shared = max(length if len(members) > 1 else common, min(onward, most))
            if shared - common <= SHORT or 2 * common >= shared:
                members.append(number)
                length = common
                continue
            close()
        members, length = [number], most
    if members:
        close()
    return groups


def packs(
    examples: Sequence[Example], groups: Sequence[Group], batch: Sequence[int], room: int
) -> list[Pack]:
    """Cut a batch into packs of at most `room` tokens (or of one example)."""
    made: list[Pack] = []
    for at, group in enumerate(groups):
        held = set(group.members)
        members: list[int] = []
        used = length = len(group.prefix)
        for number in batch:
            if number not in held:
                continue
            needs = len(rest(examples[number], length))
            if members and used + needs > room:
                made.append(Pack(at, tuple(members)))
                members, used = [], length
            members.append(number)
            used += needs
        if members:
            made.append(Pack(at, tuple(members)))
    return made


def batches(many: int, size: int, seed: int, epoch: int) -> list[list[int]]:
    """The order of one epoch: the same for the same seed, another for each epoch."""
    order = list(range(many))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, many, size)]


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    length = min(len(left), len(right))
    return next((at for at in range(length) if left[at] != right[at]), length)
