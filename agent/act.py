"""act: one step. A mastered skill runs as it is; else the model writes calls for the sandbox."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from ..memory.trajectory import Call, Step
from ..sandbox import PrimitiveFailed
from ..sandbox.base import View, view_from_json
from ..sandbox.locators import locate, locator_of
from ..skills.conditions import startable
from ..skills.moves import state_of
from ..skills.skill import Skill, SlotKind
from ..skills.trial import execute
from . import ContextTooLong
from .actions import call as write_call
from .actions import grammar, listing, quote
from .episode import PATIENT
from .model import Reply
from .parts import Parts
from .state import AgentState, Update
from .templates import render

HISTORY = 12
"""Calls the model is reminded of; older ones are dropped so that the prompt stays short."""
DONE = "done()"


async def act(state: AgentState, parts: Parts) -> Update:
    """Take one step and journal it."""
    return await (_direct(state, parts) if state.direct else _step(state, parts))


async def _direct(state: AgentState, parts: Parts) -> Update:
    """Run a mastered skill. What fails is drift evidence, and the model goes on from there."""
    assert parts.library is not None
    name, _, version = state.direct.partition("@")
    skill = parts.library.get(name, int(version))
    start = time.perf_counter()
    binding = {k: tuple(v) if isinstance(v, list) else v for k, v in state.binding.items()}
    execution = await execute(skill.current, binding, parts.live, checked=True)
    seconds = time.perf_counter() - start
    step = Step(
        number=state.steps + 1,
        action=f"{skill.current.function}({', '.join(f'{k}={v!r}' for k, v in binding.items())})",
        observation="" if execution.ok else execution.reason,
        calls=parts.live.calls(),
        error=None if execution.ok else execution.reason,
        seconds=seconds,
        skills=(state.direct,),
    )
    await parts.keep(state.trajectory, step)
    parts.say("action", step.action, seconds=seconds, error=step.error or "")
    history = [_source(made) for made in parts.live.calls() if made.effect != "read"]
    try:
        over = await parts.live.over()
    except PrimitiveFailed:
        over = False  # The next look at the page will tell.
    return {
        "steps": state.steps + 1,
        "history": [*state.history, *history][-HISTORY:],
        "direct": "",
        "note": step.error or "",
        "finished": execution.ok or over,
        "stopped": f"{state.direct} ran" if execution.ok else "",
    }


async def _step(state: AgentState, parts: Parts) -> Update:
    try:
        view = await parts.live.view(PATIENT if state.history else None)
    except PrimitiveFailed as silent:
        return {"steps": state.steps + 1, "finished": True, "stopped": str(silent)}
    skills = _callable(state, parts, view)
    key = digest(view)
    start = time.perf_counter()
    barred = frozenset(state.tried.get(key, ())) | _filled(view, parts.live.calls())
    reply = await _ask(state, parts, view, skills, barred)
    lines, finished = program(reply.text)
    before = len(parts.live.calls())
    library = {skill.current.function: skill.current.code for skill in skills}
    imports = [f"from library import {name}" for name in library if f"{name}(" in lines]
    result = await parts.live.run(
        "\n".join([*imports, lines]), library, watch=not parts.bare,
        seconds=min(parts.limits.seconds, 30.0),
    )  # fmt: skip
    made = parts.live.calls()[before:]
    error = result.error if not result.ok else None
    try:
        seen, over = listing(await parts.live.view()), await parts.live.over()
        ended = "the page has ended" if over else ""
    except PrimitiveFailed as silent:
        seen, ended, error = "", str(silent), error or str(silent)
    step = Step(
        number=state.steps + 1,
        action=reply.text,
        observation=seen,
        calls=made,
        error=error,
        prompt_tokens=reply.usage.prompt_tokens,
        reply_tokens=reply.usage.reply_tokens,
        model_calls=1,
        seconds=time.perf_counter() - start,
        skills=tuple(f"{s.name}@{s.current.version}" for s in skills
                     if s.current.function in result.called),
        prompt=parts.prompt,
    )  # fmt: skip
    parts.earlier = view
    await parts.keep(state.trajectory, step)
    parts.say("action", lines, seconds=step.seconds, error=error or "")
    parts.say("observation", step.observation)
    return {
        "steps": state.steps + 1,
        "tokens": state.tokens + reply.usage.prompt_tokens + reply.usage.reply_tokens,
        "history": [*state.history, *(_source(c) for c in made if c.effect != "read")][-HISTORY:],
        "note": error or "",
        "tried": _with_tried(state.tried, made),
        "finished": bool(ended) or (finished and error is None),
        "stopped": ended or ("it said it was done" if finished else ""),
    }


async def _ask(
    state: AgentState, parts: Parts, view: View, skills: Sequence[Skill], tried: frozenset[str]
) -> Reply:
    """Ask the model for calls on what is in view. A page too long for it is shortened once."""
    assert parts.model is not None
    for elements in (view.elements, view.elements[:20]):
        shown = View(view.url, view.title, elements, view.text)
        parts.prompt = render(
            "act",
            goal=state.goal,
            lessons=state.lessons,
            skills=[_signature(skill) for skill in skills],
            page=listing(shown, "" if parts.bare else state.goal, parts.earlier),
            history=state.history,
            note=state.note,
        )
        messages = [
            {"role": "system", "content": render("system")},
            {"role": "user", "content": parts.prompt},
        ]
        legal = grammar(
            shown,
            finish=bool(state.history),
            tried=frozenset() if parts.bare else tried,
            skills=[skill.current for skill in skills],
            lines=1 if parts.bare else 6,
        )
        try:
            return await parts.model.complete(
                messages,
                grammar=legal,
                temperature=parts.temperature,
                max_tokens=parts.settings.model.max_tokens,
                seed=parts.seed,
            )
        except ContextTooLong:
            if elements is not view.elements:
                raise
    raise AssertionError("unreachable")


def _callable(state: AgentState, parts: Parts, view: View) -> list[Skill]:
    """The recalled skills that could start on this page, whatever their slots will hold."""
    if parts.library is None:
        return []
    skills = [parts.library.get(name) for name in state.skills]
    return [skill for skill in skills if startable(skill.current.manifest.pre, view)]


_TYPES: dict[SlotKind, str] = {"text": "str", "word": "str", "list": "list", "ordinal": "int"}


def _signature(skill: Skill) -> str:
    slots = ", ".join(f"{s.name}: {_TYPES[s.kind]}" for s in skill.current.template.slots)
    return f"{skill.current.function}({slots})  # {skill.current.description}"


def program(reply: str) -> tuple[str, bool]:
    """The calls of a reply as Python, and whether it ends with `done()`.

    Fences and words around the code, which models without a grammar add, are taken off.
    """
    text = reply.strip()
    if "```" in text:
        text = text.split("```")[1]
        language, _, rest = text.partition("\n")
        text = rest if not language.strip() or language.strip().isalpha() else text
    lines = [line for line in text.splitlines() if line.strip()]
    finished = DONE in (line.strip() for line in lines)
    # Small models get stuck on a line; saying it again at once would change nothing.
    fresh = [line for line, earlier in zip(lines, ["", *lines], strict=False) if line != earlier]
    return "\n".join(line for line in fresh if line.strip() != DONE), finished


def digest(view: View) -> str:
    """Tells apart what a person could tell apart."""
    return hashlib.sha256(repr(state_of(view)).encode()).hexdigest()[:16]


def _source(made: Call) -> str:
    """A call with what went wrong with it."""
    line = plain(made)
    return f"{line}  # failed: {made.error}" if made.error else line


def plain(made: Call) -> str:
    """A call as it is written in an action."""
    args = dict(made.args)
    if "role" not in args:
        return f"{made.primitive}({', '.join(quote(str(text)) for text in args.values())})"
    extra = [args.pop(key) for key in ("text", "option") if key in args]
    return write_call(made.primitive, args, *extra)


def _filled(view: View, made: Sequence[Call]) -> frozenset[str]:
    """Fill calls on fields that this attempt has filled and that still hold something.

    Small models start their routine over when they see its beginning; a field needs filling once.
    """
    found = set()
    for item in made:
        if item.primitive == "fill" and not item.error:
            locator = {key: value for key, value in item.args.items() if key != "text"}
            field = locate(view, locator)
            if field is not None and field.value:
                found.add(write_call("fill", locator_of(view, field), "\0"))
    return frozenset(found)


def _with_tried(tried: dict[str, list[str]], made: Sequence[Call]) -> dict[str, list[str]]:
    """Add the calls just made to what has been tried on the view each was made on."""
    found = {key: list(sources) for key, sources in tried.items()}
    for item in made:
        if not item.view:
            continue
        source = plain(item)
        if "text" in item.args:
            # Another text may be right: the field is tried only when the same page came of it.
            source = source.replace(quote(item.args["text"]), quote("\0"), 1)
        found.setdefault(digest(view_from_json(item.view)), []).append(source)
    return found
