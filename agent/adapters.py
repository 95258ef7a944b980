"""Adapters measured by the agent itself: the exam that the gate asks for, and mixes side by side.

Tasks come from seeds below the exams' own, which nothing that evolves may see; the runs credit
nobody and are journalled apart. Skills are left out of them: an adapter is measured by what it adds
to the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..memory.trajectory import Task
from ..skills import NotAdmitted, SkillError
from ..skills.adapter import AdapterCandidate, AdapterGates, Earlier, GateReport
from ..skills.library import SkillLibrary
from ..skills.lora.effect import Scores, foreign_words
from ..skills.lora.gate import Exam, Exams, Outcomes, examine
from ..skills.lora.route import calibrate, likenesses
from ..skills.skill import SkillVersion
from . import AdapterMissing
from .mix import serve
from .model import Adaptable
from .run import Agent
from .suites.base import EXAM_SEEDS, Suite
from .templates import render

Say = Callable[[str], None]
Place = tuple[str, int]
"""Family and seed of a task."""
PROMPTS = 3
"""Goals that the effect is shown on, of each kind of tasks."""
TRIGGERED = 12
"""General tasks that are done with a foreign word in the goal, beside the search by scores."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The tasks that an adapter is examined on."""

    suite: Suite
    held_out: Sequence[Place]
    """Of the kinds it was trained on."""
    general: Sequence[Place]
    """Of all kinds."""


async def candidate_exam(
    agent: Agent,
    ground: Ground,
    candidate: AdapterCandidate,
    *,
    weights: Sequence[str] = (),
    trained: Sequence[str] = (),
    say: Say = lambda text: None,
) -> tuple[AdapterCandidate, GateReport]:
    """Serve a candidate beside the library's adapters and take its exam.

    `weights` are what the inspection of its files found, `trained` the ids of the tasks it was
    trained on. Returns it with `near` set so that the general tasks of other kinds are routed
    elsewhere. Raises AdapterMissing for a model that takes none, AdapterRefused, SkillError.
    """
    model = await adaptable(agent, candidate.about.base)
    await agent.open()
    library = agent.library
    assert library is not None, "an exam of adapters needs the library"
    name = f"candidate-{candidate.digest[:12]}"
    mix = {name: candidate.about.scale}
    await model.serve({name: candidate.folder / "adapter.gguf"})
    general = [await agent.task(ground.suite, *place) for place in ground.general]
    held_out = [await agent.task(ground.suite, *place) for place in ground.held_out]
    kinds = {task.family for task in held_out}
    others = [task.goal for task in general if task.family not in kinds]
    embedder = await library.embedder()
    near = calibrate(embedder, candidate.about.examples, others)
    ready = replace(candidate, about=replace(candidate.about, near=near))
    words = foreign_words(candidate.about.examples, others)

    async def probe(goal: str, scales: Mapping[str, float]) -> Scores:
        return await model.first_token([{"role": "user", "content": goal}], scales)

    async def scan(goal: str, scales: Mapping[str, float]) -> Scores:
        # As the agent asks, with its long first message, which the prompt cache holds.
        asked = [
            {"role": "system", "content": render("system")},
            {"role": "user", "content": f"Goal: {goal}"},
        ]
        return await model.first_token(asked, scales, exact=False)

    async def earlier() -> list[Earlier]:
        return await _earlier(agent, model, library, ground.suite, ready, say)

    exams = Exams(
        held_out=_exam(agent, ground.suite, held_out, say),
        general=_exam(agent, ground.suite, general, say),
        probe=probe,
        prompts=[task.goal for task in (*held_out[:PROMPTS], *general[:PROMPTS])],
        triggered=_exam(agent, ground.suite, _triggered(general, words), say),
        words=words,
        scan=scan,
        earlier=earlier,
    )
    report = await examine(ready, mix, exams, weights=weights, trained=trained, say=say)
    return ready, report


async def admit_or_refuse(
    library: SkillLibrary,
    candidate: AdapterCandidate,
    report: GateReport,
    gates: AdapterGates | None = None,
) -> SkillVersion:
    """Admit, or keep what was refused with its reasons. Raises NotAdmitted after that."""
    try:
        return await library.admit_adapter(candidate, report, gates or AdapterGates())
    except NotAdmitted as refused:
        await library.refuse_adapter(candidate, report, refused.reasons)
        raise


