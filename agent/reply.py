"""What a model's reply and a skill look like as text in a prompt."""

from __future__ import annotations

from ..skills.skill import Skill
from ..skills.template import ANNOTATIONS

DONE = "done()"
PROGRAM = r"""root ::= ("import " module | "from " module " import ") ([^`] | "`" [^`])*
module ::= [a-z_] [a-z_.]*
"""
"""GBNF that begins as a program does. Held to less, a small model talks about the last program in
what only looks like one."""
SIGNATURE = r"\w+\([^\n]*?\)  # [^\n]*"
"""Matches what `signature` writes."""


def signature(skill: Skill) -> str:
    """How a skill is called and what for, in one line, as `SIGNATURE` matches it."""
    told = " ".join(skill.current.description.split())
    slots = ", ".join(f"{s.name}: {ANNOTATIONS[s.kind]}" for s in skill.current.template.slots)
    return f"{skill.current.function}({slots})  # {told}"


def fenced(reply: str) -> str:
    """What stands between a reply's first fences; all of it where there are none."""
    text = reply.strip()
    if "```" in text:
        text = text.split("```")[1]
        language, _, rest = text.partition("\n")
        text = rest if not language.strip() or language.strip().isalnum() else text
    return text.strip("\n")


def program(reply: str) -> tuple[str, bool]:
    """The calls of a reply as Python, and whether it ends with `done()`."""
    lines = [line for line in fenced(reply).splitlines() if line.strip()]
    finished = DONE in (line.strip() for line in lines)
    # Small models get stuck on a line; saying it again at once would change nothing.
    fresh = [line for line, earlier in zip(lines, ["", *lines], strict=False) if line != earlier]
    return "\n".join(line for line in fresh if line.strip() != DONE), finished
