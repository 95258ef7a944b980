"""The client of vLLM's adapter endpoints, against a local server that speaks them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from journeyman.agent import AdapterMissing, AdapterRefused, ModelError, ModelUnreachable
from journeyman.agent.vllm import VLLM


class Server(ThreadingHTTPServer):
    """What vLLM answers; `fault` is how it fails."""

    fault = ""
    adapters: dict[str, str]
    keys: list[str | None]


class Speaks(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        names = ["base", *self.server.adapters]
        self.say(200, json.dumps({"object": "list", "data": [{"id": name} for name in names]}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.append(self.headers.get("Authorization"))
        getattr(self, self.path.removeprefix("/v1/"))(asked)

    def load_lora_adapter(self, asked: dict[str, Any]) -> None:
        name, path = asked["lora_name"], Path(asked["lora_path"])
        if self.server.fault == "not enabled":
            return self.say(404, '{"detail":"Not Found"}')
        if not (path / "adapter_config.json").is_file() and self.server.fault != "answers 200":
            return self.fail(404, f"Loading lora {name} failed: No adapter found for {path}")
        if name in self.server.adapters:
            return self.fail(400, f"The lora adapter '{name}' has already been loaded.")
        if self.server.fault != "not listed":
            self.server.adapters[name] = str(path)
        self.say(200, f"Success: LoRA adapter '{name}' added successfully.")

    def unload_lora_adapter(self, asked: dict[str, Any]) -> None:
        name = asked["lora_name"]
        if name not in self.server.adapters:
            return self.fail(404, f"The lora adapter '{name}' cannot be found.")
        if self.server.fault != "stays":
            del self.server.adapters[name]
        self.say(200, f"Success: LoRA adapter '{name}' removed successfully.")

    def completions(self, asked: dict[str, Any]) -> None:
        folder = Path(self.server.adapters.get(asked["model"], "/nowhere"))
        tilt = 0.7 if (folder / "adapter_config.json").is_file() else 0.5
        top = {" a": math.log(tilt), " b": math.log(1 - tilt)}
        logprobs = None if self.server.fault == "no logprobs" else {"top_logprobs": [top]}
        self.say(200, json.dumps({"choices": [{"text": " a", "logprobs": logprobs}]}))

    def fail(self, status: int, message: str) -> None:
        self.say(status, json.dumps({"object": "error", "message": message, "code": status}))

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Speaks)
    server.adapters, server.keys = {}, []
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def vllm(server: Server) -> VLLM:
    return VLLM(f"http://127.0.0.1:{server.server_port}/v1/", "base", key="k")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "adapter_config.json").write_text("{}")
    return tmp_path


async def test_an_adapter_is_loaded_seen_to_act_and_unloaded(
    vllm: VLLM, server: Server, folder: Path
) -> None:
    assert await vllm.load("mail", folder) == pytest.approx(math.log(0.5 / 0.3))
    assert await vllm.served() == ["base", "mail"]
    assert server.adapters == {"mail": str(folder)} and set(server.keys) == {"Bearer k"}
    await vllm.unload("mail")
    assert await vllm.served() == ["base"]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("answers 200", AdapterRefused, "exactly as the base"),
        ("not listed", AdapterRefused, "does not list it"),
        ("not enabled", AdapterMissing, "VLLM_ALLOW_RUNTIME_LORA_UPDATING"),
        ("no logprobs", ModelError, "cannot be seen"),
        ("", AdapterRefused, "No adapter found"),
    ],
)
async def test_an_adapter_that_does_not_act_is_noticed_whatever_the_server_says(
    vllm: VLLM, server: Server, tmp_path: Path, fault: str, error: type[ModelError], words: str
) -> None:
    server.fault = fault
    place = tmp_path / "absent"
    if fault in ("not listed", "no logprobs"):
        place = tmp_path
        (place / "adapter_config.json").write_text("{}")
    with pytest.raises(error, match=words) as caught:
        await vllm.load("mail", place)
    assert "\n" not in str(caught.value)
    assert server.adapters == {}


async def test_unloading_is_seen_too_and_what_is_not_there_is_said(
    vllm: VLLM, server: Server, folder: Path
) -> None:
    await vllm.load("mail", folder)
    with pytest.raises(AdapterRefused, match="already been loaded"):
        await vllm.load("mail", folder)
    server.fault = "stays"
    with pytest.raises(AdapterRefused, match="still lists it"):
        await vllm.unload("mail")
    with pytest.raises(AdapterRefused, match="cannot be found"):
        await vllm.unload("nope")


async def test_a_server_that_is_not_there_is_one_sentence(folder: Path) -> None:
    with pytest.raises(ModelUnreachable, match="no vLLM server answers"):
        await VLLM("http://127.0.0.1:9/v1", "base").load("mail", folder)
