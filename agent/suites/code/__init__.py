"""The programming suite: chores over files, each with a check the agent does not see.

Eight groups: text, tables, dates, JSON, CSV, SQL, archives, and small repositories. A kind makes as
many chores as there are seeds: the same words around other names, other data and another answer.
Covered: the same seed gives the same chore. Not covered: running them, which needs a sandbox.
"""

from __future__ import annotations

import difflib
import random

from ..base import UnknownSuite
from . import archives, databases, dates, objects, repositories, rows, tables, texts
from .base import Ask, Check, Chore, Files, Kind, Probe, verdict

__all__ = ["KINDS", "Ask", "Check", "Chore", "Files", "Kind", "Probe", "chore", "verdict"]

GROUPS = (texts, tables, dates, objects, rows, databases, archives, repositories)

KINDS: dict[str, Kind] = {kind.name: kind for group in GROUPS for kind in group.KINDS}
"""All kinds by name."""


def chore(kind: str, seed: int) -> Chore:
    """The chore of a kind for a seed. Raises UnknownSuite with the names that are near."""
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownSuite(f"the programming suite has no kind {kind!r}{hint}")
    return KINDS[kind].make(random.Random(f"{kind}:{seed}"))
