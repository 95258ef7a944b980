"""Where tasks come from."""

from __future__ import annotations

import difflib

from .base import EXAM_SEEDS, Suite, UnknownSuite

NAMES = ("code", "miniwob")

__all__ = ["EXAM_SEEDS", "NAMES", "Suite", "UnknownSuite", "open_suite", "parse_task"]


def open_suite(name: str) -> Suite:
    """Open a suite by name. Raises UnknownSuite with the names there are."""
    if name == "miniwob":
        from .miniwob import MiniWob

        return MiniWob()
    if name == "code":
        from .programming import Programming

        return Programming()
    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(NAMES)}"
    raise UnknownSuite(f"there is no suite {name!r}; {hint}")


def parse_task(text: str) -> tuple[str, str]:
    """Split `miniwob:login-user` into suite and family. Raises UnknownSuite."""
    suite, colon, family = text.partition(":")
    if not colon or not family:
        raise UnknownSuite(f"{text!r} is not SUITE:FAMILY, such as miniwob:login-user")
    if suite not in NAMES:
        open_suite(suite)
    return suite, family
