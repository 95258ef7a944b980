"""The host's part in reading and writing a sandbox's work area, over the pipes of its runner.

What comes back is taken for an enemy's word: paths are checked, contents held to the sizes and
digests that were told. Nothing is written to the host's disk but by `unpack`, into a new folder.
Covered: paths that leave the area, links, too much data, a runner that lies or does not answer.
Not covered: times and owners of files.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from . import ProtocolError, StateUnknown, protocol
from .base import Export, File, Json, Snapshot
from .entries import Entry, consistent, digest_of, entries_of, entry_of, parents, refuse_path
from .protocol import LINE

CHUNK = 96 * 1024
ENTRIES = 20_000
ANSWER_SECONDS = 20.0


class Files:
    """Reads and writes one work area while nothing runs in it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0
        self._known: dict[str, bytes] = {}
        """Contents of the last snapshot by digest: what has not changed is not sent again."""

    async def put(self, files: Mapping[str, bytes | File]) -> None:
        """Write files. Raises ValueError for a path, `StateUnknown` where one does not fit."""
        for path in files:
            wrong = refuse_path(path)
            if wrong is not None:
                raise ValueError(f"{path[:100]!r} cannot be put into the sandbox: {wrong}")
        for path, file in files.items():
            whole = file if isinstance(file, File) else File(file)
            for start in range(0, max(len(whole.data), 1), CHUNK):
                await self._ask(
                    "put",
                    path=path,
                    data=base64.b64encode(whole.data[start : start + CHUNK]).decode(),
                    executable=whole.executable,
                    more=start > 0,
                )

    async def export(self, most: int) -> Export:
        """All files, up to `most` bytes together; whatever is no file is left out with a reason."""
        files: dict[str, File] = {}
        left_out: dict[str, str] = {}
        total = 0
        for entry in await self.survey():
            if entry.kind == "other":
                left_out[entry.path] = entry.told
            elif entry.kind == "link":
                left_out[entry.path] = f"it is a link to {entry.told[:200]}"
            elif entry.kind == "file" and total + entry.size > most:
                left_out[entry.path] = f"the files together are larger than {most} bytes"
            elif entry.kind == "file":
                total += entry.size
                files[entry.path] = File(await self._get(entry), entry.executable)
        return Export(files, left_out)

    async def snapshot(self, most: int) -> Snapshot:
        """Everything as it is. Raises `StateUnknown` naming what cannot be kept."""
        entries = await self.survey()
        for entry in entries:
            if entry.kind == "other":
                raise StateUnknown(f"{entry.path} cannot be kept: {entry.told}")
        if sum(entry.size for entry in entries) > most:
            raise StateUnknown(f"the files together are larger than {most} bytes")
        kept = {entry.told: await self._get(entry) for entry in entries if entry.kind == "file"}
        self._known = kept
        return Snapshot(
            files={e.path: File(kept[e.told], e.executable) for e in entries if e.kind == "file"},
            folders=frozenset(entry.path for entry in entries if entry.kind == "folder"),
            links={entry.path: entry.told for entry in entries if entry.kind == "link"},
            digest=digest_of(entries),
        )

    async def restore(self, snapshot: Snapshot) -> None:
        """Change what differs, then see that nothing does. Raises `StateUnknown` otherwise."""
        wanted = {entry.path: entry for entry in entries_of(snapshot)}
        there = {entry.path: entry for entry in await self.survey()}
        if any(entry.kind == "other" for entry in there.values()):
            # What has an odd name cannot be named in a request.
            await self._ask("clear")
            there = {}
        for path, entry in there.items():
            same = wanted.get(path)
            gone = any(parent in there and wanted.get(parent) != there[parent]
                       for parent in parents(path))  # fmt: skip
            if not gone and (same is None or same.kind != entry.kind):
                await self._ask("drop", path=path)
        for path, entry in wanted.items():
            if there.get(path) == entry:
                continue
            if entry.kind == "folder":
                await self._ask("folder", path=path)
            elif entry.kind == "link":
                await self._ask("link", path=path, target=entry.told)
            else:
                await self.put({path: snapshot.files[path]})
        found = digest_of(await self.survey())
        if found != snapshot.digest:
            raise StateUnknown("the sandbox's files could not be brought back as they were")
        self._known = {
            entry.told: snapshot.files[path].data
            for path, entry in wanted.items()
            if entry.kind == "file"
        }

    async def survey(self) -> tuple[Entry, ...]:
        """What there is, parents first."""
        found: list[Entry] = []
        while len(found) <= ENTRIES:
            page = await self._ask("survey", start=len(found))
            if not isinstance(page, list):
                raise StateUnknown("the sandbox's runner told no list of its files")
            found.extend(map(entry_of, page))
            if not page:
                return consistent(found)
        raise StateUnknown(f"the sandbox holds more than {ENTRIES} files and folders")

    async def _get(self, entry: Entry) -> bytes:
        known = self._known.get(entry.told)
        if known is not None:
            return known
        data = bytearray()
        while len(data) < entry.size:
            part = await self._ask("get", path=entry.path, offset=len(data))
            if not part or not isinstance(part, str):
                break
            try:
                data += base64.b64decode(part, validate=True)
            except ValueError:
                break
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.told:
            raise StateUnknown(f"{entry.path} is not what the sandbox's runner told of it")
        return bytes(data)

    async def _ask(self, do: str, **facts: Json) -> Json:
        self._number += 1
        self._writer.write(protocol.file_line(self._number, do, **facts))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._writer.drain()
                line = await self._reader.readuntil(b"\n")
            answer = protocol.parse_filed(line, self._number)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                ConnectionError, ProtocolError) as error:  # fmt: skip
            raise RunnerLost(f"the sandbox's files are out of reach ({error})") from error
        if answer.error is not None:
            what = f" {facts['path']}" if "path" in facts else ""
            raise StateUnknown(f"could not {do}{what} in the sandbox: {answer.error}")
        return answer.value


def unpack(export: Export, folder: Path) -> None:
    """Write exported files into a new folder. Raises FileExistsError when there is one already."""
    folder.mkdir(parents=True)
    for path, file in export.files.items():
        wrong = refuse_path(path)
        if wrong is not None:
            raise ValueError(f"{path[:100]!r} cannot be written: {wrong}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if file.executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, mode), "wb") as opened:
            opened.write(file.data)


class RunnerLost(StateUnknown):
    """The runner does not answer as it should: it has to be ended."""


assert CHUNK * 4 // 3 < LINE
