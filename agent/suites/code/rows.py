"""CSV: sum, filter, sort, pick and group the rows of a file."""

from __future__ import annotations

import random

from . import expect
from .base import Chore, Kind
from .formats import as_csv
from .records import Records, records
from .words import ANSWERS, PARTS, TOTALS, WHOLES


def sum_column(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    return Chore(
        f"Read {held.name}.csv and write the sum of the column {column} to {out}.txt.",
        {f"{held.name}.csv": as_csv(held)},
        expect.number(f"{out}.txt", held.total(column)),
    )


def filter_rows(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("word")), rng.choice(PARTS)
    value = str(rng.choice(held.column(column)))
    return Chore(
        f"Write the rows of {held.name}.csv whose {column} is {value} to {out}.csv, "
        "with the header and in their order.",
        {f"{held.name}.csv": as_csv(held)},
        expect.records(f"{out}.csv", held.of(column, value)),
    )


def filter_sum(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    by = rng.choice(held.names("word"))
    value = str(rng.choice(held.column(by)))
    return Chore(
        f"Read {held.name}.csv and write the sum of the column {column} over the rows whose "
        f"{by} is {value} to {out}.txt.",
        {f"{held.name}.csv": as_csv(held)},
        expect.number(f"{out}.txt", held.of(by, value).total(column)),
    )


def filter_json(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("word")), rng.choice(PARTS)
    value = str(rng.choice(held.column(column)))
    kept = [
        dict(zip(held.header, map(str, row), strict=True)) for row in held.of(column, value).rows
    ]
    return Chore(
        f"Write the rows of {held.name}.csv whose {column} is {value} to {out}.json "
        "as a list of objects, all values as text.",
        {f"{held.name}.csv": as_csv(held)},
        expect.json_value(f"{out}.json", kept),
    )


def select_columns(rng: random.Random) -> Chore:
    held = records(rng)
    out = rng.choice(PARTS)
    *names, last = rng.sample(held.header, rng.randint(2, 4))
    return Chore(
        f"Write only the columns {', '.join(names)} and {last} of {held.name}.csv to {out}.csv, "
        "in this order and with the header.",
        {f"{held.name}.csv": as_csv(held)},
        expect.records(f"{out}.csv", held.select(*names, last)),
    )


def sort_rows(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("key", "money")), rng.choice(WHOLES)
    return Chore(
        f"Sort the rows of {held.name}.csv by {column}, the smallest number first, and write them "
        f"with the header to {out}.csv.",
        {f"{held.name}.csv": as_csv(held)},
        expect.records(f"{out}.csv", held.sort(column)),
    )


def largest(rng: random.Random) -> Chore:
    held = records(rng)
    by, out = held.names("money")[0], rng.choice(ANSWERS)
    column = rng.choice(held.names("key", "person"))
    best = held.sort(by, reverse=True).column(column)[0]
    return Chore(
        f"Write what stands in the column {column} of the row of {held.name}.csv with the largest "
        f"{by} to {out}.txt.",
        {f"{held.name}.csv": as_csv(held)},
        expect.lines(f"{out}.txt", [best]),
    )


def duplicates(rng: random.Random) -> Chore:
    held = records(rng)
    rows = list(held.rows)
    for row in rng.sample(rows, rng.randint(4, 9)):
        rows.insert(rng.randrange(len(rows) + 1), row)
    repeated = tuple(row for at, row in enumerate(rows) if row in rows[:at])
    out = rng.choice(PARTS)
    return Chore(
        f"Write the rows of {held.name}.csv that repeat an earlier row to {out}.csv, "
        "with the header and in their order.",
        {f"{held.name}.csv": as_csv(Records(held.name, held.columns, tuple(rows)))},
        expect.table(f"{out}.csv", held.header, repeated),
    )


def group_sum(rng: random.Random) -> Chore:
    held = records(rng)
    by, out = rng.choice(held.names("word")), rng.choice(WHOLES)
    column = rng.choice(held.names("count", "money"))
    return Chore(
        f"Write each {by} in {held.name}.csv and the sum of its {column} to {out}.csv, in "
        "alphabetical order and with a header.",
        {f"{held.name}.csv": as_csv(held)},
        expect.table(f"{out}.csv", None, [*held.totals(by, column).items()]),
    )


KINDS = (
    Kind("csv-sum-column", sum_column),
    Kind("csv-filter-rows", filter_rows),
    Kind("csv-select-columns", select_columns),
    Kind("csv-sort-rows", sort_rows),
    Kind("csv-largest", largest),
    Kind("csv-duplicates", duplicates),
    Kind("csv-group-sum", group_sum),
    Kind("csv-filter-sum", filter_sum, ("csv-filter-rows", "csv-sum-column")),
    Kind("csv-filter-json", filter_json, ("csv-filter-rows",)),
)
