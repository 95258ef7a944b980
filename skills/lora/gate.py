"""The gate of adapters: an exam is taken here, and its report says whether one is admitted.

Every condition fails closed. Sources: MUSCLE, arXiv 2407.09435 (negative flips are counted per
instance, and a better mean does not excuse them); SSR, arXiv 2409.04787 (what the base could do
must stay).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from .. import SkillError
from ..adapter import AdapterCandidate, AdapterGates, Earlier, GateReport, Pair
from .effect import Probe, effect_of, suspicions
from .flips import Flips, flips

Outcomes = Mapping[str, bool]
"""Task id -> whether it was solved."""
Exam = Callable[[Mapping[str, float]], Awaitable[Outcomes]]
"""Takes an exam with a mix of served adapters; an empty mix is the base alone."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Exams:
    """What the outside lets an adapter be measured with."""

    held_out: Exam
    """Tasks of the kinds it was trained on, on seeds not trained on."""
    general: Exam
    """Tasks of all kinds."""
    probe: Probe
    """Gives equal scores for equal requests, to the last digit."""
    prompts: Sequence[str]
    """Fixed prompts that the effect is shown on."""
    triggered: Exam | None = None
    """General tasks with a foreign word in the goal."""
    words: Sequence[str] = ()
    """Words tried as triggers, with the same prompts."""
    earlier: Callable[[], Awaitable[Sequence[Earlier]]] | None = None
    """Measures the adapters admitted before, with the new one beside them."""
    scan: Probe | None = None
    """A cheaper probe for that search, where there is one."""


async def examine(
    candidate: AdapterCandidate,
    mix: Mapping[str, float],
    exams: Exams,
    *,
    weights: Sequence[str] = (),
    trained: Collection[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> GateReport:
    """Measure a candidate that is served as `mix`. `weights` are what their inspection found;
    `trained` the ids of the tasks it was trained on. Raises SkillError for arms of unlike tasks."""
    say("its effect on the served output")
    effect = await effect_of(exams.probe, exams.prompts, mix)
    held_out = await _pairs(exams.held_out, mix, "held-out tasks", say)
    general = await _pairs(exams.general, mix, "general suite", say)
    triggered: tuple[Pair, ...] = ()
    if exams.triggered is not None:
        triggered = await _pairs(exams.triggered, mix, "foreign words in the goal", say)
    found: tuple[str, ...] = ()
    if exams.words:
        say("a search for triggers")
        found = await suspicions(exams.scan or exams.probe, exams.prompts, exams.words, mix)
    earlier: Sequence[Earlier] = ()
    if exams.earlier is not None:
        say("the adapters admitted before")
        earlier = await exams.earlier()
    leaked = sorted({pair.task_id for pair in held_out} & set(trained))
    return GateReport(
        digest=candidate.digest,
        held_out=held_out,
        general=general,
        triggered=triggered,
        effect=effect,
        suspicions=found,
        weights=tuple(weights),
        earlier=tuple(earlier),
        leaked=tuple(leaked),
    )


async def _pairs(
    exam: Exam, mix: Mapping[str, float], what: str, say: Callable[[str], None]
) -> tuple[Pair, ...]:
    # One arm after the other: each change of the mix costs the cached prompt.
    say(f"{what}: the base alone")
    base = await exam({})
    say(f"{what}: with the adapter")
    adapted = await exam(mix)
    if base.keys() != adapted.keys():
        odd = sorted(base.keys() ^ adapted.keys())
        raise SkillError(f"the arms of the {what} are of unlike tasks ({', '.join(odd[:SHOWN])})")
    return tuple(Pair(task, base[task], adapted[task]) for task in base)


def adapter_refusals(
    candidate: AdapterCandidate, report: GateReport, gates: AdapterGates
) -> list[str]:
    """Why this exam does not admit this adapter, as sentences; empty when it does."""
    reasons = []
    if report.digest != candidate.digest:
        reasons.append("the exam was of another adapter: examine this one")
    reasons += [*report.weights, *report.suspicions, *_effect(report, gates)]
    if report.leaked:
        reasons.append(
            f"{_some(report.leaked)} of the held-out tasks stand in the training data: hold out"
            " others"
        )
    reasons += _gain(report.held_out, gates) + _general(report.general, gates)
    reasons += _flips((*report.held_out, *report.general), gates)
    reasons += _flips(report.triggered, gates, " once a foreign word stands in the goal")
    for item in report.earlier:
        if item.then - item.solved > gates.flips * item.tasks:
            reasons.append(
                f"with it, {item.name}@{item.version} solves {item.solved} of its {item.tasks}"
                f" tasks and solved {item.then} when it was admitted"
            )
        if item.rerouted:
            reasons.append(
                f"it would draw away {item.rerouted} of {item.tasks} tasks of"
                f" {item.name}@{item.version}: raise its `near`, or name that one as its parent"
            )
    return reasons


def chance_of(won: int, lost: int) -> float:
    """How likely chance alone changes at least `won` of `won + lost` tasks for the better."""
    changed = won + lost
    return float(sum(comb(changed, k) for k in range(won, changed + 1)) / 2**changed)


def _effect(report: GateReport, gates: AdapterGates) -> list[str]:
    effect = report.effect
    if effect is None or not effect.prompts:
        return ["it was not shown that the served output differs from the base's"]
    if effect.largest < gates.effect:
        return [
            f"the served output does not differ from the base's on {effect.prompts} prompts (at"
            f" most {effect.largest:.1e} nats): the adapter changes nothing, or is not served"
        ]
    if not effect.restored:
        return ["with the adapter off again the base does not answer as before"]
    return []


def _gain(pairs: Sequence[Pair], gates: AdapterGates) -> list[str]:
    if len(pairs) < max(1, gates.tasks):
        return [f"{len(pairs)} held-out tasks were examined, {max(1, gates.tasks)} are needed"]
    base, adapted = (sum(getattr(pair, arm) for pair in pairs) for arm in ("base", "adapted"))
    if adapted <= base:
        return [
            f"it solves {adapted} of {len(pairs)} held-out tasks and the base alone {base}: no gain"
        ]
    lost = len(_compared(pairs).negative)
    luck = chance_of(adapted - base + lost, lost)
    if luck > gates.chance:
        return [
            f"it solves {adapted} of {len(pairs)} held-out tasks and the base alone {base}: chance"
            f" does as well in {luck:.0%} of cases; examine it on more tasks"
        ]
    return []


def _general(pairs: Sequence[Pair], gates: AdapterGates) -> list[str]:
    if not pairs:
        return ["no general suite was examined: nothing shows that the rest stays"]
    base, adapted = (sum(getattr(pair, arm) for pair in pairs) for arm in ("base", "adapted"))
    if base - adapted > gates.drop * len(pairs):
        return [
            f"of {len(pairs)} general tasks it solves {adapted} and the base alone {base}: more is"
            f" lost than {gates.drop:.0%}"
        ]
    return []


def _flips(pairs: Sequence[Pair], gates: AdapterGates, when: str = "") -> list[str]:
    refusal = _compared(pairs).refusal(gates.flips, when) if pairs else ""
    return [refusal] if refusal else []


def _compared(pairs: Sequence[Pair]) -> Flips:
    return flips(
        {pair.task_id: pair.base for pair in pairs}, {pair.task_id: pair.adapted for pair in pairs}
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
