"""Training learns, repeats itself, and survives a kill, a full disk and a loss that is no number."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.skills.lora import (
    DatasetError,
    LossNotFinite,
    NotWritten,
    TooFewSamples,
    TrainingStopped,
    checkpoint,
)
from journeyman.skills.lora.layout import CONFIG, WEIGHTS, read_adapter
from journeyman.skills.lora.recipe import Progress, Recipe, recipe_from
from journeyman.skills.lora.score import loss
from journeyman.skills.lora.tokens import Example
from journeyman.skills.lora.train import train

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

RECIPE = Recipe(rank=4, alpha=8.0, layers=2, epochs=6, batch=3, rate=1e-2)
WORKER = """
import json, sys
from dataclasses import replace
from pathlib import Path
import torch
from journeyman.skills.lora import AdapterError
from journeyman.skills.lora.base import load_base
from journeyman.skills.lora.recipe import recipe_from
from journeyman.skills.lora.tokens import Example
from journeyman.skills.lora.train import train

given = json.loads(sys.argv[1])
torch.set_num_threads(1)
base = load_base(Path(given["weights"]), Path(given["cache"]), "cpu")
examples = [Example(tuple(t), tuple(l)) for t, l in given["examples"]]
if given.get("limit"):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (given["limit"],) * 2)
def say(now):
    print(now.step, flush=True)
    if now.step == given.get("wait_at"):
        import time
        time.sleep(60)
try:
    train(base, examples, Path(given["folder"]), recipe_from(given["recipe"]), say,
          save_every=given["every"])
