"""JSON: read, filter, count, nest and flatten objects."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from . import expect, words
from .base import Chore, Kind
from .formats import as_json, as_json_lines, objects
from .records import records
from .words import PARTS, TOTALS, WHOLES


def list_field(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("key", "person", "day")), rng.choice(PARTS)
    return Chore(
        f"Write the field {column} of every object in {held.name}.json to {out}.txt, one a line.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.lines(f"{out}.txt", held.column(column)),
    )


def filter_objects(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("word")), rng.choice(PARTS)
    value = str(rng.choice(held.column(column)))
    return Chore(
        f"Write the objects in {held.name}.json whose {column} is {value} to {out}.json as a list.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.json_value(f"{out}.json", objects(held.of(column, value))),
    )


def filter_field(rng: random.Random) -> Chore:
    held = records(rng)
    field, by = rng.choice(held.names("key", "person")), rng.choice(held.names("word"))
    value, out = str(rng.choice(held.column(by))), rng.choice(PARTS)
    return Chore(
        f"Write the field {field} of the objects in {held.name}.json whose {by} is {value} to "
        f"{out}.txt, one a line.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.lines(f"{out}.txt", held.of(by, value).column(field)),
    )


def count_by(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("word")), rng.choice(WHOLES)
    return Chore(
        f"Count the objects in {held.name}.json by {column} and write the counts as one JSON "
        f"object to {out}.json.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.json_value(f"{out}.json", dict(Counter(held.column(column)))),
    )


def to_csv(rng: random.Random) -> Chore:
    held = records(rng)
    out = rng.choice(WHOLES)
    return Chore(
        f"Write the objects in {held.name}.json to {out}.csv, one row each, with the fields of the "
        "first object as the header.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.records(f"{out}.csv", held),
    )


def to_markdown(rng: random.Random) -> Chore:
    held = records(rng)
    out = rng.choice(WHOLES)
    return Chore(
        f"Write the objects in {held.name}.json as a Markdown table to {out}.md, one row each, "
        "with the fields of the first object as the header.",
        {f"{held.name}.json": as_json(objects(held))},
        expect.markdown(f"{out}.md", held.header, held.rows),
    )


def lines_sum(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    return Chore(
        f"Every line of {held.name}.jsonl is a JSON object; write the sum of their field {column} "
        f"to {out}.txt.",
        {f"{held.name}.jsonl": as_json_lines(objects(held))},
        expect.number(f"{out}.txt", held.total(column)),
    )


SECTIONS = ("cache", "database", "limits", "logging", "mail", "network", "queue", "storage")
KEYS = ("enabled", "host", "level", "name", "port", "retries", "size", "timeout", "user")


def _value(rng: random.Random) -> Any:
    return rng.choice(
        [
            rng.randint(1, 9000),
            rng.random() < 0.5,
            rng.choice(words.PROSE),
            rng.choice(words.CITIES),
        ]
    )


def _settings(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """Settings nested up to `depth` deep, surely more than one."""
    found: dict[str, Any] = {key: _value(rng) for key in rng.sample(KEYS, rng.randint(2, 5))}
    if depth > 1:
        for section in rng.sample(SECTIONS, rng.randint(2, 4)):
            found[section] = _settings(rng, depth - 1)
    return found


def _flat(settings: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = (
            _flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
        )
        found |= inner
    return found


def flatten(rng: random.Random) -> Chore:
    name, out = rng.choice(("config", "settings", "defaults", "profile")), rng.choice(WHOLES)
    settings = _settings(rng)
    return Chore(
        f"Flatten the nested objects in {name}.json into one object whose keys are the keys on the "
        f"way joined by dots, and write it to {out}.json.",
        {f"{name}.json": as_json(settings)},
        expect.json_value(f"{out}.json", _flat(settings)),
    )


def _laid_over(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        found[key] = _laid_over(base[key], value) if both else value
    return found


def overlay(rng: random.Random) -> Chore:
    name, over = rng.choice(("base", "defaults", "config")), rng.choice(("local", "site", "user"))
    out = rng.choice(WHOLES)
    below, above = _settings(rng), _settings(rng)
    return Chore(
        f"Lay the settings in {over}.json over those in {name}.json, nested objects key by key, "
        f"and write the result to {out}.json.",
        {f"{name}.json": as_json(below), f"{over}.json": as_json(above)},
        expect.json_value(f"{out}.json", _laid_over(below, above)),
    )


KINDS = (
    Kind("json-list-field", list_field),
    Kind("json-filter-objects", filter_objects),
    Kind("json-count-by", count_by),
    Kind("json-to-csv", to_csv),
    Kind("json-lines-sum", lines_sum),
    Kind("json-flatten", flatten),
    Kind("json-overlay", overlay),
    Kind("json-to-markdown", to_markdown, ("json-to-csv", "table-csv-to-markdown")),
    Kind("json-filter-field", filter_field, ("json-filter-objects", "json-list-field")),
)
