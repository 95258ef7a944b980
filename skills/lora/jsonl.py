"""Datasets as files: JSON lines that TRL reads, and the folder of a dataset. Never half written.

    messages            {"messages": [{"role", "content", "train"}, ...], ...}   lossless
    prompt-completion   {"prompt": [...], "completion": [...], ...}   a line for each learnt reply
    preference          {"prompt": [...], "chosen": [...], "rejected": [...], ...}

TRL knows no mask within a conversation: it would train on all of `messages`. In the second form
wrong replies stand in the prompt, where they are out of the loss for TRL too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from . import DatasetError, NotWritten
from .dataset import Dataset
from .pairs import Pair
from .sample import Message, Sample, from_row, to_row

Form = Literal["messages", "prompt-completion"]
Row = dict[str, Any]
Item = TypeVar("Item")

FORMAT = 1
TRAIN, HELD_OUT, PAIRS, ABOUT = "train.jsonl", "held-out.jsonl", "pairs.jsonl", "dataset.json"


def export_samples(
    samples: Iterable[Sample], path: str | Path, form: Form = "prompt-completion"
) -> int:
    """Write the samples for training elsewhere; returns the lines. Raises NotWritten."""
    rows = [row for sample in samples for row in _rows(sample, form)]
    return _write(Path(path), rows)


def export_pairs(pairs: Iterable[Pair], path: str | Path) -> int:
    """Write preference pairs for training elsewhere; returns the lines. Raises NotWritten."""
    return _write(Path(path), [_pair_row(pair) for pair in pairs])


def read_samples(path: str | Path) -> list[Sample]:
    """Read either form back. Raises DatasetError naming the line."""
    return _read(Path(path), _sample)


def read_pairs(path: str | Path) -> list[Pair]:
    """Read pairs back. Raises DatasetError naming the line."""
    return _read(Path(path), _pair)


def save(dataset: Dataset, folder: str | Path) -> Path:
    """Write the folder of a dataset, whole or not at all; the same one again does nothing.

    Raises NotWritten, also where the folder holds something else.
    """
    folder = Path(folder)
    if (folder / ABOUT).exists() and load(folder).digest == dataset.digest:
        return folder
    about = {
        "format": FORMAT,
        "digest": dataset.digest,
        "train": len(dataset.train),
        "held_out": len(dataset.held_out),
        "pairs": len(dataset.pairs),
        "left_out": dict(dataset.left_out),
    }
    beside = folder.parent / f".beside-{folder.name}-{uuid.uuid4().hex[:8]}"
    try:
        beside.mkdir(parents=True)
        _put(beside / TRAIN, map(to_row, dataset.train))
        _put(beside / HELD_OUT, map(to_row, dataset.held_out))
        _put(beside / PAIRS, map(_pair_row, dataset.pairs))
        _put(beside / ABOUT, [about])
        os.rename(beside, folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise _not_written(folder, error) from error
    return folder


def load(folder: str | Path) -> Dataset:
    """Read the folder of a dataset. Raises DatasetError if it is not whole or was changed."""
    folder = Path(folder)
    about: Row = next(iter(_read(folder / ABOUT, dict)), {})
    dataset = Dataset(
        tuple(read_samples(folder / TRAIN)),
        tuple(read_samples(folder / HELD_OUT)),
        tuple(read_pairs(folder / PAIRS)),
        tuple(sorted(about.get("left_out", {}).items())),
    )
    if about.get("digest") != dataset.digest:
        raise DatasetError(f"{folder} was changed after it was written: build the dataset again")
    return dataset


def _rows(sample: Sample, form: Form) -> list[Row]:
    if form == "messages":
        return [to_row(sample)]
    about = {key: value for key, value in to_row(sample).items() if key != "messages"}
    return [
        {
            "prompt": _said(sample.messages[:place]),
            "completion": _said([message]),
            **about,
            "digest": _one(sample, place).digest,
        }
        for place, message in enumerate(sample.messages)
        if message.train
    ]


def _one(sample: Sample, place: int) -> Sample:
    """The sample up to that reply, which alone counts."""
    before = (replace(message, train=False) for message in sample.messages[:place])
    return replace(sample, messages=(*before, sample.messages[place]))


def _said(messages: Iterable[Message]) -> list[Row]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _sample(row: Mapping[str, Any]) -> Sample:
    if "completion" not in row:
        return from_row(row)
    fields = {key: value for key, value in row.items() if key not in ("prompt", "completion")}
    (reply,) = row["completion"]
    return from_row({**fields, "messages": [*row["prompt"], {**reply, "train": True}]})


def _pair_row(pair: Pair) -> Row:
    row = {**asdict(pair), "digest": pair.digest, "prompt": _said(pair.prompt)}
    return row | {
        side: [{"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")
    }


def _pair(row: Mapping[str, Any]) -> Pair:
    fields = {key: value for key, value in row.items() if key != "digest"}
    for side in ("chosen", "rejected"):
        (reply,) = fields[side]
        fields[side] = reply["content"]
    fields["prompt"] = tuple(Message(**turn) for turn in fields["prompt"])
    pair = Pair(**{**fields, "trajectories": tuple(fields["trajectories"])})
    if row["digest"] != pair.digest:
        raise DatasetError(f"a pair of {pair.task} was changed after it was written")
    return pair


def _read(path: Path, make: Callable[[Row], Item]) -> list[Item]:
    found = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(make(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
    return found


def _write(path: Path, rows: Sequence[Row]) -> int:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _put(beside, rows)
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise _not_written(path, error) from error
    return len(rows)


def _put(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())


def _not_written(path: Path, error: OSError) -> NotWritten:
    return NotWritten(
        f"{path} could not be written ({error.strerror or error}): nothing was kept of it; free"
        " some space or give another place"
    )
