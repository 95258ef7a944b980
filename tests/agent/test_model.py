from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from journeyman.agent import (
    ContextTooLong,
    KeyMissing,
    ModelError,
    ModelMissing,
    ModelUnreachable,
    WeightsMissing,
)
from journeyman.agent.config import ModelSettings
from journeyman.agent.model import LiteLLMModel, Model, Usage, open_model

ASK = [{"role": "user", "content": "Say hello."}]
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
    ],
    "usage": {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 8},
    },
}


def refusal(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


class Service(BaseHTTPRequestHandler):
    """Speaks OpenAI's chat protocol: gives its replies in order, the last one for ever."""

    replies: list[tuple[int, dict[str, Any]]] = []  # noqa: RUF012
    asked: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.asked.append(json.loads(self.rfile.read(size)))
        status, body = self.replies[min(len(self.asked), len(self.replies)) - 1]
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Service.asked.clear()
    Service.replies[:] = [(200, ANSWER)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model(address: str) -> LiteLLMModel:
    return open_model("openai/tiny", ModelSettings(api_base=address, retries=1))


async def test_a_served_model_answers_with_its_costs(model: Model) -> None:
    reply = await model.complete(ASK, grammar='root ::= "x"', max_tokens=9, seed=4)
    assert reply.text == "hello"
    assert reply.usage == Usage(12, 3, 8)
    assert reply.model == "openai/tiny"
    assert reply.seconds > 0
    sent = Service.asked[0]
    assert (sent["max_tokens"], sent["seed"], sent["temperature"]) == (9, 4, 0.0)
    assert "grammar" not in sent


async def test_a_busy_service_is_asked_again(model: Model) -> None:
    Service.replies[:] = [(429, refusal("slow down")), (200, ANSWER)]
    assert (await model.complete(ASK)).text == "hello"
    assert len(Service.asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "error", "requests"),
    [
        (500, refusal("oh dear"), ModelUnreachable, 2),
        (401, refusal("bad key", "invalid_api_key"), KeyMissing, 1),
        (404, refusal("no such model", "model_not_found"), ModelMissing, 1),
        (
            400,
            refusal("This model's maximum context length is 10 tokens", "context_length_exceeded"),
            ContextTooLong,
            1,
        ),
        (400, refusal("no such field"), ModelError, 1),
    ],
)
async def test_a_refusal_is_one_sentence_of_its_kind_and_retries_are_bounded(
    model: Model, status: int, body: dict[str, Any], error: type[ModelError], requests: int
) -> None:
    Service.replies[:] = [(status, body)]
    with pytest.raises(error, match="openai/tiny") as caught:
        await model.complete(ASK)
    assert "\n" not in str(caught.value)
    assert len(Service.asked) == requests


async def test_a_service_that_is_not_there_is_one_sentence() -> None:
    settings = ModelSettings(api_base="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(ModelUnreachable, match="does not answer"):
        await open_model("openai/tiny", settings).complete(ASK)


def test_a_hosted_model_without_its_key_names_the_variable() -> None:
    with pytest.raises(KeyMissing, match="OPENAI_API_KEY"):
        open_model("openai/gpt-4o", ModelSettings())


@pytest.mark.parametrize("name", ["nonsense", "no-such-service/x", "local/nonsense"])
def test_an_unknown_model_is_one_sentence_with_names_that_work(name: str) -> None:
    with pytest.raises(ModelMissing, match=r"local/qwen2\.5-coder-1\.5b") as caught:
        open_model(name, ModelSettings())
    assert "\n" not in str(caught.value)


def test_an_embedded_model_with_a_wrong_weights_path_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"absent\.gguf"):
        open_model(None, ModelSettings(weights=tmp_path / "absent.gguf"))


def test_litellm_reads_no_env_file_and_no_cost_map_from_the_network(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-a-file\n")
    code = (
        "import os\n"
        "from journeyman.agent.model import _litellm\n"
        "_litellm()\n"
        "print(os.environ.get('OPENAI_API_KEY'), os.environ['LITELLM_LOCAL_MODEL_COST_MAP'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert done.stdout.split() == ["None", "True"]
