"""A chore: a goal, the files it starts from, and the check of the files that come out.

What comes out was made by code nobody trusts. Two ways lead to a verdict, and no third:

- `check` runs on the host, on bytes: text, CSV and JSON, read within bounds by `expect.py`. It
  executes nothing.
- `probe` is for what must run (a package) or needs a larger parser (a database, an archive). Its
  code asks questions in a fresh sandbox that holds exported files; the answer comes back as JSON
  and is compared on the host. What should be answered never enters that sandbox, so code under a
  probe may lie about what it is and still cannot know what to say.

Covered: a verdict is None or one sentence that says what kind of thing is wrong, never the answer:
in practice it is read by a model. Not covered: files that were not asked about may lie around.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ....sandbox.base import Json

Files = Mapping[str, bytes]
"""Content by path; paths are relative to the work area, with `/`."""

Check = Callable[[Files], str | None]
"""Judges the files of an attempt: None when they are right, else a sentence."""

Ask = Callable[[str, Files], Awaitable[Json]]
"""Runs code in a fresh sandbox that holds the files and nothing else of the attempt; gives the
value of its last line, and None when it failed or took too long."""

LARGEST = 1_000_000
"""Bytes of an exported file that a verdict looks at; no chore needs a twentieth of it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Questions about exported files, put to them in a sandbox and judged here."""

    takes: tuple[str, ...]
    """Patterns of the paths it needs (`shop/*.py`); only those are put into its sandbox."""
    code: str
    """Python whose last line is an expression: the answer, a JSON value."""
    check: Callable[[Json], str | None]
    """Judges the answer, which may be any JSON value; None where there was none."""


@dataclass(frozen=True, slots=True)
class Chore:
    """One task: what the agent is told and given, and what only the judge knows."""

    goal: str
    files: Files
    check: Check
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of chore, made anew from any source of chance."""

    name: str
    """`csv-sum-column`: the group, a hyphen, and what is to be done."""
    make: Callable[[random.Random], Chore]
    builds_on: tuple[str, ...] = ()
    """Kinds whose whole operation this one contains: solved, they are functions it can call."""

    @property
    def group(self) -> str:
        """The first word of the name: text, table, date, json, csv, sql, archive or repo."""
        return self.name.partition("-")[0]


async def verdict(chore: Chore, exported: Files, ask: Ask) -> str | None:
    """Judge the files an attempt left: None when the chore is done, else what is wrong."""
    wrong = chore.check(exported)
    if wrong is not None or chore.probe is None:
        return wrong
    taken = {
        path: data
        for path, data in exported.items()
        if any(fnmatchcase(path, pattern) for pattern in chore.probe.takes)
    }
    for path, data in taken.items():
        if len(data) > LARGEST:
            return f"{path} is far larger than it should be"
    return chore.probe.check(await ask(chore.probe.code, taken))
