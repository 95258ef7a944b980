"""The image's parts: small packages made here, unpacked and packed as the real ones are."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, image

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")


def package(folder: Path, name: str, files: dict[str, int]) -> Path:
    """A package of files with these modes."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@a.test>\n"
        "Description: x\n"
    )
    for path, mode in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
        (root / path).chmod(mode)
    archive = folder / f"{name}_1_all.deb"
    done = subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(root), str(archive)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return archive


@needs_dpkg
def test_packages_become_one_tree_without_what_is_unused(tmp_path: Path) -> None:
    old = {"bin/old": 0o755, "usr/bin/new": 0o4755, "lib/x/a.so": 0o644, "etc/passwd": 0o600}
    new = {"usr/lib/x/b.so": 0o640, "usr/share/doc/new/readme": 0o644, "var/lib/x": 0o644}
    packages = [package(tmp_path, "one", old), package(tmp_path, "two", new)]
    root = image.unpack(packages, tmp_path / "root")
    assert (root / "bin").readlink() == Path("usr/bin")
    assert (root / "bin" / "old").read_text() == "bin/old"
    assert sorted(path.name for path in (root / "usr/lib/x").iterdir()) == ["a.so", "b.so"]
    assert not (root / "usr/share/doc").exists() and not (root / "var").exists()
    assert list((root / "etc").iterdir()) == []
    with tarfile.open(image.pack(root, tmp_path / "image.tar")) as archive:
        entries = {entry.name: entry for entry in archive}
    assert list(entries) == sorted(entries)
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}
    assert entries["usr/bin/new"].mode == 0o755, "no set-user-id bit is left"
    assert entries["usr/lib/x/b.so"].mode == 0o644


@needs_dpkg
def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    parts = {"usr/bin/b": 0o755, "usr/bin/a": 0o755, "lib/c": 0o644}
    archives = []
    for time in (1, 1_000_000_000):
        folder = tmp_path / str(time)
        root = image.unpack([package(folder, "one", parts)], folder / "root")
        for path in root.rglob("*"):
            os.utime(path, (time, time), follow_symlinks=False)
        archives.append(image.pack(root, folder / "image.tar").read_bytes())
    assert archives[0] == archives[1]


def test_another_recipe_is_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, digest = image.tag().partition(":")
    assert name == "journeyman-sandbox" and len(digest) == 16
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "ed"))
    assert image.tag() != f"{name}:{digest}"


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="apt-get is not here"):
        image.fetch(tmp_path / "packages")
    with pytest.raises(SandboxUnavailable, match="dpkg-deb is not here"):
        image.unpack([tmp_path / "one.deb"], tmp_path / "root")


def test_a_network_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "apt-get"
    fake.write_text(
        "#!/bin/sh\necho 'E: Failed to fetch python3  Could not resolve' >&2\nexit 100\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SandboxUnavailable, match=r"Failed to fetch python3.*apt-get update"):
        image.fetch(tmp_path / "packages")
