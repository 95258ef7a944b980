"""A version's folder: an Agent Skills folder, its trials, its manifest, and their digests.

    <version>/<name>/SKILL.md            what any reader of the standard sees
    <version>/<name>/scripts/skill.py    the program
    <version>/trials.json                what admitted it
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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import LibraryCorrupt
from .events import sync_folder
from .records import report_from, version_from, version_record
from .skill import SkillVersion, TrialReport

FORMAT = 1
MANIFEST = "manifest.json"
TRIALS = "trials.json"
BESIDE = ".beside-"
"""How the names of unfinished folders begin."""


def write_folder(
    place: Path, version: SkillVersion, report: TrialReport
) -> tuple[SkillVersion, dict[str, str]]:
    """Write a version at `place`, whole or not at all; returns it with its content hash, and the
    sha256 of each file. Raises OSError."""
    name = version.name
    texts = {
        f"{name}/SKILL.md": skill_md(version),
        f"{name}/scripts/skill.py": version.code,
        TRIALS: _pretty(asdict(report)),
    }
    files = {path: _sha(text.encode()) for path, text in texts.items()}
    manifest = {"format": FORMAT, "files": dict(files), **version_record(version)}
    del manifest["content_hash"]
    files[MANIFEST] = _manifest_sha(manifest)
    final = replace(version, content_hash=_content_hash(files))
    texts[MANIFEST] = _pretty({**manifest, "content_hash": final.content_hash})
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.parent / f"{BESIDE}{place.name}-{uuid.uuid4().hex[:8]}"
    try:
        for path, text in texts.items():
            _write(beside / path, text)
        for folder in (beside / name / "scripts", beside / name, beside):
            sync_folder(folder)
        os.rename(beside, place)
        for folder in (place.parent, place.parent.parent):
            sync_folder(folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return final, files


def read_folder(place: Path, expected: dict[str, str]) -> SkillVersion:
    """Read a version whose files must be as they were admitted. Raises LibraryCorrupt."""
    contents: dict[str, bytes] = {}
    try:
        for path in sorted(listing(place)):
            contents[path] = (place / path).read_bytes()
    except OSError as error:
        raise LibraryCorrupt(_sentence(place, f"cannot be read: {error}")) from error
    for path in sorted(expected.keys() | contents.keys()):
        if path not in contents:
            raise LibraryCorrupt(_sentence(place, f"lacks {path}"))
        if path not in expected:
            raise LibraryCorrupt(_sentence(place, f"holds {path}, which was not admitted"))
        if _found_sha(path, contents[path]) != expected[path]:
            raise LibraryCorrupt(_sentence(place, f"has another {path} than was admitted"))
    manifest = json.loads(contents[MANIFEST])
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


def skill_md(version: SkillVersion) -> str:
    """The skill as the Agent Skills standard wants it, in the form all validators accept."""
    slots = ", ".join(f"{slot.name}: {slot.kind}" for slot in version.template.slots)
    call = f"{version.function}({', '.join(slot.name for slot in version.template.slots)})"
    metadata = {
        "journeyman-version": str(version.version),
        "journeyman-template": version.template.text,
        "journeyman-primitives": " ".join(version.manifest.primitives),
        "journeyman-origins": " ".join(version.manifest.origins),
        "journeyman-how": version.how,
    }
    head = [f"name: {version.name}", f"description: {_scalar(version.description)}", "metadata:"]
    head += [f"  {key}: {_scalar(value)}" for key, value in metadata.items()]
    body = [
        f"# {version.name}",
        tidy(version.description),
        f"Goal: `{tidy(version.template.text)}`" + (f" ({slots})" if slots else ""),
        f"Run `{call}` from `scripts/skill.py`. It imports its primitives from module `page`, which"
        " Journeyman's sandbox provides.",
    ]
    return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(body) + "\n"


def tidy(text: str) -> str:
    """One printable line without `---`, which some readers take for the end of the frontmatter."""
    line = " ".join(text.split())
    printable = "".join(character for character in line if character.isprintable())
    while "---" in printable:
        printable = printable.replace("---", "--")
    return printable


def _scalar(text: str) -> str:
    # A JSON string of printable characters is a YAML double-quoted scalar.
    return json.dumps(tidy(text), ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.write(text.encode())
        out.flush()
        os.fsync(out.fileno())


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
