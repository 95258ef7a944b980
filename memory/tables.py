"""The journal's tables, and how their rows become values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import MemoryFault
from .database import corrupt
from .trajectory import Call, Outcome, Trajectory, step_from, task_from

VERSION = 1
KIND = 0x4A524E4C
"""SQLite's application_id: "JRNL"."""

_TABLES = {
    "trajectory": "id TEXT PRIMARY KEY, task TEXT NOT NULL, created REAL NOT NULL,"
    " body TEXT NOT NULL",
    "intent": "trajectory TEXT NOT NULL REFERENCES trajectory(id), sequence INTEGER NOT NULL,"
    " effect TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (trajectory, sequence)",
    "answer": "trajectory TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (trajectory, sequence),"
    " FOREIGN KEY (trajectory, sequence) REFERENCES intent(trajectory, sequence)",
    "step": "row INTEGER PRIMARY KEY, trajectory TEXT NOT NULL REFERENCES trajectory(id),"
    " number INTEGER NOT NULL, body TEXT NOT NULL",
    "finish": "row INTEGER PRIMARY KEY, trajectory TEXT NOT NULL REFERENCES trajectory(id),"
    " success INTEGER, body TEXT NOT NULL",
    "note": "row INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL",
}

SCHEMA = "".join(
    f"CREATE TABLE IF NOT EXISTS {name}({columns});"
    + "".join(
        f"CREATE TRIGGER IF NOT EXISTS {name}_{verb} BEFORE {verb} ON {name}"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
        for verb in ("UPDATE", "DELETE")
    )
    for name, columns in _TABLES.items()
) + (
    "CREATE INDEX IF NOT EXISTS step_of ON step(trajectory, number);"
    "CREATE INDEX IF NOT EXISTS finish_of ON finish(trajectory);"
    "CREATE INDEX IF NOT EXISTS note_of ON note(kind);"
)

LAST_FINISH = (
    "FROM trajectory t LEFT JOIN finish f ON f.row ="
    " (SELECT max(row) FROM finish WHERE trajectory = t.id)"
)


def dump(value: object) -> str:
    """JSON text as it is stored."""
    # ASCII only: pages hold lone surrogates, which SQLite would refuse.
    return json.dumps(value, separators=(",", ":"))


def require(db: sqlite3.Connection, trajectory_id: str) -> None:
    """Raise MemoryFault unless the trajectory has begun."""
    if not db.execute("SELECT 1 FROM trajectory WHERE id=?", (trajectory_id,)).fetchone():
        raise MemoryFault(f"trajectory {trajectory_id!r} has not begun: call begin first")


def intend_again(db: sqlite3.Connection, trajectory_id: str, call: Call, digest: str) -> None:
    """Accept a second intent only of the same harmless call that has no answer."""
    require(db, trajectory_id)
    where = (trajectory_id, call.sequence)
    sql = "SELECT effect, digest FROM intent WHERE trajectory=? AND sequence=?"
    effect, before = db.execute(sql, where).fetchone()
    sql = "SELECT 1 FROM answer WHERE trajectory=? AND sequence=?"
    name = f"call {call.sequence} of {trajectory_id!r}"
    if before != digest:
        raise MemoryFault(f"{name} was intended as another call: number this one anew")
    if db.execute(sql, where).fetchone():
        raise MemoryFault(f"{name} has an answer: use the one that is journalled")
    if effect == "effect":
        raise MemoryFault(
            f"{name} is an effect in doubt and is not sent again: look at the page, or ask a person"
        )


def load_calls(
    db: sqlite3.Connection, trajectory_id: str, first: int = -(2**63), last: int = 2**63 - 1
) -> list[Call]:
    """The calls intended with numbers from `first` to `last`, in order, answered or not."""
    sql = (
        "SELECT i.sequence, i.effect, i.body, a.body FROM intent i LEFT JOIN answer a"
        " USING (trajectory, sequence) WHERE i.trajectory=? AND i.sequence BETWEEN ? AND ?"
        " ORDER BY i.sequence"
    )
    rows = db.execute(sql, (trajectory_id, first, last))
    return [_call(*row) for row in rows]


def _call(sequence: int, effect: Any, intent: str, answer: str | None) -> Call:
    sent = json.loads(intent)
    back = json.loads(answer) if answer is not None else {}
    return Call(
        sequence=sequence,
        primitive=sent["primitive"],
        args=sent["args"],
        effect=effect,
        reply=back.get("reply"),
        error=back.get("error"),
        view=back.get("view") or sent["view"],
        answered=answer is not None,
    )


def load_trajectories(
    db: sqlite3.Connection, path: Path, where: str, values: Sequence[object]
) -> list[Trajectory]:
    """The trajectories that fit, each with its steps so far. Raises JournalCorrupt."""
    sql = f"SELECT t.id, t.created, t.body, f.body {LAST_FINISH} WHERE {where}"
    found = []
    for row in db.execute(sql, values).fetchall():
        try:
            found.append(_trajectory(db, *row))
        except (KeyError, TypeError, ValueError) as error:
            raise corrupt(path, f"trajectory {row[0]!r}: {error}") from error
    return found


def _trajectory(
    db: sqlite3.Connection, name: str, created: float, body: str, finish: str | None
) -> Trajectory:
    data = json.loads(body)
    end = json.loads(finish) if finish is not None else {}
    outcome = Outcome(**end.pop("outcome", {"success": None}))
    sql = "SELECT body FROM step WHERE trajectory=? ORDER BY row"
    steps = [json.loads(step) for (step,) in db.execute(sql, (name,))]
    if any(isinstance(call, int) for step in steps for call in step["calls"]):
        known = {call.sequence: call for call in load_calls(db, name)}
    read = []
    for step in steps:
        calls = [known[c] if isinstance(c, int) else Call(**c) for c in step.pop("calls")]
        read.append(replace(step_from(step), calls=tuple(calls)))
    # The later row of a number stands: a resumed run may have written its step twice.
    by_number = {step.number: step for step in read}
    return Trajectory(
        id=name,
        task=task_from(data.pop("task")),
        steps=tuple(by_number[number] for number in sorted(by_number)),
        outcome=outcome,
        created=created,
        **data,
        **end,
    )
