"""Skills found by a goal: meaning and words together. Derived from the store at any time."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ..memory.derived import DerivedIndex
from ..memory.embed import Embedder
from .store import SkillStore

MEANING, WORDS = 0.7, 0.3
"""Weights of the cosine and of the share of the goal's words; untuned."""
WIDE = 50
"""Nearest by meaning that words may reorder."""


class SkillIndex:
    """An index over descriptions and templates of all programs that are not retired."""

    def __init__(self, path: Path, embedder: Embedder, writable: bool) -> None:
        self._vectors = DerivedIndex(path, embedder, writable)

    async def find(self, store: SkillStore, goal: str, k: int) -> list[tuple[str, float]]:
        """At most `k` names with a score of at most 1, best first."""
        texts, mark = _texts(store)
        near = await self._vectors.search(texts, goal, max(WIDE, 4 * k), mark)
        words = _shared_words(texts, goal)
        scores = {name: MEANING * cosine + WORDS * words[name] for name, cosine in near}
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]

    async def rebuild(self, store: SkillStore) -> None:
        """Throw the index away and make it again from the store. Raises MemoryFault."""
        await self._vectors.rebuild(*_texts(store))

    async def close(self) -> None:
        """Let go of the files."""
        await self._vectors.close()


def _texts(store: SkillStore) -> tuple[dict[str, str], str]:
    """What is indexed of each skill, and the number of the last event that it reflects."""
    ledger = store.ledger()
    texts = {}
    for name, entry in list(ledger.entries.items()):
        about = entry.versions[entry.current].about
        # Adapters are routed by their examples: see `lora/route.py`.
        if not entry.retired and about.adapter is None:
            goal = re.sub(r"{\w+}", " ", about.template.text)
            texts[name] = f"{about.description}\n{goal}"
    return texts, f"event {ledger.shape}"


def _shared_words(texts: Mapping[str, str], goal: str) -> dict[str, float]:
    """The share of the goal's words that each text has, rare words counting more."""
    words = {name: set(_words(text)) for name, text in texts.items()}
    found = Counter(word for each in words.values() for word in each)
    weights = {word: math.log(1 + len(texts) / (1 + found[word])) for word in set(_words(goal))}
    total = sum(weights.values()) or 1.0
    return {
        name: sum(weights[word] for word in weights.keys() & each) / total
        for name, each in words.items()
    }


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
