"""Lessons: cause-and-effect facts with counts of use, kept as events in the journal.

A lesson says what causes what, so that it helps where the same thing comes up again. One learnt
by the agent is refused unless it

- links a cause to an effect ("because", "until", "so that", "is necessary for", "when ..."), and
- names at least two concrete things, words left when function words and words of advice that fit
  any task ("careful", "check", "step", "goal", "properly") are taken away.

A correction by a person is a lesson too, of kind `plan` (what to do) or `skill` (how to do it). It
is taken as it is said; only an empty one is refused.

Covered: English. Not covered: whether the fact is true; the counts show that.

Source: CLIN, arXiv 2310.10134; DROC, arXiv 2311.10678.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from . import MemoryFault
from .derived import DerivedIndex
from .embed import Embedder
from .journal import Journal

Kind = Literal["fact", "plan", "skill"]

NOTE = "lesson"
"""The kind of the journal's notes that hold lessons' events."""

LINKS = re.compile(
    r"\b(because|since|so that|so|thus|therefore|until|unless|if|when|once|after|before|only"
    r"|causes?|makes?|leads? to|results? in|opens?|shows?|hides?|ends?|reveals?|enables?|prevents?"
    r"|needs?|requires?|necessary|must|does not|doesn't|cannot|without|instead|by|->)(?!\w)"
    r"|→",
    re.IGNORECASE,
)

_VAGUE = """
a about accurately action actions again all also always an and any are as at attempt attention
avoid aware be because been before being best better by can cannot careful carefully cause
causes check checking clear confirm consider correct correctly could different do does doing
done double double-check each effect else ensure ensuring error errors every everything
exactly fail failed failing fails failure first follow for from get goal goals good had has
have help helps how if important in instead instruction instructions into is it its itself
just keep kind lead leads make makes making may mind mistake mistakes more most must necessary
need needed needs never not of on once only or other out pay plan planning possible precise
precisely problem proceed proper properly read really remember require required requires
result results right same should since so some step steps succeed success successful
successfully such sure task tasks than that the their them then there these they thing things
this thoroughly those thus time to try trying understand unless until up use using verify very
was way ways well were what when where whether which while will with without work works wrong
you your
"""
VAGUE = frozenset(_VAGUE.split())
"""Function words, and words of advice that fit any task."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something learnt from a failure or a correction, and how it has served."""

    id: str
    text: str
    goal: str
    """The goal it came from."""
    kind: Kind = "fact"
    """`fact` learnt by the agent; `plan` or `skill`, a person's correction."""
    uses: int = 0
    successes: int = 0
    created: float = 0.0
    trajectory: str = ""
    """The attempt it came from, if one is known."""


def refusals(text: str, kind: Kind = "fact") -> list[str]:
    """Why this is no lesson, as sentences for the proposer; empty when it is one."""
    if not text.strip():
        return ["the lesson is empty: say what causes what"]
    if len(text) > 500:
        return [f"the lesson has {len(text)} characters: say one fact in at most 500"]
    if kind != "fact":
        return []
    reasons = []
    if not LINKS.search(text):
        reasons.append(
            f"{text!r} links no cause to an effect: say what happens when, or what is necessary for"
            " what, such as 'the link is shown only after its section is opened'"
        )
    concrete = {word for word in re.findall(r"\w[\w-]*", text.lower()) if word not in VAGUE}
    if len(concrete) < 2:
        reasons.append(
            f"{text!r} fits any task: name the things on the page that it is about"
            " (which button, field, message, order)"
        )
    return reasons


class Lessons:
    """The lessons of one journal. Every change is an event; nothing is overwritten."""

    def __init__(self, journal: Journal, index: str | Path, embedder: Embedder) -> None:
        self._journal = journal
        self._index = DerivedIndex(Path(index), embedder, writable=not journal.read_only)
        self._held: dict[str, Lesson] = {}
        self._read = 0

    async def add(self, text: str, goal: str, kind: Kind = "fact", trajectory: str = "") -> Lesson:
        """Keep a lesson. Raises MemoryFault with the rule it breaks; a twin is returned."""
        _require(text, kind)
        for lesson in await self.all():
            if (lesson.text, lesson.goal, lesson.kind) == (text, goal, kind):
                return lesson
        lesson = Lesson(uuid.uuid4().hex, text, goal, kind, 0, 0, time.time(), trajectory)
        await self._journal.note(NOTE, {"event": "added", "lesson": asdict(lesson)})
        return lesson

    async def revise(self, lesson_id: str, text: str) -> Lesson:
        """Say it better: the counts start anew, since they spoke for the old words."""
        lesson = await self._get(lesson_id)
        _require(text, lesson.kind)
        await self._journal.note(NOTE, {"event": "revised", "id": lesson_id, "text": text})
        return await self._get(lesson_id)

    async def delete(self, lesson_id: str) -> None:
        """Take a lesson out of use; its events stay in the journal."""
        await self._get(lesson_id)
        await self._journal.note(NOTE, {"event": "deleted", "id": lesson_id})

    async def credit(self, lesson_id: str, success: bool) -> None:
        """Count a run that was given this lesson."""
        await self._get(lesson_id)
        await self._journal.note(NOTE, {"event": "used", "id": lesson_id, "success": success})

    async def all(self) -> list[Lesson]:
        """Every lesson in use, oldest first."""
        for number, body in await self._journal.notes(NOTE, after=self._read):
            self._apply(body)
            self._read = number
        return list(self._held.values())

    async def find(self, goal: str, k: int = 3, floor: float = 0.4) -> list[Lesson]:
        """At most `k` lessons from goals like this one, the nearest and most useful first.

        `floor` is the least cosine at which goals count as alike.
        """
        held = {lesson.id: lesson for lesson in await self.all()}
        goals = {name: lesson.goal for name, lesson in held.items()}
        near = await self._index.search(goals, goal, 4 * k)
        scored = [(score * _worth(held[name]), name) for name, score in near if score >= floor]
        return [held[name] for _, name in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:k]]

    async def close(self) -> None:
        """Let go of the index's files."""
        await self._index.close()

    async def _get(self, lesson_id: str) -> Lesson:
        await self.all()
        if lesson_id not in self._held:
            raise MemoryFault(f"there is no lesson {lesson_id!r} in {self._journal.path}")
        return self._held[lesson_id]

    def _apply(self, body: dict[str, Any]) -> None:
        if body["event"] == "added":
            lesson = Lesson(**body["lesson"])
            self._held[lesson.id] = lesson
            return
        held = self._held.get(body["id"])
        if held is None:
            return
        if body["event"] == "revised":
            self._held[held.id] = replace(held, text=body["text"], uses=0, successes=0)
        elif body["event"] == "deleted":
            del self._held[held.id]
        elif body["event"] == "used":
            won = held.successes + bool(body["success"])
            self._held[held.id] = replace(held, uses=held.uses + 1, successes=won)


def _require(text: str, kind: Kind) -> None:
    reasons = refusals(text, kind)
    if reasons:
        raise MemoryFault("; ".join(reasons))


def _worth(lesson: Lesson) -> float:
    """Expected success with a uniform prior: 1/2 unused, less when its uses failed."""
    return (lesson.successes + 1) / (lesson.uses + 2)
