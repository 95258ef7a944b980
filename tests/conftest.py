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


class Tiny:
    """Makes real GGUF files that load in milliseconds: a llama of two layers over bytes, with
    random weights, and LoRA adapters for it."""

    words = ("zq",)
    """Tokens of its own beside the bytes."""
    heads = 4
    even = False
    """Whether every place looks at all places before it alike."""

    def __init__(self, dim: int = 32, layers: int = 2, ffn: int = 64) -> None:
        self.dim, self.layers, self.ffn = dim, layers, ffn

    def base(self, path: Path, seed: int = 0) -> dict[str, Any]:
        """Write a base model; returns its tensors by name."""
        import gguf
        import numpy as np

        rng = np.random.default_rng(seed)
        tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *self.words]
        shapes = {"token_embd": (len(tokens), self.dim), "output": (len(tokens), self.dim)}
        for layer in range(self.layers):
            for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
                shapes[f"blk.{layer}.{name}"] = (self.dim, self.dim)
            shapes[f"blk.{layer}.ffn_gate"] = shapes[f"blk.{layer}.ffn_up"] = (self.ffn, self.dim)
            shapes[f"blk.{layer}.ffn_down"] = (self.dim, self.ffn)
        tensors = {
            f"{name}.weight": 0.2 * rng.standard_normal(shape) for name, shape in shapes.items()
        }
        tensors["token_embd.weight"] *= 5
        for layer in range(self.layers if self.even else 0):
            tensors[f"blk.{layer}.attn_q.weight"] *= 0
        norms = [
            "output_norm",
            *(f"blk.{n}.{kind}_norm" for n in range(self.layers) for kind in ("attn", "ffn")),
        ]
        tensors |= {f"{name}.weight": np.ones(self.dim) for name in norms}
        out = gguf.GGUFWriter(str(path), "llama")
        out.add_context_length(8192)
        out.add_embedding_length(self.dim)
        out.add_block_count(self.layers)
        out.add_feed_forward_length(self.ffn)
        out.add_head_count(self.heads)
        out.add_head_count_kv(self.heads)
        out.add_rope_dimension_count(self.dim // self.heads)
        out.add_layer_norm_rms_eps(1e-5)
        out.add_tokenizer_model("llama")
        out.add_token_list(tokens)
        out.add_token_scores([0.0] * len(tokens))
        out.add_token_types([2, 3, 3, *[6] * 256, *[1] * len(self.words)])
        out.add_bos_token_id(1)
        out.add_eos_token_id(2)
        out.add_unk_token_id(0)
        out.add_chat_template(
            "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
        )
        return self._write(out, tensors)

    def adapter(
        self, path: Path, seed: int = 1, scale: float = 0.5, rank: int = 4
    ) -> dict[str, Any]:
        """Write a random adapter of the value projections; returns its tensors."""
        import numpy as np

        rng = np.random.default_rng(seed)
        shapes = {"lora_a": (rank, self.dim), "lora_b": (self.dim, rank)}
        tensors = {
            f"blk.{layer}.attn_v.weight.{part}": scale * rng.standard_normal(shape)
            for layer in range(self.layers)
            for part, shape in shapes.items()
        }
        return self.planted(path, tensors)

    def planted(self, path: Path, tensors: dict[str, Any], alpha: float = 8.0) -> dict[str, Any]:
        """Write an adapter of these tensors."""
        import gguf

        out = gguf.GGUFWriter(str(path), "llama")
        out.add_string("general.type", "adapter")
        out.add_string("adapter.type", "lora")
        out.add_float32("adapter.lora.alpha", alpha)
        return self._write(out, tensors)

    @staticmethod
    def _write(out: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        for name, tensor in tensors.items():
            out.add_tensor(name, tensor.astype("float32"))
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()
        return tensors


@pytest.fixture
def tiny() -> Tiny:
    pytest.importorskip("gguf")
    return Tiny()


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
