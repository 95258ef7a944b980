"""What was done, as moves: a call that acted, with the page before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory.trajectory import Call
from ..sandbox.base import Element, View, view_from_json
from ..sandbox.locators import locate
from ..sandbox.primitives import LOCATOR


@dataclass(frozen=True, slots=True)
class Move:
    """A call that acted, with the page before and after it."""

    primitive: str
    args: dict[str, object]
    before: View
    after: View | None = None
    error: str | None = None

    @property
    def target(self) -> Element | None:
        locator = {key: value for key, value in self.args.items() if key in LOCATOR}
        return locate(self.before, locator) if locator else None


def moves_of(calls: Sequence[Call], final_view: str = "") -> list[Move]:
    """The acting calls of a trajectory that were answered, in order."""
    acting = [call for call in calls if call.effect != "read" and call.answered and call.view]
    views = [view_from_json(call.view) for call in acting]
    last = view_from_json(final_view) if final_view else None
    return [
        Move(call.primitive, call.args, before, after, call.error)
        for call, before, after in zip(acting, views, [*views[1:], last], strict=True)
    ]


def state_of(view: View) -> tuple[object, ...]:
    """What a person could tell apart of a view."""
    return (
        view.url,
        tuple((e.role, e.name, e.value, e.checked, e.disabled, e.row) for e in view.elements),
    )


def live(moves: Sequence[Move]) -> list[Move]:
    """Drop dead moves: those that failed for good, and those that changed nothing."""
    kept = []
    for index, move in enumerate(moves):
        again = any(
            m.primitive == move.primitive and m.args == move.args for m in moves[index + 1 :]
        )
        if move.error and not again:
            continue
        unchanged = move.after is not None and state_of(move.before) == state_of(move.after)
        if unchanged and not move.error:
            continue
        kept.append(move)
    return kept
