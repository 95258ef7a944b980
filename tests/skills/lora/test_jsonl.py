"""Files of samples: whole or not at all, read back as they were, and read by TRL."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.skills.lora import DatasetError, NotWritten
from journeyman.skills.lora.dataset import Dataset, Recipe, build
from journeyman.skills.lora.jsonl import (
    export_pairs,
    export_samples,
    load,
    read_pairs,
    read_samples,
    save,
)
from journeyman.skills.lora.pairs import Pair
from journeyman.skills.lora.sample import Message, Sample

TEXT = st.text(max_size=12)
TURN = st.tuples(TEXT, TEXT.filter(str.strip), st.booleans())


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Conversations of any length that end with a learnt reply."""
    turns = draw(st.lists(TURN, min_size=1, max_size=4))
    said = [Message("system", draw(TEXT))]
    for place, (asked, reply, train) in enumerate(turns, 1):
        said += [Message("user", asked), Message("assistant", reply, train or place == len(turns))]
    kind = draw(st.sampled_from(["right", "splice", "rehearsal"]))
    about = {name: draw(TEXT) for name in ("goal", "trajectory", "family")}
    return Sample(tuple(said), draw(TEXT.filter(bool)), kind=kind, **about)


PAIRS = st.builds(
    Pair,
    st.tuples(st.builds(Message, st.just("user"), TEXT)),
    TEXT,
    TEXT,
    TEXT,
    st.tuples(TEXT, TEXT),
)


@given(st.lists(samples(), max_size=5))
def test_conversations_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, made: list[Sample]
) -> None:
    path = tmp_path_factory.mktemp("out") / "samples.jsonl"
    assert export_samples(made, path, "messages") == len(made)
    assert read_samples(path) == made


@given(st.lists(samples(), max_size=5))
def test_in_the_other_form_each_learnt_reply_is_a_line_with_all_before_it_out_of_the_loss(
    tmp_path_factory: pytest.TempPathFactory, made: list[Sample]
) -> None:
    path = tmp_path_factory.mktemp("out") / "samples.jsonl"
    learnt = [message for sample in made for message in sample.messages if message.train]
    assert export_samples(made, path) == len(learnt)
    back = read_samples(path)
    assert [sample.messages[-1] for sample in back] == learnt
    assert all(sum(message.train for message in sample.messages) == 1 for sample in back)
    for sample in made:
        count = sum(message.train for message in sample.messages)
        mine, back = back[:count], back[count:]
        assert count > 1 or mine == [sample]
        # What stands before a reply is told as it was said, wrong replies too.
        assert [len(one.messages) - 1 for one in mine] == [
            place for place, message in enumerate(sample.messages) if message.train
        ]
        assert {(one.task, one.kind) for one in mine} == {(sample.task, sample.kind)}
        last = [(message.role, message.content) for message in mine[-1].messages]
        assert last == [(message.role, message.content) for message in sample.messages]


@given(st.lists(PAIRS, max_size=5))
def test_pairs_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, made: list[Pair]
) -> None:
    path = tmp_path_factory.mktemp("out") / "pairs.jsonl"
    assert export_pairs(made, path) == len(made)
    assert read_pairs(path) == made


@pytest.fixture
def dataset(attempt: Any, prompts: Any) -> Dataset:
    told = [attempt(f"t{n}", f"task:{n}", [(f"p{n}", f"go({n})")]) for n in range(20)]
    told += [attempt(f"f{n}", f"task:{n}", [(f"p{n}", "no()")], False) for n in range(20)]
    return build(told, prompts, is_exam=lambda task: False, recipe=Recipe())


def test_a_folder_comes_back_and_saving_it_again_changes_nothing(
    dataset: Dataset, tmp_path: Path
) -> None:
    folder = save(dataset, tmp_path / "data" / "one")
    assert load(folder) == dataset and dataset.pairs and dataset.left_out
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert save(dataset, folder) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_a_folder_that_holds_another_dataset_is_left_alone(
    dataset: Dataset, tmp_path: Path
) -> None:
    folder = save(dataset, tmp_path / "one")
    fewer = replace(dataset, train=dataset.train[1:])
    with pytest.raises(NotWritten, match="one could not be written"):
        save(fewer, folder)
    assert load(folder) == dataset and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["train.jsonl", "held-out.jsonl", "pairs.jsonl"])
