"""Example: a conversation as tokens, and which of them count in the loss.

What is learnt is what the model has to write itself: the words of the turns marked `train` and the
token that ends a turn. All else, wrong steps included, is read and not learnt.

Source: STEP, partial masking of self-reflected trajectories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import DatasetError


class Turn(Protocol):
    """One message of a conversation; `sample.Message` is one."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def train(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Example:
    """Tokens of one conversation. `loss[i]`: token i is to be predicted from those before it."""

    tokens: tuple[int, ...]
    loss: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.loss):
            raise DatasetError(
                f"an example has {len(self.tokens)} tokens and {len(self.loss)} marks:"
                " give one each"
            )
        if not any(self.loss):
            raise DatasetError("an example has no token to learn: mark a turn as `train`")
        if self.loss[0]:
            raise DatasetError("an example's first token has nothing to be predicted from")

    @property
    def first(self) -> int:
        """Where the first token to learn stands."""
        return self.loss.index(True)

    @property
    def end(self) -> int:
        """One after the last token to learn: nothing from there on affects the loss."""
        return len(self.loss) - self.loss[::-1].index(True)


def tokenise(tokenizer: Any, turns: Sequence[Turn]) -> Example:
    """A conversation in the chat template of the base, as tokens. `tokenizer`: transformers' own.

    A reply's tokens are made apart from its prompt's, as they are when the model is asked. Raises
    DatasetError where the template shows a turn differently once a reply follows it.
    """
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]

    def shown(many: int, asking: bool) -> str:
        text: str = tokenizer.apply_chat_template(
            messages[:many], tokenize=False, add_generation_prompt=asking
        )
        return text

    pieces: list[tuple[str, bool]] = []
    whole, done = shown(len(messages), False), 0
    for number, turn in enumerate(turns):
        if not turn.train:
            continue
        head, upto = shown(number, True), shown(number + 1, False)
        if not upto.startswith(head) or not whole.startswith(upto):
            raise DatasetError(
                f"the chat template rewrites turns before number {number + 1}: such conversations"
                " cannot be masked exactly; split them into one sample a reply"
            )
        # The template's line break after the end of a turn is not the model's to write.
        reply = upto[len(head) :].rstrip()
        pieces += [(whole[done : len(head)], False), (reply, True)]
        done = len(head) + len(reply)
    pieces.append((whole[done:], False))
    tokens: list[int] = []
    loss: list[bool] = []
    for text, counts in pieces:
        made = tokenizer.encode(text, add_special_tokens=False)
        tokens += made
        loss += [counts] * len(made)
    return Example(tuple(tokens), tuple(loss))


def digest(examples: Iterable[Example]) -> str:
    """Hex sha256 over tokens and marks, in order."""
    found = hashlib.sha256()
    for example in examples:
        found.update(repr((example.tokens, example.loss)).encode())
    return found.hexdigest()