except AdapterError as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(3)
"""


def worker(
    gguf: Path, cache: Path, examples: list[Example], folder: Path, **more: Any
) -> subprocess.Popen[str]:
    """The same training in a process of its own."""
    recipe = {"rank": 4, "alpha": 8.0, "layers": 2, "epochs": 6, "batch": 3, "rate": 1e-2}
    given = {
        "weights": str(gguf),
        "cache": str(cache),
        "folder": str(folder),
        "recipe": recipe,
        "examples": [(example.tokens, example.loss) for example in examples],
        "every": 0.0,
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_it_learns_says_so_and_writes_what_peft_reads(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    told: list[Progress] = []
    done = train(base, examples[:6], tmp_path / "run", RECIPE, told.append, held=examples[6:])
    assert [now.step for now in told] == list(range(1, 13)) and told[-1].left == 0
    assert all(now.tokens_per_second > 0 for now in told)
    rows = [json.loads(line) for line in done.curve.read_text().splitlines()]
    assert [row["loss"] for row in rows] == [now.loss for now in told]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert len(done.held) == 7 and done.held[0] == pytest.approx(loss(base, None, examples[6:]))
    assert done.held[-1] == pytest.approx(loss(base, done.adapter, examples[6:]), rel=1e-5)
    assert checkpoint.steps(tmp_path / "run") == []

    from peft import PeftModel  # type: ignore[import-untyped]

    ids = torch.tensor([examples[0].tokens])
    bare = base.model(ids).logits
    wrapped = PeftModel.from_pretrained(base.model, str(done.adapter))
    changed = wrapped(ids).logits
    wrapped.unload()
    assert (changed - bare).abs().max() > 0.1
    assert torch.equal(base.model(ids).logits, bare)
    assert json.loads((done.adapter / CONFIG).read_text())["r"] == 4
    about = read_adapter(done.adapter).about
    assert about["base"] == base.shape.digest and about["steps"] == 12


def test_the_same_run_gives_the_same_adapter_and_a_finished_one_is_not_repeated(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    one = train(base, examples, tmp_path / "a", RECIPE)
    two = train(base, examples, tmp_path / "b", RECIPE)
    other = train(base, examples, tmp_path / "c", replace(RECIPE, seed=1))
    bytes_of = [(run.adapter / WEIGHTS).read_bytes() for run in (one, two, other)]
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]
    told: list[Progress] = []
    assert train(base, examples, tmp_path / "a", RECIPE, told.append) == one
    assert told == []
    with pytest.raises(TrainingStopped, match="another recipe"):
        train(base, examples, tmp_path / "a", replace(RECIPE, seed=1))


@pytest.fixture(scope="module")
def killed(
    tiny_gguf: Path,
    cache: Path,
    base: Any,
    examples: list[Example],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run that `kill -9` ended after its seventh step."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    process = worker(tiny_gguf, cache, examples, folder, wait_at=7)
    assert process.stdout is not None
    while process.stdout.readline().strip() != "7":
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert checkpoint.steps(folder) == [7]
    return folder


def test_a_killed_run_goes_on_to_the_same_weights(
    base: Any, tiny_gguf: Path, cache: Path, examples: list[Example], killed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    said = worker(tiny_gguf, cache, examples, folder).communicate()[0]
    assert said.split() == [str(step) for step in range(8, 19)]
    straight = train(base, examples, tmp_path / "straight", RECIPE)
    assert (folder / "adapter" / WEIGHTS).read_bytes() == (straight.adapter / WEIGHTS).read_bytes()
    assert (folder / "loss.jsonl").read_text() == straight.curve.read_text()


def test_a_full_disk_leaves_the_checkpoint_before(
    tiny_gguf: Path, cache: Path, examples: list[Example], killed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    place = folder / "checkpoints" / "7"
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    full = worker(tiny_gguf, cache, examples, folder, limit=10_000)
    said = full.communicate()[0]
    assert full.returncode == 3
    assert "NotWritten the checkpoint of step 8 was not written" in said
    assert "step 7 is intact" in said and "MB" in said
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert [entry.name for entry in (folder / "checkpoints").iterdir()] == ["7"]


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    wild = replace(RECIPE, rate=1e30, warmup=0.9)
    with pytest.raises(LossNotFinite, match="lower the rate") as stopped:
        train(base, examples, tmp_path / "run", wild, save_every=0.0)
    [kept] = checkpoint.steps(tmp_path / "run")
    assert f"the checkpoint of step {kept} is kept" in str(stopped.value)
    from safetensors.numpy import load_file

    weights = load_file(tmp_path / "run" / "checkpoints" / str(kept) / "weights.safetensors")
    assert all((abs(weight) < float("inf")).all() for weight in weights.values())


def test_what_cannot_be_trained_on_is_refused(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(TooFewSamples):
        train(base, [], tmp_path / "none")
    with pytest.raises(DatasetError, match="epochs"):
        Recipe(epochs=0)
    with pytest.raises(DatasetError, match="has no ranks"):
        recipe_from({"ranks": 3})
    from filelock import FileLock

    (tmp_path / "busy").mkdir()
    with FileLock(tmp_path / "busy" / ".lock"), pytest.raises(TrainingStopped, match="another"):
        train(base, examples, tmp_path / "busy", RECIPE)
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "adapter").mkdir()
    (tmp_path / "blocked" / "adapter" / "in-the-way").touch()
    with pytest.raises(NotWritten, match="not taken"):
        train(base, examples, tmp_path / "blocked", replace(RECIPE, epochs=1))


def test_a_damaged_checkpoint_says_what_to_do(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def stop(now: Progress) -> None:
        if now.step == 2:
            raise Enough

    with pytest.raises(Enough):
        train(base, examples, tmp_path, RECIPE, stop, save_every=0.0)
    [kept] = checkpoint.steps(tmp_path)
    with (tmp_path / "checkpoints" / str(kept) / "weights.safetensors").open("r+b") as file:
        file.write(b"\xff" * 16)
    with pytest.raises(TrainingStopped, match="delete it to begin anew"):
        train(base, examples, tmp_path, RECIPE)


def test_earlier_adapters_score_as_on_their_day(
    base: Any, examples: list[Example], tmp_path: Path
) -> None:
    """TAIL: one adapter a task, over a frozen base: nothing learnt later touches what was."""
    tasks = [examples[start : start + 2] for start in (0, 2, 4, 6)]
    on_their_day = []
    made: list[Path] = []
    frozen = [weight.clone() for weight in base.model.parameters()]
    for number, task in enumerate(tasks):
        made.append(train(base, task, tmp_path / str(number), RECIPE).adapter)
        on_their_day.append(loss(base, made[-1], task))
        assert on_their_day[-1] < loss(base, None, task)
    assert [loss(base, *pair) for pair in zip(made, tasks, strict=True)] == on_their_day
    assert all(torch.equal(*pair) for pair in zip(frozen, base.model.parameters(), strict=True))
