"""Candidates with trials, adapters with exams, that pass the gate; a page of plain values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
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
from journeyman.skills.adapter import (
    Adapter,
    AdapterCandidate,
    Effect,
    GateReport,
    Pair,
    adapter_candidate,
)
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


def make_adapter(
    folder: Path, name: str = "write-mail", seed: int = 0, **changes: Any
) -> AdapterCandidate:
    """A folder with PEFT's files and the served form beside them, as a candidate."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    save_file(
        {key: rng.standard_normal((4, 32)).astype("float32")}, folder / "adapter_model.safetensors"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    (folder / "adapter.gguf").write_bytes(b"GGUF" + rng.bytes(400))
    (folder / "journeyman.json").write_text(json.dumps({"base": "b" * 64}))
    (folder / "README.md").write_text("what PEFT writes beside")
    about = Adapter(
        "b" * 64, "tiny", 4, changes.pop("examples", (f"Do {name}.", f"Please {name}."))
    )
    about = replace(about, **changes.pop("about", {}))
    return adapter_candidate(name, f"Use for tasks such as {name}.", folder, about, **changes)


def pairs(text: str, what: str = "t") -> tuple[Pair, ...]:
    """`-+` is lost without and solved with the adapter; pairs are parted by blanks."""
    return tuple(Pair(f"{what}-{n}", a == "+", b == "+") for n, (a, b) in enumerate(text.split()))


def make_exam(candidate: AdapterCandidate, **changes: Any) -> GateReport:
    """An exam that admits."""
    report = GateReport(
        candidate.digest,
        held_out=pairs("-+ " * 8 + "++ -- "),
        general=pairs("++ " * 19 + "-- ", "g"),
        effect=Effect(4, 4, 0.8, True),
    )
    return replace(report, **changes)


@pytest.fixture
def adapter() -> Callable[..., AdapterCandidate]:
    return make_adapter


@pytest.fixture
def exam() -> Callable[..., GateReport]:
    return make_exam


@pytest.fixture
def paired() -> Callable[..., tuple[Pair, ...]]:
    return pairs
