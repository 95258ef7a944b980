"""Builds the image of the container sandbox from Debian's packages; no image registry is asked.

The same packages give the same bytes: files in order, of one time and one owner, compiled without
times. The tag is a digest of the recipe below, so a changed recipe asks for a new image; the runner
is not part of it, `boot.py` takes it from the host. Covered: packages by Debian's signatures, as
apt-get verifies them; no set-user-id bit, no device, no script of a package is run. Not covered:
whether this machine's lists of packages are current.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import SandboxUnavailable
from .engine import Engine

NAME = "journeyman-sandbox"
PACKAGES = (
    *("python3", "bash", "dash", "coreutils", "findutils", "grep", "sed", "mawk", "diffutils"),
    *("patch", "tar", "gzip", "bzip2", "xz-utils", "zip", "unzip", "sqlite3", "tzdata"),
)
"""What can be run inside; apt-get adds what these need."""
UNUSED = ("base-files", "dpkg")
"""Needed only by scripts of packages, which are not run."""
LEFT_OUT = (
    *("etc", "var", "root", "home", "boot", "usr/local", "usr/games", "usr/src", "usr/share/i18n"),
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian"),
    *(
        "usr/share/bug",
        "usr/share/perl5",
        "usr/share/debconf",
        "usr/lib/python3",
        "usr/lib/valgrind",
    ),
    *(
        "usr/lib/*/gconv",
        "usr/lib/*/perl*",
        "usr/lib/python3.*/ensurepip",
        "usr/lib/python3.*/test",
    ),
    *("usr/lib/python3.*/idlelib", "usr/lib/python3.*/tkinter", "usr/lib/python3.*/lib2to3"),
    *("usr/lib/python3.*/pydoc_data", "usr/lib/python3.*/turtledemo"),
)
MERGED = ("bin", "sbin", "lib", "lib64")
"""Folders of the root that are those of /usr."""
LINKS = {"usr/bin/awk": "mawk", "usr/bin/sh": "dash", "usr/bin/which": "which.debianutils"}
PLACES = ("dev", "etc", "proc", "sys", "tmp")
"""Where the engine mounts what is its own."""
STEPS = 1
"""Counts up when the steps below come to give another image from the same packages."""

Tell = Callable[[str], None]


def tag() -> str:
    """The image that this version of the package needs, as the engine names it."""
    recipe = repr((PACKAGES, UNUSED, LEFT_OUT, MERGED, LINKS, PLACES, STEPS))
    return f"{NAME}:{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


def build(tell: Tell = lambda step: None) -> int:
    """Build the image and give it to the engine; returns its size in bytes.

    Raises `SandboxUnavailable` where a tool, the network or the engine is missing.
    """
    tell("looking for a container engine")
    engine = Engine()
    try:
        with tempfile.TemporaryDirectory(prefix="journeyman-image-") as folder:
            tell("fetching packages")
            packages = fetch(Path(folder, "packages"))
            tell(f"unpacking {len(packages)} packages")
            root = unpack(packages, Path(folder, "root"))
            tell("compiling the standard library")
            compile_all(root)
            tell("handing the image to the engine")
            archive = pack(root, Path(folder, "image.tar"))
            name, _, digest = tag().partition(":")
            engine.import_image(archive, name, digest, [f"LABEL journeyman.recipe={digest}"])
            return archive.stat().st_size
    finally:
        engine.close()


def fetch(folder: Path) -> list[Path]:
    """Download the packages and what they need, as if nothing was installed."""
    (folder / "partial").mkdir(parents=True)
    status = folder / "status"
    status.touch()
    options = {
        "Dir::State::status": status,
        "Dir::Cache::archives": folder,
        "APT::Install-Recommends": 0,
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": 1,
    }
    flags = [f"-o{key}={value}" for key, value in options.items()]
    _run("apt-get", "-qq", *flags, "--yes", "--download-only", "install", *PACKAGES)
    names = (path.name.partition("_")[0] for path in folder.glob("*.deb"))
    wanted = sorted(set(names) - set(UNUSED))
    return [path for name in wanted for path in folder.glob(f"{name}_*.deb")]


def unpack(packages: list[Path], root: Path) -> Path:
    """Unpack them into one folder, as a system whose programs all lie under /usr."""
    for package in packages:
        _run("dpkg-deb", "--extract", str(package), str(root))
    for name in MERGED:
        own, shared = root / name, root / "usr" / name
        shared.mkdir(parents=True, exist_ok=True)
        if own.is_dir() and not own.is_symlink():
            shutil.copytree(own, shared, True, dirs_exist_ok=True, copy_function=os.replace)
            shutil.rmtree(own)
        if not own.is_symlink():
            own.symlink_to(f"usr/{name}")
    for pattern in LEFT_OUT:
        for path in root.glob(pattern):
            shutil.rmtree(path)
    for name, target in LINKS.items():
        if not os.path.lexists(root / name):
            (root / name).symlink_to(target)
    for place in PLACES:
        (root / place).mkdir(exist_ok=True)
    return root


def compile_all(root: Path) -> None:
    """Compile the standard library with the Python that was unpacked: much faster to import."""
    python, loader = (sorted(root.glob(f"usr/{at}"))[0] for at in ("bin/python3.*", "lib/*/ld-*"))
    # Its own libraries, whatever this machine has; a digest of the source instead of its time.
    start = (str(loader), "--library-path", str(loader.parent), str(python), "-B", "-S")
    how = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(root))
    _run(
        *start, *how, "-p", "/", *map(str, root.glob("usr/lib/python3.*")), PYTHONHOME=root / "usr"
    )


def pack(root: Path, archive: Path) -> Path:
    """Write the folder's files in order: all of root's, of one time, with no special bit."""
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as file:
        for path in sorted(root.rglob("*")):
            entry = file.gettarinfo(path, str(path.relative_to(root)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.isreg():
                with path.open("rb") as content:
                    file.addfile(entry, content)
            elif entry.isdir() or entry.issym() or entry.islnk():
                file.addfile(entry)
    return archive


def _run(program: str, *arguments: str, **variables: object) -> None:
    """Run a program quietly. Raises `SandboxUnavailable` with the last line it said."""
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
    environment |= {name: str(value) for name, value in variables.items()}
    try:
        done = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SandboxUnavailable(
            f"the sandbox image is made of Debian's packages, and {program} is not here: build it"
            " on Debian or Ubuntu, and carry it over with docker save and docker load"
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = said[-1] if said else f"exit status {done.returncode}"
        raise SandboxUnavailable(
            f"{Path(program).name} could not do its part of the sandbox image ({reason}): see that"
            f" the network is there and run apt-get update, then build again"
        )
