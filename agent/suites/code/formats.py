"""Start files as bytes, the same for the same values: no clock and no order of a set goes in.

Not covered: equal bytes across machines for databases and archives, whose writers (SQLite, zlib)
may differ in version.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

from .records import Cell, Records

STAMP = (2024, 1, 15, 9, 30, 0)


def as_lines(lines: Iterable[object]) -> bytes:
    """One line each."""
    return "".join(f"{line}\n" for line in lines).encode()


def as_csv(records: Records, delimiter: str = ",") -> bytes:
    """A header and a line for each record, quoted where it must be."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(records.header)
    writer.writerows(records.rows)
    return text.getvalue().encode()


def as_markdown(records: Records) -> bytes:
    """A Markdown table with aligned columns."""
    rows = _padded(records)
    rule = ["-" * len(cell) for cell in rows[0]]
    return as_lines(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def as_aligned(records: Records) -> bytes:
    """A table for reading: columns three spaces apart."""
    return as_lines("   ".join(row).rstrip() for row in _padded(records))


def _padded(records: Records) -> list[list[str]]:
    rows = [[str(cell) for cell in row] for row in (records.header, *records.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in rows]


def objects(records: Records) -> list[dict[str, Any]]:
    """One object for each record, with numbers as numbers."""
    return [
        {
            name: float(cell) if isinstance(cell, Decimal) else cell
            for name, cell in zip(records.header, row, strict=True)
        }
        for row in records.rows
    ]


def as_json(value: Any) -> bytes:
    """A JSON document, indented as people keep it."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def as_json_lines(values: Iterable[Any]) -> bytes:
    """One JSON document a line."""
    return as_lines(json.dumps(value, ensure_ascii=False) for value in values)


def as_database(tables: Sequence[Records]) -> bytes:
    """A SQLite database with a table for each of the records."""
    with closing(sqlite3.connect(":memory:")) as database:
        for table in tables:
            cells = table.rows[0]
            columns = ", ".join(
                f'"{name}" {_sql_type(cell)}'
                for name, cell in zip(table.header, cells, strict=True)
            )
            database.execute(f'CREATE TABLE "{table.name}" ({columns})')
            database.executemany(
                f'INSERT INTO "{table.name}" VALUES ({", ".join("?" * len(cells))})',
                [[float(c) if isinstance(c, Decimal) else c for c in row] for row in table.rows],
            )
        database.commit()
        return bytes(database.serialize())


def _sql_type(cell: Cell) -> str:
    return {int: "INTEGER", Decimal: "REAL"}.get(type(cell), "TEXT")


def as_zip(members: Mapping[str, bytes], folders: Iterable[str] = ()) -> bytes:
    """A zip archive; `folders` are entries of their own, as some programs write them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for folder in folders:
            archive.writestr(zipfile.ZipInfo(f"{folder}/", STAMP), b"")
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return held.getvalue()


def as_tar_gz(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for path, data in members.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(data), 1_705_311_000
            archive.addfile(entry, io.BytesIO(data))
    return as_gz(held.getvalue())


def as_gz(data: bytes) -> bytes:
    """A gzipped file."""
    return gzip.compress(data, mtime=0)