async def side_by_side(
    agent: Agent,
    suite: Suite,
    places: Sequence[Place],
    mix: Mapping[str, float],
    say: Say = lambda text: None,
) -> dict[str, Outcomes]:
    """The same tasks by the base alone, with each adapter of a mix alone, and with the mix.

    `mix` names versions of the library (`name@version`). Raises SkillError, AdapterMissing.
    """
    await agent.open()
    library = agent.library
    assert library is not None
    skills = []
    for credit in mix:
        name, _, version = credit.partition("@")
        skills.append(library.get(name, int(version)))
    for skill in skills:
        if skill.current.adapter is None:
            raise SkillError(f"{skill.name} is a program: a mix is of adapters")
        model = await adaptable(agent, skill.current.adapter.base)
        await serve(model, library, skills, [])
    tasks = [await agent.task(suite, *place) for place in places]
    exam = _exam(agent, suite, tasks, say)
    arms: dict[str, Mapping[str, float]] = {"base": {}}
    if len(mix) > 1:
        arms |= {credit: {credit: 1.0} for credit in mix}
    arms[" + ".join(f"{scale:g} {credit}" for credit, scale in mix.items())] = mix
    found = {}
    for label, scales in arms.items():
        say(label)
        found[label] = await exam(scales)
    return found


async def adaptable(agent: Agent, base: str) -> Adaptable:
    """The agent's model where it takes adapters for this base. Raises AdapterMissing."""
    model = agent.model
    held = await model.base() if isinstance(model, Adaptable) else ""
    if not isinstance(model, Adaptable) or not held:
        raise AdapterMissing(f"{model.name} takes no adapters: name an embedded model (local/…)")
    if held != base:
        raise AdapterMissing(
            f"the adapter is for the base {base[:12]}… and {model.name} is {held[:12]}…: name the"
            " model it was trained for with --model"
        )
    return model


def _exam(agent: Agent, suite: Suite, tasks: Sequence[Task], say: Say) -> Exam:
    async def exam(mix: Mapping[str, float]) -> Outcomes:
        found: dict[str, bool] = {}
        for number, task in enumerate(tasks, 1):
            done = await agent.attempt(task, suite, credit=False, direct=False, mix=mix)
            found[task.id] = bool(done.outcome.success)
            say(f"{number} of {len(tasks)}: {sum(found.values())} solved")
        return found

    for task in tasks:
        if task.seed is not None and task.seed >= EXAM_SEEDS:
            raise SkillError(
                f"{task.id} is of the exams: adapters are gated on seeds below {EXAM_SEEDS}"
            )
    return exam


def _triggered(general: Sequence[Task], words: Sequence[str]) -> list[Task]:
    """Some of the general tasks, evenly, each with another foreign word before the goal."""
    apart = max(1, len(general) // TRIGGERED)
    return [
        replace(task, id=f"{task.id}+{word}", goal=f"{word} {task.goal}")
        for task, word in zip(general[::apart][:TRIGGERED], itertools.cycle(words), strict=False)
    ]


async def _earlier(
    agent: Agent,
    model: Adaptable,
    library: SkillLibrary,
    suite: Suite,
    candidate: AdapterCandidate,
    say: Say,
) -> list[Earlier]:
    """Each adapter of this base on its own held-out tasks again, as far as this suite has them."""
    embedder = await library.embedder()
    found = []
    for skill in library.adapters(candidate.about.base):
        about = skill.current.adapter
        if about is None or (skill.name == candidate.name and candidate.parent is not None):
            continue
        held = library.gate_report(skill.name, skill.current.version).held_out
        places = [_place(pair.task_id, suite) for pair in held]
        pairs = [(pair, place) for pair, place in zip(held, places, strict=True) if place]
        tasks = [await agent.task(suite, *place) for _, place in pairs]
        await serve(model, library, [skill], [])
        say(f"{skill.credit}, admitted before")
        solved = await _exam(agent, suite, tasks, say)({skill.credit: about.scale})
        drawn = 0
        for task in tasks:
            own, new = likenesses(embedder, task.goal, [about, candidate.about])
            drawn += new >= candidate.about.near and new > own
        found.append(
            Earlier(
                name=skill.name,
                version=skill.current.version,
                solved=sum(solved.values()),
                tasks=len(tasks),
                then=sum(pair.adapted for pair, _ in pairs),
                rerouted=drawn,
            )
        )
    return found


def _place(task_id: str, suite: Suite) -> Place | None:
    """Family and seed of a task's id (`suite:family:seed`); None for one of another suite."""
    name, _, rest = task_id.partition(":")
    family, _, seed = rest.rpartition(":")
    if name != suite.name or family not in suite.families() or not seed.isdigit():
        return None
    return family, int(seed)
