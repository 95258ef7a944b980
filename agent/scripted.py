"""ScriptedModel: the fake that ships. It obeys the `Model` protocol and asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from . import ScriptExhausted
from .model import Message, Reply, Usage

Scripted = str | Callable[[Sequence[Message]], str]
"""A reply, or what makes one from the messages."""


class ScriptedModel:
    """Gives its replies in order and keeps what it was asked in `asked`."""

    def __init__(self, replies: Iterable[Scripted], name: str = "scripted") -> None:
        self.name = name
        self.asked: list[list[Message]] = []
        self.grammars: list[str | None] = []
        self.mixes: list[dict[str, float]] = []
        """The adapters of each request."""
        self._replies = list(replies)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        grammar: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 256,
        seed: int = 0,
        adapters: Mapping[str, float] | None = None,
    ) -> Reply:
        """Give the next reply. Tokens are counted as words. Raises ScriptExhausted."""
        number = len(self.asked)
        self.asked.append([dict(message) for message in messages])
        self.grammars.append(grammar)
        self.mixes.append(dict(adapters or {}))
        if number >= len(self._replies):
            last = messages[-1]["content"] if messages else ""
            raise ScriptExhausted(
                f"the script of {self.name} has {len(self._replies)} replies and none for request "
                f"{number + 1}, which ends: {last[-400:]!r}"
            )
        reply = self._replies[number]
        text = reply if isinstance(reply, str) else reply(messages)
        words = sum(len(message["content"].split()) for message in messages)
        return Reply(text, Usage(words, len(text.split())), 0.0, self.name)
