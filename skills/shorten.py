"""Which calls of a success were needed: the others are dropped, by re-execution from the start."""

from __future__ import annotations

from collections.abc import Sequence

from ..memory.trajectory import Call, Task, Trajectory
from ..sandbox.base import view_to_json
from .candidates import Shortened
from .moves import Move, live, moves_of
from .trial import Arena

STILL = 0.35
"""Seconds a page must be still before a call that is re-executed to be explained."""


async def shorten(trajectory: Trajectory, arena: Arena) -> Shortened:
    """Drop calls without which the task is still solved, by re-executing the rest.

    Returns the moves left, with the views of the shortest run, and the view at its end.
    """
    calls = [call for step in trajectory.steps for call in step.calls]
    moves = live(moves_of(calls, trajectory.final_view))
    kept = list(range(len(moves)))
    shortest = (moves, trajectory.final_view)
    replayed = await _replay([moves[i] for i in kept], trajectory.task, arena)
    if replayed is None:
        return shortest
    shortest = replayed
    index = 0
    while index < len(kept) and len(kept) > 1:
        fewer = kept[:index] + kept[index + 1 :]
        replayed = await _replay([moves[i] for i in fewer], trajectory.task, arena)
        if replayed is None:
            index += 1
        else:
            kept, shortest = fewer, replayed
    return shortest


async def _replay(moves: Sequence[Move], task: Task, arena: Arena) -> Shortened | None:
    """Make the same calls from the start; what was seen on the way if that solved the task."""
    async with arena.open(task) as episode:
        for move in moves:
            # Each call must see what a person would have waited for: views explain the moves.
            await episode.view(STILL)
            words = ", ".join(f"{key}={value!r}" for key, value in move.args.items())
            result = await episode.run(f"{move.primitive}({words})")
            if not result.ok and not move.error:
                break
        end = view_to_json(await episode.view())
        calls: tuple[Call, ...] = episode.calls()
        if not (await episode.verdict()).success:
            return None
    return moves_of(calls, end), end
