"""Serves a folder's files as a web site, read-only.

Covered: nothing outside the folder is served, by dots, encoded slashes or links; no listing.
Not covered: ranges, compression; a file is read whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

# The standard table differs from machine to machine.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".htm": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """A file to send, by its type and a tag that changes with it."""

    body: bytes
    kind: str
    tag: str


def serve(folder: Path, path: str) -> Served | None:
    """The file at a URL's path, or None; a path ending in `/` means its index.html."""
    raw = unquote_to_bytes(path)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if not text.startswith("/") or "\0" in text or "\\" in text or ".." in text.split("/"):
        return None
    relative = text.lstrip("/") + ("index.html" if text.endswith("/") else "")
    try:
        root = folder.resolve(strict=True)
        file = (root / relative).resolve(strict=True)
        if not file.is_relative_to(root) or not file.is_file():
            return None
        state = file.stat()
        if state.st_size > LARGEST:
            return None
        body = file.read_bytes()
    except (OSError, RuntimeError):
        return None
    kind = TYPES.get(file.suffix.lower(), "application/octet-stream")
    return Served(body, kind, f'"{state.st_mtime_ns:x}-{state.st_size:x}"')
