"""One SQLite file behind one thread: durable by degrees, its errors said in sentences.

Two degrees of durability. `synced=True` (FULL) waits for the disk: for records acknowledged for
good, it survives a power cut. `synced=False` (NORMAL) is in the kernel when it returns: it survives
a kill of this process, costs no wait for the disk, and the next synced commit carries it there,
since both are frames of one write-ahead log in order.

A database open for reading leaves no trace: with no writer's log beside the file it is opened as
immutable, afresh for each read, so that a writer who comes later is seen.

Covered: kill, full disk, damaged pages, a foreign or newer file. Not covered: bits that flip inside
a text without breaking a page (SQLite keeps no checksums).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from . import JournalCorrupt, JournalReadOnly, MemoryFault

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds to wait for another process's transaction."""


class Database:
    """A SQLite file served by a thread of its own."""

    def __init__(self, path: Path, schema: str, version: int, kind: int, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._schema = schema
        self._version = version
        self._kind = kind
        self._writer: sqlite3.Connection | None = None
        self._synced: bool | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def open(self) -> None:
        """Create or check the file. Raises JournalCorrupt, MemoryFault."""
        await self._submit(self._open)

    async def write(self, work: Callable[[sqlite3.Connection], T], *, synced: bool) -> T:
        """Run `work` as one transaction: all of it is kept, or none."""
        if self.read_only:
            raise JournalReadOnly(
                f"{self.path} is open for reading only: open it without read_only=True to write"
            )
        return await self._submit(lambda: self._write(work, synced))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a consistent view of the file."""
        return await self._submit(lambda: self._read(work))

    async def close(self) -> None:
        """Close the file; a second call does nothing."""
        if not self._closed:
            await self._submit(self._close)
            self._closed = True
            self._thread.shutdown(wait=True)

    async def _submit(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise MemoryFault(f"{self.path} has been closed: open it again")

        def guarded() -> T:
            try:
                return work()
            except sqlite3.Error as error:
                raise self._fault(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _open(self) -> None:
        if self.read_only:
            if self.path.exists():
                self._read(self._verify)
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MemoryFault(f"cannot make the folder of {self.path}: {error}") from error
        link = sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE)
        try:
            if self._is_new(link):
                _use_wal(link)
                # A second opener waits here and then finds the tables: hence IF NOT EXISTS.
                link.executescript(
                    f"BEGIN IMMEDIATE; {self._schema} PRAGMA application_id={self._kind};"
                    f" PRAGMA user_version={self._version}; COMMIT;"
                )
            self._verify(link)
            link.execute("PRAGMA foreign_keys=ON")
        except BaseException:
            link.close()
            raise
        self._writer = link

    def _is_new(self, link: sqlite3.Connection) -> bool:
        tables = link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return bool(tables == 0 and link.execute("PRAGMA user_version").fetchone()[0] == 0)

    def _verify(self, link: sqlite3.Connection) -> None:
        kind = link.execute("PRAGMA application_id").fetchone()[0]
        version = link.execute("PRAGMA user_version").fetchone()[0]
        if kind != self._kind:
            raise JournalCorrupt(
                f"{self.path} is a database of something else, not a journal: name another file"
            )
        if version > self._version:
            raise MemoryFault(
                f"{self.path} was written by a newer Journeyman (schema {version}, this one reads"
                f" {self._version}): upgrade Journeyman"
            )

    def _write(self, work: Callable[[sqlite3.Connection], T], synced: bool) -> T:
        link = self._writer
        assert link is not None
        if synced is not self._synced:
            link.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        link.execute("BEGIN IMMEDIATE")
        try:
            result = work(link)
            link.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already.
            if link.in_transaction:
                link.execute("ROLLBACK")
            raise
        return result

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is not None:
            return work(self._writer)
        if not self.path.exists():
            with _memory(self._schema) as empty:
                return work(empty)
        quiet = not Path(f"{self.path}-wal").exists()
        try:
            return self._read_file(work, immutable=quiet)
        except sqlite3.DatabaseError:
            # A writer came between the look and the read, and moved pages under it.
            if quiet and Path(f"{self.path}-wal").exists():
                return self._read_file(work, immutable=False)
            raise

    def _read_file(self, work: Callable[[sqlite3.Connection], T], immutable: bool) -> T:
        mode = "immutable=1" if immutable else "mode=ro"
        address = f"file:{quote(str(self.path.absolute()))}?{mode}"
        link = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)
        try:
            link.execute("BEGIN")
            return work(link)
        finally:
            link.close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _fault(self, error: sqlite3.Error) -> MemoryFault:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            return MemoryFault(
                f"{self.path} could not be written, the disk is full or failing ({text}): free some"
                " space and go on; every record acknowledged before this is kept"
            )
        if "readonly" in text or "unable to open" in text:
            return MemoryFault(f"{self.path} cannot be opened ({text}): check its permissions")
        if "locked" in text:
            return MemoryFault(
                f"{self.path} was kept locked by another process for {PATIENCE:.0f} s: end it first"
            )
        if isinstance(error, sqlite3.IntegrityError):
            return MemoryFault(f"{self.path} refused a record: {text}")
        return corrupt(self.path, text)


def corrupt(path: Path, why: str) -> JournalCorrupt:
    """The error for a damaged file, with how to mend it."""
    return JournalCorrupt(
        f"{path} is damaged ({why}): save what is readable with"
        f" `sqlite3 {path} .recover | sqlite3 mended.db`, or move the file away to start afresh"
    )


class _memory:
    """An empty database, for reading a file that is not there yet."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def __enter__(self) -> sqlite3.Connection:
        self._link = sqlite3.connect(":memory:", isolation_level=None)
        self._link.executescript(self._schema)
        return self._link

    def __exit__(self, *_: object) -> None:
        self._link.close()


def _use_wal(link: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for a second opener that is doing the same: we do."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            link.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
