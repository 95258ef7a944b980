"""What every test gets: no network, no provider's key, a home of its own; `--no-skip`.

`chromium` is one real browser a test file; tests that use it share the file's event loop.

Not covered: programs a test starts. Chromium is forced through the policy proxy, and code in a
sandbox has no network at all.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio

from journeyman.sandbox import SandboxUnavailable, image
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.chromium import find_chromium
from journeyman.sandbox.engine import Engine

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "any-load", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-load")

REAL_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
"""Read before the homes are replaced: tests marked `model` use the weights that lie there."""

KEPT = {"JOURNEYMAN_BROWSER__EXECUTABLE"}
PROVIDERS = ("ANTHROPIC", "AWS_", "AZURE", "COHERE", "GEMINI", "GOOGLE", "HF_", "HUGGING")
PROVIDERS += ("JOURNEYMAN_", "LANGCHAIN", "LANGSMITH", "MISTRAL", "OLLAMA", "OPENAI", "VERTEX")
ENDINGS = ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_TOKEN")


class NetworkBlocked(OSError):
    """A test tried to reach something outside this machine."""


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach loopback addresses and Unix sockets only."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo = socket.getaddrinfo

    def allowed(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise NetworkBlocked(f"tests do not reach the network: {address}")

    def guarded(sock: socket.socket, address: Any) -> None:
        allowed(sock, address)
        connect(sock, address)

    def guarded_ex(sock: socket.socket, address: Any) -> int:
        allowed(sock, address)
        return connect_ex(sock, address)

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_here(host) and not _is_address(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests do not reach the network: {host}")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(autouse=True)
def _own_home(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Give the test an empty home, and no variable that opens a provider's door."""
    for name in set(os.environ) - KEPT:
        if name.startswith(PROVIDERS) or name.endswith(ENDINGS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    if request.node.get_closest_marker("model"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(REAL_CACHE))
    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "False")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One Chromium for all tests of a file."""
    executable = os.environ.get("JOURNEYMAN_BROWSER__EXECUTABLE")
    if find_chromium(executable) is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    browser = Browser(executable)
    yield browser
    await browser.close()


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine that holds the sandbox's image: `bash .ci/engine.sh` makes it so."""
    try:
        Engine().require(image.tag())
    except SandboxUnavailable as error:
        pytest.skip(str(error))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skip", action="store_true", help="a skipped test is a failure")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    return _strict(report, item.config)  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    return _strict(report, collector.config)  # type: ignore[return-value]


def _strict(report: Any, config: pytest.Config) -> Any:
    """Under `--no-skip`, make a skip (not an expected failure) count as a failure."""
    if report.skipped and config.getoption("--no-skip") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which --no-skip forbids: {reason}"
    return report
