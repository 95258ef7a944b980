"""What is said where no engine can be used: real addresses that do not answer, and one that refuses."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import docker  # noqa: F401  (loaded before a test takes this user's rights)
import pytest

from journeyman.sandbox import SandboxUnavailable
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.container import Container
from journeyman.sandbox.engine import Engine, _gone, owner
from journeyman.sandbox.worker import Worker


def listening(path: Path, mode: int) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    path.chmod(mode)
    server.listen()
    return server


@contextlib.contextmanager
def as_another() -> Iterator[None]:
    """No right stops root: be someone else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(12345)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_where_nothing_listens_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (f"unix://{tmp_path}/none.sock", "tcp://127.0.0.1:1"):
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(SandboxUnavailable, match="no container engine answers") as refused:
            await Worker(Container()).run("1", serve=echo)
        assert address in str(refused.value) and "install" in str(refused.value)


def test_an_engine_without_rights_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "engine.sock")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with (
            contextlib.closing(listening(path, 0o600 if os.geteuid() == 0 else 0)),
            as_another(),
            pytest.raises(SandboxUnavailable, match=r"does not admit this user.*docker"),
        ):
            Engine()


def test_an_address_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://ann@engine.test")
    with pytest.raises(SandboxUnavailable, match=r"without TLS.*ssh://ann@engine.test"):
        Engine()
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(SandboxUnavailable, match="without TLS"):
        Engine()


def test_a_missing_sdk_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'journeyman\[docker\]'"):
        Engine()


class Refusing(ThreadingMixIn, UnixStreamServer):
    """An engine as it is where it cannot keep limits, which this machine's can."""

    daemon_threads = True
    created: tuple[int, dict[str, Any]] = (500, {"message": "no"})
    runtimes: tuple[str, ...] = ("runc",)
    asked: dict[str, Any]


class Refusal(BaseHTTPRequestHandler):
    server: Refusing

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self.tell(200, {"ApiVersion": "1.41", "Version": "20"})
        elif self.path.endswith("/info"):
            self.tell(200, {"Runtimes": {name: {} for name in self.server.runtimes}})
        else:
            self.tell(200, [])

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.tell(*self.server.created)

    def do_DELETE(self) -> None:
        self.tell(204, None)

    def tell(self, status: int, message: object) -> None:
        body = json.dumps(message).encode() if message is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    with Refusing(f"{tmp_path}/engine.sock", Refusal) as engine:  # type: ignore[arg-type]
        threading.Thread(target=engine.serve_forever, daemon=True).start()
        yield engine
        engine.shutdown()


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (201, {"Id": "1", "Warnings": ["Limitation discarded."]}, "cannot hold .*discarded"),
        (404, {"message": "No such image: x"}, "run journeyman sandbox build"),
        (500, {"message": "no space\nleft"}, "refuses the sandbox .no space left."),
    ],
    ids=["a limit it does not keep", "no image", "an error of its own"],
)
async def test_what_the_engine_refuses_is_a_sentence(
    refusing: Refusing, status: int, said: dict[str, Any], words: str
) -> None:
    refusing.created = (status, said)
    with pytest.raises(SandboxUnavailable, match=words) as refused:
        await Worker(Container()).run("1", serve=echo)
    assert "\n" not in str(refused.value)


async def test_gvisor_is_used_where_it_is_unless_told_not_to(refusing: Refusing) -> None:
    runtimes = []
    for refusing.runtimes in (("runc",), ("runc", "runsc")):
        for gvisor in (True, False):
            with pytest.raises(SandboxUnavailable):
                await Worker(Container(gvisor)).run("1", serve=echo)
            runtimes.append(refusing.asked["HostConfig"].get("Runtime"))
    assert runtimes == [None, None, "runsc", None]


def test_only_a_dead_process_of_this_machine_is_gone() -> None:
    own = owner()
    *here, process, begun = own.split()
    assert not _gone(own)
    assert _gone(" ".join((*here, process, "1"))), "its number went to another process"
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert _gone(" ".join((*here, str(child), begun)))
    assert not _gone(" ".join(("another-boot", here[1], str(child), begun)))
    assert not _gone(" ".join((here[0], "pid:[1]", str(child), begun)))
