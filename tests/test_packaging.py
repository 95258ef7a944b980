"""The package list, its data, and the locks agree with the folders."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("agent", "skills", "memory", "sandbox")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
LOCKS = ("requirements.lock", "requirements-data.lock", "requirements-weights.lock")


def test_the_listed_packages_are_the_folders_with_code() -> None:
    folders = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
    }
    expected = {"journeyman", *(f"journeyman.{folder}" for folder in folders)}
    assert set(SETUPTOOLS["packages"]) == expected


def test_every_package_has_an_init() -> None:
    for package in SETUPTOOLS["packages"]:
        folder = ROOT.joinpath(*package.split(".")[1:])
        assert (folder / "__init__.py").is_file(), package


def test_every_data_file_of_the_rooms_is_packaged() -> None:
    shipped = set()
    for package, patterns in SETUPTOOLS["package-data"].items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        shipped |= {path for pattern in patterns for path in folder.glob(pattern)}
    found = {
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert found <= shipped, sorted(str(path.relative_to(ROOT)) for path in found - shipped)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_with_digests_and_names_no_host_path_or_torch(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-zA-Z0-9_.-]+(\[[a-z,]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry
    assert not re.search(r"https?:|file:|--index|--find|^torch|^nvidia", text, re.MULTILINE)


def normal(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement)[0].lower().replace("_", "-")


def test_the_locks_hold_every_dependency() -> None:
    locked = {
        normal(line)
        for name in LOCKS
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(" ")
    }
    project = PROJECT["project"]
    # The build of torch, and so what `train` brings along, differs by machine: it has no lock.
    optional = {k: v for k, v in project["optional-dependencies"].items() if k != "train"}
    extras = [item for extra in optional.values() for item in extra]
    wanted = {normal(item) for item in [*project["dependencies"], *extras]}
    assert wanted <= locked


def test_litellm_is_pinned_to_one_version() -> None:
    assert [item for item in PROJECT["project"]["dependencies"] if item.startswith("litellm==")]
