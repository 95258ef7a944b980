"""Running text and logs: what there is to count, find and replace in."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from . import words
from .records import day


def sentence(rng: random.Random, nouns: tuple[str, ...] = words.PROSE) -> str:
    """A sentence of ordinary words; it means nothing."""
    parts = [rng.choice(("A", "The"))]
    for _ in range(rng.randint(3, 6)):
        parts += [rng.choice(nouns) + rng.choice(("", "", ",")), rng.choice(words.JOINING)]
    return " ".join([*parts, rng.choice(nouns)]) + rng.choice((".", ".", "!", "?"))


def prose(rng: random.Random, nouns: tuple[str, ...] = words.PROSE) -> list[str]:
    """Thirty to sixty lines of text, with a blank line between paragraphs."""
    lines: list[str] = []
    for _ in range(rng.randint(30, 60)):
        if lines and rng.random() < 0.15:
            lines.append("")
        lines.append(" ".join(sentence(rng, nouns) for _ in range(rng.randint(1, 2))))
    return lines


LogLine = tuple[datetime, str, str]
"""When, the level, and the line as written."""


def log(rng: random.Random) -> list[LogLine]:
    """A day of a server's log in order, each line `date time LEVEL service: what happened`."""
    now = datetime.fromisoformat(day(rng).isoformat())
    lines: list[LogLine] = []
    for _ in range(rng.randint(80, 160)):
        now += timedelta(seconds=rng.randint(20, 900))
        level = rng.choices(words.LEVELS, (2, 2, 5, 2))[0]
        said = rng.choice(words.HAPPENINGS)
        if rng.random() < 0.01:
            # A level can be spoken of, too.
            said = f"set the level to {rng.choice(words.LEVELS)}"
        lines.append((now, level, f"{now} {level} {rng.choice(words.SERVICES)}: {said}"))
    return lines
