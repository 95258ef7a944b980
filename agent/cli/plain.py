"""What a page, a model or a skill wrote, as a terminal may show it."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text without what a terminal would obey: every sign that is not printed is a dot."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "·" for sign in text)
