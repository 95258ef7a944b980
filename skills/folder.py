"""A version's folder: an Agent Skills folder, its trials, its manifest, and their digests.

    <version>/<name>/SKILL.md            what any reader of the standard sees
    <version>/<name>/scripts/skill.py    the program, or
    <version>/<name>/adapter/            the adapter's files
    <version>/trials.json                what admitted it (of an adapter: gate.json)
    <version>/manifest.json              everything Journeyman knows, and the content hash

Written beside, synced and renamed into place; never changed afterwards. `SKILL.md` is the strict
form that validators agree on, so its description is tidied; the exact one stands in the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import LibraryCorrupt, SkillError
from .adapter import AdapterCandidate, GateReport, file_digest
from .events import sync_folder
from .records import gate_report_from, report_from, version_from, version_record
from .skill import SkillVersion, TrialReport
from .skill_md import skill_md

FORMAT = 1
MANIFEST = "manifest.json"
TRIALS = "trials.json"
GATE = "gate.json"
BESIDE = ".beside-"
"""How the names of unfinished folders begin."""


def write_folder(
    place: Path,
    version: SkillVersion,
    report: TrialReport | GateReport,
    adapter: AdapterCandidate | None = None,
) -> tuple[SkillVersion, dict[str, str]]:
    """Write a version at `place`, whole or not at all; returns it with its content hash, and the
    sha256 of each file. The files of an adapter are copied. Raises OSError, SkillError."""
    name = version.name
    parts: dict[str, str | Path] = {f"{name}/SKILL.md": skill_md(version)}
    if adapter is None:
        parts[f"{name}/scripts/skill.py"] = version.code
    else:
        parts |= {f"{name}/adapter/{item}": adapter.folder / item for item in adapter.files}
    parts[GATE if isinstance(report, GateReport) else TRIALS] = _pretty(asdict(report))
    with beside(place) as unfinished:
        files = {path: _write(unfinished / path, part) for path, part in parts.items()}
        for item, digest in (adapter.files if adapter else {}).items():
            if files[f"{name}/adapter/{item}"] != digest:
                raise SkillError(f"{item} of {name} has changed since its exam: examine it anew")
        manifest = {"format": FORMAT, "files": dict(files), **version_record(version)}
        del manifest["content_hash"]
        files[MANIFEST] = _manifest_sha(manifest)
        final = replace(version, content_hash=_content_hash(files))
        text = _pretty({**manifest, "content_hash": final.content_hash})
        _write(unfinished / MANIFEST, text)
    return final, files


def keep_files(place: Path, source: Path, names: Iterable[str]) -> dict[str, str]:
    """Copy files to `place`, all or none; returns the sha256 of each. Raises OSError."""
    with beside(place) as unfinished:
        return {name: _write(unfinished / name, source / name) for name in names}


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """A folder to write in that becomes `place` at the end, synced, or else vanishes."""
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.parent / f"{BESIDE}{place.name}-{uuid.uuid4().hex[:8]}"
    try:
        unfinished.mkdir()
        yield unfinished
        for folder, _, _ in os.walk(unfinished, topdown=False):
            sync_folder(Path(folder))
        os.rename(unfinished, place)
        for parent in (place.parent, place.parent.parent):
            sync_folder(parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def free_folder(parent: Path, name: str) -> Path:
    """`name` in `parent`, with a number where that is taken."""
    number, free = 1, parent / name
    while free.exists():
        number += 1
        free = parent / f"{name}-{number}"
    return free


def read_folder(place: Path, expected: dict[str, str]) -> SkillVersion:
    """Read a version whose files must be as they were admitted. Raises LibraryCorrupt."""
    contents: dict[str, bytes] = {}
    found: dict[str, str] = {}
    try:
        for path in sorted(listing(place)):
            if path.split(os.sep)[1:2] == ["adapter"]:
                found[path] = file_digest(place / path)
            else:
                contents[path] = (place / path).read_bytes()
                found[path] = _found_sha(path, contents[path])
    except (OSError, SkillError) as error:
        raise LibraryCorrupt(_sentence(place, f"cannot be read: {error}")) from error
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            raise LibraryCorrupt(_sentence(place, f"lacks {path}"))
        if path not in expected:
            raise LibraryCorrupt(_sentence(place, f"holds {path}, which was not admitted"))
        if found[path] != expected[path]:
            raise LibraryCorrupt(_sentence(place, f"has another {path} than was admitted"))
    manifest = json.loads(contents[MANIFEST])
    code = ""
    if "adapter" not in manifest:
        code = contents[f"{manifest['name']}/scripts/skill.py"].decode()
    about = {key: value for key, value in manifest.items() if key not in ("format", "files")}
    about["content_hash"] = _content_hash(expected)
    return version_from(about, code)


def read_trials(place: Path) -> TrialReport:
    """The trials that admitted a version. Raises LibraryCorrupt."""
    try:
        return report_from(json.loads((place / TRIALS).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryCorrupt(_sentence(place, f"has unreadable trials: {error}")) from error


def read_gate(place: Path) -> GateReport:
    """The exam that admitted an adapter. Raises LibraryCorrupt."""
    try:
        return gate_report_from(json.loads((place / GATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryCorrupt(_sentence(place, f"has an unreadable exam: {error}")) from error


def listing(place: Path) -> dict[str, tuple[int, int, int, int]]:
    """Each file below a folder, with what changes when it is edited (inode, size, times)."""
    found: dict[str, tuple[int, int, int, int]] = {}
    folders = [place]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    # Running a script in place leaves this behind; nothing is served from it.
                    if entry.name != "__pycache__":
                        folders.append(Path(entry.path))
                    continue
                state = entry.stat(follow_symlinks=False)
                path = os.path.relpath(entry.path, place)
                found[path] = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return found


def _write(path: Path, content: str | Path) -> str:
    """Write a text, or copy a file; returns the sha256 of what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for block in [content.encode()] if isinstance(content, str) else _blocks(content):
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            yield block


def _pretty(data: object) -> str:
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _manifest_sha(manifest: dict[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "content_hash"}
    return _sha(json.dumps(rest, sort_keys=True).encode())


def _content_hash(files: dict[str, str]) -> str:
    return _sha(json.dumps(files, sort_keys=True).encode())


def _found_sha(path: str, content: bytes) -> str:
    if path != MANIFEST:
        return _sha(content)
    try:
        manifest = json.loads(content)
        return _manifest_sha(manifest) if isinstance(manifest, dict) else ""
    except ValueError:
        return ""


def _sentence(place: Path, what: str) -> str:
    return (
        f"the skill folder {place} {what}: it is not served; restore it from a copy, or roll back"
        " to another version"
    )
