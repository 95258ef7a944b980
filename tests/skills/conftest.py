"""Candidates and trials that pass the gate, to be varied; a page made of plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from journeyman.memory.trajectory import Call
from journeyman.sandbox import EpisodeOver, PrimitiveFailed
from journeyman.sandbox.base import Element, View, view_to_json
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.locators import matches
from journeyman.sandbox.page import describe
from journeyman.sandbox.primitives import LOCATOR, PRIMITIVES
from journeyman.sandbox.worker import Worker
from journeyman.skills.skill import (
    Candidate,
    Manifest,
    Slot,
    Template,
    TrialReport,
    TrialRun,
)

CODE = '''"""Learnt."""

from page import click, fill


def {function}(user: str) -> None:
    """Log in."""
    fill("textbox", "User", user)
    click("button", "{button}")
'''


def make_candidate(name: str = "log-in", button: str = "Log in", **changes: Any) -> Candidate:
    """A candidate that passes every static check."""
    plain = Candidate(
        name=name,
        description=f"Log in on the page: {name}.",
        template=Template("Log in as {user}.", (Slot("user"),)),
        code=CODE.format(function=name.replace("-", "_"), button=button),
        manifest=Manifest(("http://shop.test",), ("click", "fill")),
        sources=("trajectory-1",),
        constructs=("lift",),
    )
    return replace(plain, **changes)


def make_report(candidate: Candidate, siblings: int = 5, **changes: Any) -> TrialReport:
    """A trial in which the source and its siblings all passed."""
    runs = [TrialRun("s-0", "Log in as a.", 0, True, True, source=True, steps=2)]
    runs += [
        TrialRun(f"s-{seed}", f"Log in as {seed}.", seed, True, True, steps=2, seconds=0.1)
        for seed in range(1, siblings + 1)
    ]
    return replace(TrialReport(candidate.digest, tuple(runs), reset="full"), **changes)


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    return make_candidate


@pytest.fixture
def report() -> Callable[..., TrialReport]:
    return make_report


class Toy:
    """A page of plain values that answers primitives by the rules of `locators.py`.

    `react(toy, primitive, element)` is what the page does of itself after an effect; `over` ends it.
    """

    def __init__(self, *elements: Element, react: Callable[..., None] | None = None) -> None:
        self.elements = list(elements)
        self.react = react or (lambda toy, primitive, element: None)
        self.text = ""
        self.over = False
        self.calls: list[Call] = []
        self.done: list[tuple[Any, ...]] = []
        """The effects that worked: primitive, name or key, and the text or option."""

    def view(self) -> View:
        """See it, equals and kinds numbered."""
        equals, kinds = Counter[Any](), Counter[Any]()
        found = []
        for element in self.elements:
            same, kind = (element.role, element.name), (element.role, element.kind)
            found.append(replace(element, nth=equals[same], index=kinds[kind]))
            equals[same] += 1
            kinds[kind] += 1
        return View("http://shop.test/", "toy", tuple(found), self.text)

    async def do(self, primitive: str, *place: str, **args: Any) -> None:
        """Make a call as an agent would; one that fails is kept as a failed call."""
        args |= dict(zip(("role", "name"), place, strict=False))
        try:
            await self.serve(primitive, args)
        except PrimitiveFailed:
            return

    async def serve(self, primitive: str, args: dict[str, Any]) -> Any:
        """Answer one call and remember it with what was in view before."""
        if self.over:
            raise EpisodeOver("the task has ended")
        before = view_to_json(self.view())
        error = None
        try:
            return self._answer(primitive, dict(args))
        except PrimitiveFailed as failed:
            error = str(failed)
            raise
        finally:
            effect = PRIMITIVES[primitive].effect
            self.calls.append(
                Call(
                    sequence=len(self.calls) + 1,
                    primitive=primitive,
                    args=dict(args),
                    effect=effect,  # type: ignore[arg-type]
                    error=error,
                    view="" if effect == "read" else before,
                )
            )

    def _answer(self, primitive: str, args: dict[str, Any]) -> Any:
        if primitive == "text":
            return self.text
        if primitive == "press":
            self.done.append(("press", args["key"]))
            return self.react(self, "press", None)
        locator = {key: value for key, value in args.items() if key in LOCATOR}
        hits = [i for i, e in enumerate(self.elements) if matches(e, locator)]
        nth = args.get("nth", 0)
        if primitive in ("count", "names", "visible"):
            names = [self.elements[i].name for i in hits]
            return {"count": len(hits), "names": names, "visible": len(hits) > nth}[primitive]
        if nth >= len(hits):
            raise PrimitiveFailed(f"there is no {describe(locator)} in view")
        element = self.elements[hits[nth]]
        if primitive == "value":
            return element.value
        if element.disabled:
            raise PrimitiveFailed(f"{describe(locator)} is covered by something else")
        change: dict[str, Any] = {"fill": {"value": args.get("text")}, "click": {},
                  "select": {"value": args.get("option")},
                  "check": {"checked": args.get("on", True)}}[primitive]  # fmt: skip
        self.elements[hits[nth]] = element = replace(element, **change)
        said = [args[key] for key in ("text", "option", "on") if key in args]
        self.done.append((primitive, element.name, *said))
        return self.react(self, primitive, element)


@pytest.fixture
def toy() -> type[Toy]:
    return Toy


@pytest.fixture
async def bubblewrap() -> AsyncIterator[Worker]:
    sandbox = Worker(Bubblewrap())
    yield sandbox
    await sandbox.close()
