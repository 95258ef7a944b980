"""What a person would see of the files at a glance. Standard library only; runs inside a sandbox.

Given to the sandbox as a library function: what looks into files that code has written, a database
or an archive among them, must itself be contained.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import zipfile

SHOWN = 14
"""Files told of with their content; of more only the names."""
LINES = 4
WIDTH = 100


def peek() -> list[list[str]]:
    """`[path, summary]` for each file below the current folder, in order."""
    found = []
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                found.append(path.removeprefix("./"))
    return [[path, _summary(path) if place < SHOWN else ""] for place, path in enumerate(found)]


def _summary(path: str) -> str:
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
        if head.startswith(b"SQLite format 3\0"):
            return _tables(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return "holds " + _some(archive.namelist())
        if path.endswith((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
            with tarfile.open(path) as tar:
                return "holds " + _some([member.name for member in tar])
    except Exception as error:
        return f"cannot be read: {type(error).__name__}"
    if b"\0" in head:
        return "binary"
    lines = head.decode("utf-8", "replace").splitlines()
    shown = [line if len(line) <= WIDTH else line[:WIDTH] + " ..." for line in lines[:LINES]]
    return "\n".join([*shown, "..."] if len(lines) > LINES else shown)


def _tables(path: str) -> str:
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = base.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchall()
    finally:
        base.close()
    return "\n".join(" ".join(str(sql).split())[: 3 * WIDTH] for (sql,) in rows)


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
