"""What a skill did, told again as the model would have been asked for it, step by step.

A mastered task runs without a model, so its trajectory holds no prompts and nothing to train on.
Its calls hold the view before each: here they are cut into replies where the agent would have cut
them, each to the prompt the agent would have rendered. So a program skill teaches the model.

Not covered: programs on files; lessons, which such a prompt may hold; pages that go on changing by
themselves after a call, which the model would have seen a moment later.
"""

from __future__ import annotations

from dataclasses import replace

from ..memory.trajectory import Call, Step, Trajectory
from ..sandbox.base import View, view_from_json
from ..sandbox.locators import locate, locator_of
from ..sandbox.primitives import LOCATOR
from ..sandbox.secrets import NO_SECRETS, Secrets
from ..skills.moves import state_of
from .act_page import HISTORY
from .actions import MAX_LINES, MAX_TEXT, calls_in_view, listing
from .actions import call as write_call
from .reply import DONE
from .templates import render

FREE = {"fill": "text", "upload": "file"}
"""Calls with a text of the model's own, and the argument that holds it."""


def retold(
    trajectory: Trajectory, *, ends: bool = True, secrets: Secrets = NO_SECRETS
) -> Trajectory | None:
    """The attempt with a prompt and a reply for each step; its id has `:retold` after it.

    `ends`: the page ends the task by itself; else a last reply says that it is done. None where a
    reply of the agent could not have made a call: it is on nothing in view, or presses a key.
    """
    moves = _moves(trajectory)
    if not moves:
        return None
    steps: list[Step] = []
    history: list[str] = []
    earlier: View | None = None
    while moves:
        view = moves[0][1]
        lines = _reply(moves, view)
        if not lines:
            return None
        steps.append(_step(trajectory, steps, lines, view, earlier, history, secrets))
        history += lines
        earlier, moves = view, moves[len(lines) :]
    if not ends and trajectory.final_view:
        last = view_from_json(trajectory.final_view)
        steps.append(_step(trajectory, steps, [DONE], last, earlier, history, secrets))
    return replace(trajectory, id=f"{trajectory.id}:retold", steps=tuple(steps))


def _moves(trajectory: Trajectory) -> list[tuple[Call, View]]:
    """The calls that acted and changed something, each with the view before it."""
    calls = {call.sequence: call for step in trajectory.steps for call in step.calls}
    acting = [calls[n] for n in sorted(calls) if calls[n].effect != "read" and calls[n].view]
    views = [view_from_json(call.view) for call in acting]
    if trajectory.final_view:
        views.append(view_from_json(trajectory.final_view))
    found = []
    for place, call in enumerate(acting):
        after = views[place + 1 : place + 2]
        idle = bool(after) and state_of(views[place]) == state_of(after[0])
        if call.answered and not call.error and not idle:
            found.append((call, views[place]))
    return found


def _reply(moves: list[tuple[Call, View]], view: View) -> list[str]:
    """The calls that one reply to this view holds: all on what is in it, until new things come."""
    known = {(item.role, item.name) for item in view.elements}
    lines: list[str] = []
    for call, before in moves[:MAX_LINES]:
        line = _line(call, view)
        if line is None or {(item.role, item.name) for item in before.elements} - known:
            break
        if lines and line == lines[-1]:
            break  # said twice in a reply it is run once
        lines.append(line)
    return lines


def _line(call: Call, view: View) -> str | None:
    """The call as the reply grammar has it for this view; None where it has it not."""
    locator = {key: value for key, value in call.args.items() if key in LOCATOR}
    element = locate(view, locator) if locator else None
    if element is None:
        return None
    plain = locator_of(view, element)
    if call.args.get("on") is False:
        plain["on"] = False
    said = [str(call.args[key]) for key in ("text", "option", "file") if key in call.args]
    free = call.primitive in FREE
    offered = write_call(call.primitive, plain, *(["\0"] if free else said))
    if offered not in {source for source, _ in calls_in_view(view)}:
        return None
    if free and (len(said[0]) > MAX_TEXT or any(mark in said[0] for mark in '"\\\n')):
        return None
    return write_call(call.primitive, plain, *said)


def _step(
    trajectory: Trajectory,
    steps: list[Step],
    lines: list[str],
    view: View,
    earlier: View | None,
    history: list[str],
    secrets: Secrets,
) -> Step:
    prompt = render(
        "act",
        goal=trajectory.task.goal,
        lessons=[],
        skills=[],
        secrets=secrets.placeholders(view.url),
        page=listing(view, trajectory.task.goal, earlier),
        history=history[-HISTORY:],
        note="",
    )
    return Step(len(steps) + 1, "\n".join(lines), "", prompt=prompt)
