"""The library's log: one JSON object a line; a synced line is the commit.

Covered: a writer killed in the middle of a line (the rest is ignored, and cut off by the next
writer), a full disk (the line is taken back), a log that another process has replaced. Not covered:
a line changed by hand into another valid event.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import LibraryCorrupt, SkillError

Event = dict[str, Any]


class EventLog:
    """Reads what is new, appends under its caller's lock. Making one touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start()

    def _start(self) -> None:
        self._offset = 0
        self._count = 0
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """sha256 over every complete line read so far."""
        return self._hash.hexdigest()

    @property
    def count(self) -> int:
        """Events read so far."""
        return self._count

    def read(self) -> tuple[bool, list[Event]]:
        """The events since the last call, and whether the log began anew. Raises LibraryCorrupt."""
        try:
            return False, self._news()
        except LibraryCorrupt:
            if self._offset == 0:
                raise
            # What was read may have been replaced since (mended, restored): look once from the top.
            self._start()
            return True, self._news()

    def append(self, events: Sequence[Event]) -> None:
        """Add events, synced to the disk. The caller holds the lock and has read to the end.

        All lines or none are kept. Raises SkillError.
        """
        lines = b"".join(
            json.dumps({"n": self._count + place, **event}, separators=(",", ":")).encode() + b"\n"
            for place, event in enumerate(events, 1)
        )
        new = not self.path.exists()
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                # What stands beyond is a torn line of a writer that was killed.
                os.ftruncate(handle, self._offset)
                _write_all(handle, lines, self._offset)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, self._offset)
                raise
            finally:
                os.close(handle)
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise SkillError(
                f"{self.path} could not be written ({error}): free some space or check its"
                " permissions; nothing in the library was changed"
            ) from error

    def torn(self) -> bool:
        """Whether the last line is incomplete."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return content != b"" and not content.endswith(b"\n")

    def damaged(self, sound: Callable[[Event], bool]) -> list[int]:
        """Numbers of the complete lines that are no events, or not `sound`, from 1."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        events = ((place, _parse(line)) for place, line in enumerate(lines, 1))
        return [place for place, event in events if event is None or not sound(event)]

    def mend(self, sound: Callable[[Event], bool]) -> None:
        """Drop what `damaged` names, keeping the old file as `<name>.damaged`."""
        content = self.path.read_bytes()
        found = (_parse(line) for line in content.split(b"\n")[:-1])
        events = [event for event in found if event is not None and sound(event)]
        kept = self.path.with_name(f"{self.path.name}.damaged")
        kept.write_bytes(content)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        lines = [
            json.dumps({**event, "n": n}, separators=(",", ":"))
            for n, event in enumerate(events, 1)
        ]
        with beside.open("w", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, self.path)
        sync_folder(self.path.parent)

    def _news(self) -> list[Event]:
        try:
            with self.path.open("rb") as log:
                size = os.fstat(log.fileno()).st_size
                if size < self._offset:
                    raise LibraryCorrupt(f"{self.path} became shorter while it was in use")
                log.seek(self._offset)
                fresh = log.read()
        except FileNotFoundError:
            if self._offset:
                raise LibraryCorrupt(f"{self.path} is gone: restore it from a copy") from None
            return []
        except OSError as error:
            raise SkillError(f"{self.path} cannot be read: {error}") from error
        whole = fresh[: fresh.rfind(b"\n") + 1]
        events = []
        for place, line in enumerate(whole.split(b"\n")[:-1], self._count + 1):
            event = _parse(line)
            if event is None or event["n"] != place:
                raise LibraryCorrupt(
                    f"line {place} of {self.path} is not event {place}: restore the file from a"
                    " copy, or `fsck(mend=True)` drops what cannot be read and keeps the old file"
                )
            events.append(event)
        self._hash.update(whole)
        self._offset += len(whole)
        self._count += len(events)
        return events


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event and "n" in event else None


def _write_all(handle: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(handle, data, offset)
        data, offset = data[written:], offset + written


def sync_folder(path: Path) -> None:
    """Make the names in a folder safe on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
