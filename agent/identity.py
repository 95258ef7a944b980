"""Which base model a weights file is: its sha256, taken once and remembered in the cache."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .weights import BLOCK, TABLE, cache_folder


def digest_of(path: Path) -> str:
    """sha256 of a weights file. Blocking: seconds at the first call for a file, then none.

    A file of the table was verified when it was opened: its digest is known by name and size.
    """
    found = path.stat()
    for source in TABLE.values():
        if path.parent == cache_folder() and (path.name, found.st_size) == (
            source.file,
            source.size,
        ):
            return source.sha256
    place = str(path.resolve())
    state = [place, found.st_size, found.st_mtime_ns]
    key = hashlib.sha256(place.encode()).hexdigest()[:16]
    note = cache_folder() / f"{path.name}.{key}.sha256"
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
        if held[:3] == state:
            return str(held[3])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps([*state, digest.hexdigest()]), encoding="utf-8")
    return digest.hexdigest()
