"""Tables in text: Markdown, tab-separated, and aligned with spaces."""

from __future__ import annotations

import random

from . import expect, words
from .base import Chore, Kind
from .formats import as_aligned, as_csv, as_markdown
from .records import Column, Records, records
from .words import TOTALS, WHOLES


def markdown_to_csv(rng: random.Random) -> Chore:
    held = records(rng)
    out = rng.choice(WHOLES)
    return Chore(
        f"Convert the Markdown table in {held.name}.md to CSV and write it to {out}.csv.",
        {f"{held.name}.md": as_markdown(held)},
        expect.records(f"{out}.csv", held),
    )


def csv_to_markdown(rng: random.Random) -> Chore:
    held = records(rng)
    out = rng.choice(WHOLES)
    return Chore(
        f"Write the rows of {held.name}.csv as a Markdown table with their header to {out}.md.",
        {f"{held.name}.csv": as_csv(held)},
        expect.markdown(f"{out}.md", held.header, held.rows),
    )


def markdown_sum(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    return Chore(
        f"Write the sum of the column {column} of the Markdown table in {held.name}.md to "
        f"{out}.txt.",
        {f"{held.name}.md": as_markdown(held)},
        expect.number(f"{out}.txt", held.total(column)),
    )


def markdown_groups(rng: random.Random) -> Chore:
    held = records(rng)
    by, out = rng.choice(held.names("word")), rng.choice(WHOLES)
    column = rng.choice(held.names("count", "money"))
    return Chore(
        f"Write each {by} of the Markdown table in {held.name}.md and the sum of its {column} to "
        f"{out}.csv, in alphabetical order and with a header.",
        {f"{held.name}.md": as_markdown(held)},
        expect.table(f"{out}.csv", None, [*held.totals(by, column).items()]),
    )


def sort_table(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("key", "money")), rng.choice(WHOLES)
    return Chore(
        f"Sort the tab-separated rows of {held.name}.tsv by {column}, the largest number first, "
        f"and write them with the header to {out}.tsv.",
        {f"{held.name}.tsv": as_csv(held, "\t")},
        expect.records(f"{out}.tsv", held.sort(column, reverse=True), "\t"),
    )


def aligned_sum(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    return Chore(
        f"The columns of the table in {held.name}.txt are at least two spaces apart; write the sum "
        f"of the column {column} to {out}.txt.",
        {f"{held.name}.txt": as_aligned(held)},
        expect.number(f"{out}.txt", held.total(column)),
    )


def transpose(rng: random.Random) -> Chore:
    held = records(rng, 25, 40)
    out = rng.choice(WHOLES)
    header, *rows = zip(held.header, *held.rows, strict=True)
    return Chore(
        f"Turn the rows of the tab-separated table in {held.name}.tsv into columns and its columns "
        f"into rows, and write it to {out}.tsv.",
        {f"{held.name}.tsv": as_csv(held, "\t")},
        expect.table(f"{out}.tsv", [str(cell) for cell in header], rows, "\t"),
    )


LOOKED_UP = (("region", words.DEPARTMENTS), ("manager", words.FIRST), ("code", words.PROSE))


def join_tables(rng: random.Random) -> Chore:
    held = records(rng)
    by = next(column for column in held.columns if column.sort == "word")
    added, pool = rng.choice(LOOKED_UP)
    name, out = rng.choice(("lookup", "reference", "register")), rng.choice(WHOLES)
    values = dict(zip(by.words, rng.sample(pool * 2, len(by.words)), strict=True))
    order = rng.sample(by.words, len(by.words))
    register = Records(
        name, (by, Column(added, "word")), tuple((word, values[word]) for word in order)
    )
    joined = [
        (*row, values[str(cell)]) for row, cell in zip(held.rows, held.column(by.name), strict=True)
    ]
    return Chore(
        f"Add to the rows of {held.name}.tsv as last column the {added} that {name}.tsv has for "
        f"their {by.name}, both tab-separated with a header, and write them to {out}.tsv.",
        {f"{held.name}.tsv": as_csv(held, "\t"), f"{name}.tsv": as_csv(register, "\t")},
        expect.table(f"{out}.tsv", (*held.header, added), joined, "\t"),
    )


KINDS = (
    Kind("table-markdown-to-csv", markdown_to_csv),
    Kind("table-csv-to-markdown", csv_to_markdown),
    Kind("table-sort", sort_table),
    Kind("table-aligned-sum", aligned_sum),
    Kind("table-transpose", transpose),
    Kind("table-join", join_tables),
    Kind("table-markdown-groups", markdown_groups, ("table-markdown-to-csv", "csv-group-sum")),
    Kind("table-markdown-sum", markdown_sum, ("table-markdown-to-csv", "csv-sum-column")),
)
