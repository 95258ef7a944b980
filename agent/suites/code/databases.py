"""SQL: SQLite files read, changed and made. A database that comes out is read by a probe only."""

from __future__ import annotations

import random

from . import expect
from .base import Chore, Kind, Probe
from .expect import Row
from .formats import as_csv, as_database, objects
from .records import Cell, Column, Records, records
from .words import ANSWERS, PARTS, WHOLES

NAMES = ("archive", "books", "firm", "office", "shop", "store")

READ = """\
import contextlib, sqlite3
with contextlib.closing(sqlite3.connect({file!r})) as database:
    names = [row[1] for row in database.execute('PRAGMA table_info("{table}")')]
    rows = [list(row) for row in database.execute('SELECT * FROM "{table}"').fetchmany(2000)]
[names, rows]
"""


def _holds(file: str, expected: Records) -> Probe:
    """The table of that name holds these records, in any order, numbers as numbers or as text."""

    def check(answer: object) -> str | None:
        if answer is None:
            return f"the table {expected.name} of {file} is not there to be read"
        match answer:
            case [list(names), list(rows)] if [str(n) for n in names] == list(expected.header):
                found = [tuple(map(str, row)) for row in rows if isinstance(row, list)]
            case _:
                return f"the table {expected.name} of {file} has other columns than it should"
        if len(found) != len(expected.rows):
            more = "more" if len(found) > len(expected.rows) else "fewer"
            return f"the table {expected.name} of {file} has {more} rows than it should"
        # The key is the first column, and no two records share one.
        told = sorted(found)
        wanted = sorted(expected.rows, key=lambda row: str(row[0]))
        if not all(map(_row_alike, told, wanted)):
            return f"the rows of the table {expected.name} of {file} are not right"
        return None

    # What was committed may still lie in the log beside the database.
    takes = (file, f"{file}-wal")
    return Probe(takes, READ.format(file=file, table=expected.name), check)


def _row_alike(found: tuple[str, ...], expected: Row) -> bool:
    return len(found) == len(expected) and all(map(expect.alike, found, expected))


def count_where(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    column = rng.choice(held.names("word"))
    value = str(rng.choice(held.column(column)))
    return Chore(
        f"Write the number of rows of the table {held.name} in {name}.db whose {column} is {value} "
        f"to {out}.txt.",
        {f"{name}.db": as_database([held])},
        expect.number(f"{out}.txt", len(held.of(column, value).rows)),
    )


def export_csv(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(WHOLES)
    by = held.names("key")[0]
    return Chore(
        f"Export the table {held.name} of {name}.db to {out}.csv with a header, ordered by {by}.",
        {f"{name}.db": as_database([held])},
        expect.records(f"{out}.csv", held.sort(by)),
    )


def export_markdown(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(WHOLES)
    by = held.names("key")[0]
    return Chore(
        f"Write the table {held.name} of {name}.db, ordered by {by}, as a Markdown table with its "
        f"header to {out}.md.",
        {f"{name}.db": as_database([held])},
        expect.markdown(f"{out}.md", held.header, held.sort(by).rows),
    )


def import_csv(rng: random.Random) -> Chore:
    held, out = records(rng), rng.choice(NAMES)
    return Chore(
        f"Make a SQLite database {out}.db with one table {held.name} that holds the columns and "
        f"rows of {held.name}.csv.",
        {f"{held.name}.csv": as_csv(held)},
        expect.anything,
        _holds(f"{out}.db", held),
    )


def update_rows(rng: random.Random) -> Chore:
    held, name = records(rng), rng.choice(NAMES)
    by = rng.choice(held.names("word"))
    value = str(rng.choice(held.column(by)))
    column = held.names("count")[0]
    new, place = rng.randint(500, 999), held.header.index(column)
    rows = tuple(
        (*row[:place], new, *row[place + 1 :]) if row[held.header.index(by)] == value else row
        for row in held.rows
    )
    return Chore(
        f"In the table {held.name} of {name}.db set {column} to {new} in the rows whose {by} is "
        f"{value}.",
        {f"{name}.db": as_database([held])},
        expect.anything,
        _holds(f"{name}.db", Records(held.name, held.columns, rows)),
    )


def delete_rows(rng: random.Random) -> Chore:
    held, name = records(rng), rng.choice(NAMES)
    column = held.names("count")[0]
    least = sorted(int(cell) for cell in held.column(column))[rng.randint(8, 30)]
    return Chore(
        f"Delete the rows of the table {held.name} in {name}.db whose {column} is below {least}.",
        {f"{name}.db": as_database([held])},
        expect.anything,
        _holds(f"{name}.db", held.where(column, lambda cell: int(cell) >= least)),
    )


def top_rows(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(PARTS)
    column, by = rng.choice(held.names("key", "person")), held.names("money")[0]
    most = rng.randint(3, 9)
    return Chore(
        f"Write the column {column} of the {most} rows of the table {held.name} in {name}.db with "
        f"the largest {by} to {out}.txt, one a line, the largest first.",
        {f"{name}.db": as_database([held])},
        expect.lines(f"{out}.txt", held.sort(by, reverse=True).column(column)[:most]),
    )


def filter_json(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(PARTS)
    column, by = rng.choice(held.names("word")), held.names("key")[0]
    value = str(rng.choice(held.column(column)))
    return Chore(
        f"Write the rows of the table {held.name} in {name}.db whose {column} is {value} to "
        f"{out}.json as a list of objects, ordered by {by}.",
        {f"{name}.db": as_database([held])},
        expect.json_value(f"{out}.json", objects(held.of(column, value).sort(by))),
    )


def join_totals(rng: random.Random) -> Chore:
    held, name, out = records(rng), rng.choice(NAMES), rng.choice(WHOLES)
    by = next(column for column in held.columns if column.sort == "word")
    column = held.names("count")[0]
    table = rng.choice(("codes", "places", "terms"))
    # The first table names a word by its number, as databases do.
    used = sorted({str(cell) for cell in held.column(by.name)})
    numbers = {word: at for at, word in enumerate(rng.sample(used, len(used)), 1)}
    place = held.header.index(by.name)
    rows = tuple((*row[:place], numbers[str(row[place])], *row[place + 1 :]) for row in held.rows)
    columns = tuple(Column(f"{by.name}_id", "count") if one is by else one for one in held.columns)
    named: tuple[tuple[Cell, ...], ...] = tuple((at, word) for word, at in numbers.items())
    labels = Records(table, (Column("id", "key"), Column("label", "word")), named)
    return Chore(
        f"Join the tables {held.name} and {table} in {name}.db by {by.name}_id and id, and write "
        f"each label and the sum of its {column} to {out}.csv, in alphabetical order and with a "
        "header.",
        {f"{name}.db": as_database([Records(held.name, columns, rows), labels])},
        expect.table(f"{out}.csv", None, [*held.totals(by.name, column).items()]),
    )


KINDS = (
    Kind("sql-count-where", count_where),
    Kind("sql-export-csv", export_csv),
    Kind("sql-import-csv", import_csv),
    Kind("sql-update-rows", update_rows),
    Kind("sql-delete-rows", delete_rows),
    Kind("sql-top-rows", top_rows),
    Kind("sql-join-totals", join_totals),
    Kind("sql-filter-json", filter_json),
    Kind("sql-export-markdown", export_markdown, ("sql-export-csv", "table-csv-to-markdown")),
)
