"""Every trajectory, step by step, in an append-only SQLite file.

What is written, when, and how far it is safe when the call returns:

    begin, add_step, finish, note    synced to the disk (survives a power cut)
    intend, answer                   in the kernel (survives kill -9 of this process)

An intent must cost little, since one precedes every click; a power cut takes the sandbox and its
page along, so it needs to outlive this process only. The step's synced commit then carries it down.

Append-only is enforced by triggers. A step number or a finish written again does not replace the
earlier row: both stay, and readers take the later one. An intent for an effect is accepted once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import MemoryFault
from .database import Database
from .export import write_chat_jsonl
from .tables import (
    KIND,
    LAST_FINISH,
    SCHEMA,
    VERSION,
    dump,
    intend_again,
    load_calls,
    load_trajectories,
    require,
)
from .trajectory import Call, Outcome, Step, Task, Trajectory


class Journal:
    """The record of every attempt. Made by `await Journal.open(path)`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.path = database.path

    @classmethod
    async def open(cls, path: str | Path, read_only: bool = False) -> Journal:
        """Open or create a journal; for reading, a missing file reads as an empty one.

        Raises JournalCorrupt for a damaged or foreign file, MemoryFault for a newer one.
        """
        database = Database(Path(path), SCHEMA, VERSION, KIND, read_only)
        await database.open()
        return cls(database)

    @property
    def read_only(self) -> bool:
        return self._database.read_only

    async def close(self) -> None:
        """Close the file; a second call does nothing."""
        await self._database.close()

    async def begin(
        self, trajectory_id: str, task: Task, model: str = "", seed: int = 0, source: str = "agent"
    ) -> None:
        """Keep that an attempt has begun. Again with the same arguments does nothing."""
        body = dump({"task": asdict(task), "model": model, "seed": seed, "source": source})

        def work(db: sqlite3.Connection) -> None:
            sql = "SELECT body FROM trajectory WHERE id=?"
            held = db.execute(sql, (trajectory_id,)).fetchone()
            if held is None:
                row = (trajectory_id, task.id, time.time(), body)
                db.execute("INSERT INTO trajectory VALUES (?,?,?,?)", row)
            elif held[0] != body:
                raise MemoryFault(f"trajectory {trajectory_id!r} has begun with another task")

        await self._database.write(work, synced=True)

    async def intend(self, trajectory_id: str, call: Call) -> None:
        """Keep that a primitive is about to be sent; it outlives a kill of this process.

        The same read or idempotent call may be intended again while it has no answer; an effect
        never. Raises MemoryFault otherwise.
        """
        args = dump(call.args)
        digest = hashlib.sha256(dump([call.primitive, call.args]).encode()).hexdigest()
        body = f'{{"primitive":{dump(call.primitive)},"args":{args},"view":{dump(call.view)}}}'
        row = (trajectory_id, call.sequence, call.effect, digest, body)

        def work(db: sqlite3.Connection) -> None:
            try:
                db.execute("INSERT INTO intent VALUES (?,?,?,?,?)", row)
            except sqlite3.IntegrityError:
                intend_again(db, trajectory_id, call, digest)

        await self._database.write(work, synced=False)

    async def answer(
        self,
        trajectory_id: str,
        sequence: int,
        reply: Any = None,
        error: str | None = None,
        view: str = "",
    ) -> None:
        """Keep the answer to an intended call; it outlives a kill of this process."""
        body = dump({"reply": reply, "error": error, "view": view})

        def work(db: sqlite3.Connection) -> None:
            try:
                row = (trajectory_id, sequence, body)
                db.execute("INSERT INTO answer VALUES (?,?,?)", row)
            except sqlite3.IntegrityError as fault:
                why = "was never intended" if "FOREIGN" in str(fault) else "has an answer already"
                raise MemoryFault(f"call {sequence} of {trajectory_id!r} {why}") from fault

        await self._database.write(work, synced=False)

    async def add_step(self, trajectory_id: str, step: Step) -> None:
        """Keep a finished step, synced to the disk; a step of the same number is superseded."""

        def work(db: sqlite3.Connection) -> None:
            require(db, trajectory_id)
            numbers = [call.sequence for call in step.calls]
            held = load_calls(db, trajectory_id, min(numbers), max(numbers)) if numbers else []
            known = {call.sequence: call for call in held}
            body = asdict(step)
            # A call that is journalled already is kept as its number only: views are large.
            body["calls"] = [
                call.sequence if known.get(call.sequence) == call else data
                for call, data in zip(step.calls, body["calls"], strict=True)
            ]
            row = (trajectory_id, step.number, dump(body))
            db.execute("INSERT INTO step(trajectory, number, body) VALUES (?,?,?)", row)

        await self._database.write(work, synced=True)

    async def finish(
        self,
        trajectory_id: str,
        outcome: Outcome,
        seconds: float = 0.0,
        taint: str = "",
        final_view: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Keep how an attempt ended, synced to the disk; a later verdict supersedes this one."""
        body = {"outcome": asdict(outcome), "seconds": seconds, "taint": taint}
        body |= {"final_view": final_view, "extra": dict(extra or {})}
        row = (trajectory_id, outcome.success, dump(body))

        def work(db: sqlite3.Connection) -> None:
            require(db, trajectory_id)
            db.execute("INSERT INTO finish(trajectory, success, body) VALUES (?,?,?)", row)

        await self._database.write(work, synced=True)

    async def get(self, trajectory_id: str) -> Trajectory:
        """The trajectory with the steps written so far. Raises MemoryFault if there is none."""

        def work(db: sqlite3.Connection) -> Trajectory:
            found = load_trajectories(db, self.path, "t.id=?", (trajectory_id,))
            if not found:
                raise MemoryFault(f"{self.path} holds no trajectory {trajectory_id!r}")
            return found[0]

        return await self._database.read(work)

    async def all(
        self,
        finished: bool | None = None,
        success: bool | None = None,
        task_id: str | None = None,
        limit: int | None = None,
    ) -> list[Trajectory]:
        """Trajectories that fit, oldest first; `limit` keeps the newest of them."""
        clauses: dict[str, tuple[object, ...]] = {"1": ()}
        if finished is not None:
            clauses[f"f.row IS {'NOT ' if finished else ''}NULL"] = ()
        if success is not None:
            clauses["f.success = ?"] = (int(success),)
        if task_id is not None:
            clauses["t.task = ?"] = (task_id,)
        where = " AND ".join(clauses) + " ORDER BY t.created DESC, t.rowid DESC LIMIT ?"
        values = (*sum(clauses.values(), ()), -1 if limit is None else limit)
        newest = await self._database.read(
            lambda db: load_trajectories(db, self.path, where, values)
        )
        return newest[::-1]

    async def unfinished(self) -> list[str]:
        """Ids of the attempts that have no end: running, or killed."""
        sql = f"SELECT t.id {LAST_FINISH} WHERE f.row IS NULL ORDER BY t.created, t.rowid"
        return await self._database.read(lambda db: [row[0] for row in db.execute(sql)])

    async def goals(self) -> list[tuple[str, str]]:
        """Id and goal of each attempt that succeeded untainted, oldest first."""
        sql = (
            f"SELECT t.id, json_extract(t.body, '$.task.goal') {LAST_FINISH} WHERE f.success = 1"
            " AND json_extract(f.body, '$.taint') = '' ORDER BY t.created, t.rowid"
        )
        return await self._database.read(lambda db: list(map(tuple, db.execute(sql))))

    async def calls(self, trajectory_id: str) -> list[Call]:
        """Every call intended, in order, with its answer where one came."""
        return await self._database.read(lambda db: load_calls(db, trajectory_id))

    async def in_doubt(self, trajectory_id: str) -> list[Call]:
        """Effects that were sent, or about to be, and have no answer: never to be sent again."""
        calls = await self.calls(trajectory_id)
        return [call for call in calls if call.effect == "effect" and not call.answered]

    async def note(self, kind: str, body: Mapping[str, Any]) -> int:
        """Append a record of another kind (a lesson's event), synced; returns its number."""
        row = (kind, dump(body))

        def work(db: sqlite3.Connection) -> int:
            cursor = db.execute("INSERT INTO note(kind, body) VALUES (?,?)", row)
            return int(cursor.lastrowid or 0)

        return await self._database.write(work, synced=True)

    async def notes(self, kind: str, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """Records of a kind with a number above `after`, oldest first."""
        sql = "SELECT row, body FROM note WHERE kind=? AND row>? ORDER BY row"
        return await self._database.read(
            lambda db: [(row, json.loads(body)) for row, body in db.execute(sql, (kind, after))]
        )

    async def export_chat_jsonl(self, path: str | Path, success: bool | None = True) -> int:
        """Write finished trajectories as chat JSONL for training elsewhere; returns how many."""
        found = await self.all(finished=True, success=success)
        return await asyncio.to_thread(write_chat_jsonl, found, Path(path))
