"""What a person typed into the session, understood without a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "goal", "open", "worked", "wrong", "skills", "cost", "help", "quit", "empty", "unknown"
]

COMMANDS = {
    "/open": "open",
    "/skills": "skills",
    "/cost": "cost",
    "/help": "help",
    "/quit": "quit",
    "/exit": "quit",
}
WORKED = re.compile(r"(?:yes,?\s+)?(?:that|it)\s+worked[.!]*|yes[.!]*", re.IGNORECASE)
WRONG = re.compile(
    r"(?:no\b|that(?:'s|\s+is)\s+wrong\b|wrong\b)[\s,.:;!-]*"
    r"(?:(?:do\s+it\s+)?like\s+this[\s:,-]*)?(?P<how>.*)",
    re.IGNORECASE | re.DOTALL,
)
ADDRESS = re.compile(r"(?P<url>https?://\S+)\s*(?P<goal>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """One line with its meaning."""

    kind: Kind
    text: str = ""
    """The goal, the correction, or the word that was not understood."""
    url: str = ""


def understand(line: str, *, ran: bool) -> Said:
    """The meaning of a line. Only after a run (`ran`) is "no, …" an answer and not a goal."""
    text = line.strip()
    if not text:
        return Said("empty")
    if text.startswith("/"):
        word, _, rest = text.partition(" ")
        kind = COMMANDS.get(word.lower())
        if kind == "open":
            return Said("open", url=rest.strip())
        return Said(kind) if kind is not None else Said("unknown", word)  # type: ignore[arg-type]
    if ran and WORKED.fullmatch(text):
        return Said("worked")
    wrong = WRONG.fullmatch(text) if ran else None
    if wrong is not None:
        return Said("wrong", wrong["how"].strip())
    address = ADDRESS.match(text)
    if address is None:
        return Said("goal", text)
    if not address["goal"]:
        return Said("open", url=address["url"])
    return Said("goal", address["goal"], address["url"])
