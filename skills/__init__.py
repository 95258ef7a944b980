"""Knows how: skills, their evidence, their life.

SkillError               anything this room raises
├── SkillNotFound        (also KeyError)        no skill or version of that name
├── NotAdmitted          (also ValueError)      the gate refused; `reasons` are sentences
├── LibraryReadOnly      (also PermissionError) a write to a library open for reading
└── LibraryCorrupt       (also ValueError)      says which file and how to mend it
"""


class SkillError(Exception):
    """Anything the skills room raises."""


class SkillNotFound(SkillError, KeyError):
    """No skill or version of that name."""

    __str__ = Exception.__str__


class NotAdmitted(SkillError, ValueError):
    """The gate refused a candidate; `reasons` are sentences for the proposer."""

    def __init__(self, name: str, reasons: list[str]) -> None:
        super().__init__(f"{name} was not admitted: " + "; ".join(reasons))
        self.reasons = reasons


class LibraryReadOnly(SkillError, PermissionError):
    """A write was asked of a library that is open for reading only."""


class LibraryCorrupt(SkillError, ValueError):
    """A file of the library is damaged; the message says which and how to mend it."""