def test_a_folder_that_is_not_whole_or_was_changed_is_refused(
    dataset: Dataset, tmp_path: Path, name: str
) -> None:
    folder = save(dataset, tmp_path / "one")
    lines = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text("".join(lines[1:]))
    with pytest.raises(DatasetError, match="was changed"):
        load(folder)
    (folder / name).write_text("".join(lines).replace("go(", "gone("))
    with pytest.raises(DatasetError, match="changed after it was written"):
        load(folder) if name != "pairs.jsonl" else read_pairs(folder / name)
    (folder / name).unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        load(folder)


def test_held_out_tasks_that_were_moved_into_training_are_refused(
    dataset: Dataset, tmp_path: Path
) -> None:
    folder = save(dataset, tmp_path / "one")
    with (folder / "train.jsonl").open("a") as file:
        file.write((folder / "held-out.jsonl").read_text())
    with pytest.raises(DatasetError, match="both trained on and held out"):
        load(folder)


@pytest.mark.parametrize(
    "line", ["{", "3", "[]", "null", "{}", '{"messages": []}', '{"prompt": [], "completion": []}',
             '{"task": "a", "prompt": [{"role": "user"}], "completion": [{"role": "assistant"}]}',
             '{"task": "a", "messages": [{"role": "user", "content": "p", "more": 1}]}']
)  # fmt: skip
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(DatasetError, match=r"samples\.jsonl, line 2"):
        read_samples(path)
    with pytest.raises(DatasetError, match=r"samples\.jsonl, line 2"):
        read_pairs(path)


@given(st.binary(max_size=60))
def test_any_file_at_all_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("in") / "samples.jsonl"
    path.write_bytes(content)
    try:
        assert read_samples(path) == []
    except DatasetError as refused:
        assert str(path) in str(refused)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files of this process grow to `size` bytes: beyond, the kernel refuses to write."""
    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, held[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)


def test_a_disk_that_fills_up_leaves_what_was_there(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    export_samples(dataset.train[:1], path)
    before = path.read_bytes()
    with room_for(2000), pytest.raises(NotWritten, match=r"could not be written.*free some space"):
        export_samples(dataset.train, path)
    assert path.read_bytes() == before
    with room_for(2000), pytest.raises(NotWritten, match="nothing was kept"):
        save(dataset, tmp_path / "one")
    assert [item.name for item in tmp_path.iterdir()] == ["samples.jsonl"]


def test_a_folder_that_is_not_there_or_no_folder_is_a_sentence(
    dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(NotWritten, match=r"x\.jsonl could not be written"):
        export_samples(dataset.train, tmp_path / "none" / "x.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritten, match=r"x\.jsonl could not be written"):
        export_pairs(dataset.pairs, tmp_path / "file" / "x.jsonl")
    with pytest.raises(NotWritten):
        save(dataset, tmp_path / "file")
    assert issubclass(NotWritten, OSError)


def test_lines_hold_what_trl_asks_for(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    turn = {"role", "content"}

    def first() -> Any:
        return json.loads(path.read_text().splitlines()[0])

    export_samples(dataset.train, path)
    row = first()
    assert all(set(message) == turn for side in ("prompt", "completion") for message in row[side])
    assert [m["role"] for m in row["prompt"]] == ["system", "user"] and len(row["completion"]) == 1
    export_pairs(dataset.pairs, path)
    row = first()
    assert [message["role"] for message in row["chosen"] + row["rejected"]] == ["assistant"] * 2
    export_samples(dataset.train, path, "messages")
    assert [m["role"] for m in first()["messages"]] == ["system", "user", "assistant"]
