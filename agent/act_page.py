"""act, on a page: the model writes calls for what is in view, held to a grammar of legal ones."""

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
from ..skills.skill import Skill
from . import ContextTooLong
from .actions import call as write_call
from .actions import grammar, listing, quote
from .episode import PATIENT, PageEpisode
from .model import Reply
from .parts import Parts
from .perform import perform
from .reply import program, signature
from .state import AgentState, Update
from .templates import render

HISTORY = 12
"""Calls the model is reminded of; older ones are dropped so that the prompt stays short."""
ENDED = "the page has ended"
"""Why an attempt stopped where the task ended by itself."""


async def step(state: AgentState, parts: Parts, page: PageEpisode) -> Update:
    """Look, have the next calls written, and run them."""
    try:
        view = await page.view(PATIENT if state.history else None)
    except PrimitiveFailed as silent:
        return {"steps": state.steps + 1, "finished": True, "stopped": str(silent)}
    skills = _callable(state, parts, view)
    key = digest(view)
    start = time.perf_counter()
    barred = frozenset(state.tried.get(key, ())) | _filled(view, page.calls())
    reply = await _ask(state, parts, view, skills, barred)
    said = parts.secrets.hide(reply.text)
    lines, finished = program(said)
    before = len(page.calls())
    result = await perform(lines, skills, page, parts)
    made = page.calls()[before:]
    error = result.error if not result.ok else None
    try:
        seen, over = listing(await page.view()), await page.over()
        ended = ENDED if over else ""
    except PrimitiveFailed as silent:
        seen, ended, error = "", str(silent), error or str(silent)
    told = page.notes()
    step = Step(
        number=state.steps + 1,
        action=said,
        observation="\n".join([*told, seen]),
        calls=made,
        error=error,
        prompt_tokens=reply.usage.prompt_tokens,
        reply_tokens=reply.usage.reply_tokens,
        model_calls=1,
        seconds=time.perf_counter() - start,
        skills=(*(s.credit for s in skills if s.current.function in result.called), *state.mix),
        prompt=parts.prompt,
    )  # fmt: skip
    parts.earlier = view
    await parts.keep(state.trajectory, step)
    parts.say("action", lines, seconds=step.seconds, error=error or "")
    parts.say("observation", step.observation)
    return {
        "steps": state.steps + 1,
        "tokens": state.tokens + reply.usage.prompt_tokens + reply.usage.reply_tokens,
        "history": [*state.history, *(source_of(c) for c in made if c.effect != "read")][-HISTORY:],
        "note": "; ".join([*([error] if error else []), *told]),
        "tried": _with_tried(state.tried, made),
        "finished": bool(ended) or (finished and error is None),
        "stopped": ended or ("it said it was done" if finished else ""),
    }


async def _ask(
    state: AgentState, parts: Parts, view: View, skills: Sequence[Skill], tried: frozenset[str]
) -> Reply:
    """Ask the model for calls on what is in view. A page too long for it is shortened once."""
    assert parts.model is not None
    for shortened, elements in enumerate((view.elements, view.elements[:20])):
        shown = View(view.url, view.title, elements, view.text)
        parts.prompt = render(
            "act",
            goal=state.goal,
            lessons=state.lessons,
            skills=[signature(skill) for skill in skills],
            secrets=parts.secrets.placeholders(view.url),
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
                adapters=state.mix or None,
            )
        except ContextTooLong:
            if shortened:
                raise
    raise AssertionError("unreachable")


def _callable(state: AgentState, parts: Parts, view: View) -> list[Skill]:
    """The recalled skills that could start on this page, whatever their slots will hold."""
    if parts.library is None:
        return []
    skills = [parts.library.get(name) for name in state.skills]
    return [skill for skill in skills if startable(skill.current.manifest.pre, view)]


def digest(view: View) -> str:
    """Tells apart what a person could tell apart."""
    return hashlib.sha256(repr(state_of(view)).encode()).hexdigest()[:16]


def source_of(made: Call) -> str:
    """A call with what went wrong with it."""
    line = plain(made)
    return f"{line}  # failed: {made.error}" if made.error else line


def plain(made: Call) -> str:
    """A call as it is written in an action."""
    args = dict(made.args)
    if "role" not in args:
        return f"{made.primitive}({', '.join(quote(str(text)) for text in args.values())})"
    extra = [args.pop(key) for key in ("text", "option", "file") if key in args]
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
