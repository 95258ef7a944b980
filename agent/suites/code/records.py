"""Records as a small firm keeps them, in rows and columns: the data of most chores.

Every table has a key, a person, two columns of words that repeat, a count, an amount of money and
a day. Which firm's table it is, the order of the columns and all values differ from seed to seed.
Amounts of money differ from row to row, so that the largest is one row and a sort has one result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Literal

from . import words

Cell = str | int | Decimal
Sort = Literal["key", "person", "word", "count", "money", "day"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and what stands in it."""

    name: str
    sort: Sort
    words: tuple[str, ...] = ()
    """What a column of words draws on."""


@dataclass(frozen=True, slots=True)
class Records:
    """A table: its name, its columns, and a row of cells for each record."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def names(self, *sorts: Sort) -> list[str]:
        """Names of the columns of these sorts."""
        return [column.name for column in self.columns if column.sort in sorts]

    def column(self, name: str) -> list[Cell]:
        """The cells of a column, from the first row to the last."""
        at = self.header.index(name)
        return [row[at] for row in self.rows]

    def total(self, name: str) -> Decimal:
        """The sum of a column of counts or money."""
        return sum((Decimal(cell) for cell in self.column(name)), Decimal(0))

    def where(self, name: str, test: Callable[[Cell], bool]) -> Records:
        """The records whose cell in a column passes."""
        cells = self.column(name)
        kept = tuple(row for row, cell in zip(self.rows, cells, strict=True) if test(cell))
        return Records(self.name, self.columns, kept)

    def of(self, name: str, value: Cell) -> Records:
        """The records that hold a value in a column."""
        return self.where(name, lambda cell: cell == value)

    def sort(self, name: str, *, reverse: bool = False) -> Records:
        """The records by a column."""
        rows = sorted(self.rows, key=itemgetter(self.header.index(name)), reverse=reverse)
        return Records(self.name, self.columns, tuple(rows))

    def select(self, *names: str) -> Records:
        """Only these columns, in this order."""
        places = [self.header.index(name) for name in names]
        columns = tuple(self.columns[at] for at in places)
        return Records(
            self.name, columns, tuple(tuple(row[i] for i in places) for row in self.rows)
        )

    def totals(self, by: str, of: str) -> dict[str, Decimal]:
        """The sum of a column for each value of another, sorted by the value."""
        values = sorted({str(cell) for cell in self.column(by)})
        return {value: self.of(by, value).total(of) for value in values}


TOPICS: tuple[tuple[tuple[str, ...], tuple[Column, ...]], ...] = (
    (
        ("orders", "sales", "purchases"),
        (
            Column("order_id", "key"),
            Column("customer", "person"),
            Column("product", "word", words.PRODUCTS),
            Column("city", "word", words.CITIES),
            Column("quantity", "count"),
            Column("amount", "money"),
            Column("order_date", "day"),
        ),
    ),
    (
        ("expenses", "claims", "receipts"),
        (
            Column("receipt", "key"),
            Column("employee", "person"),
            Column("category", "word", words.CATEGORIES),
            Column("department", "word", words.DEPARTMENTS),
            Column("pages", "count"),
            Column("cost", "money"),
            Column("paid_on", "day"),
        ),
    ),
    (
        ("stock", "inventory", "holdings"),
        (
            Column("sku", "key"),
            Column("keeper", "person"),
            Column("item", "word", words.PRODUCTS),
            Column("warehouse", "word", words.WAREHOUSES),
            Column("units", "count"),
            Column("price", "money"),
            Column("counted_on", "day"),
        ),
    ),
    (
        ("hours", "timesheet", "shifts"),
        (
            Column("entry", "key"),
            Column("worker", "person"),
            Column("project", "word", words.PROJECTS),
            Column("task", "word", words.TASKS),
            Column("minutes", "count"),
            Column("pay", "money"),
            Column("work_date", "day"),
        ),
    ),
    (
        ("parcels", "deliveries", "shipments"),
        (
            Column("parcel", "key"),
            Column("recipient", "person"),
            Column("carrier", "word", words.CARRIERS),
            Column("town", "word", words.CITIES),
            Column("pieces", "count"),
            Column("fee", "money"),
            Column("sent_on", "day"),
        ),
    ),
    (
        ("members", "accounts", "subscribers"),
        (
            Column("member", "key"),
            Column("name", "person"),
            Column("plan", "word", words.PLANS),
            Column("status", "word", words.STATES),
            Column("visits", "count"),
            Column("balance", "money"),
            Column("joined_on", "day"),
        ),
    ),
)


def person(rng: random.Random) -> str:
    """Someone's name."""
    return f"{rng.choice(words.FIRST)} {rng.choice(words.LAST)}"


def day(rng: random.Random) -> date:
    """A day of the last years."""
    return date(2021, 1, 1) + timedelta(days=rng.randrange(5 * 365))


def records(rng: random.Random, least: int = 40, most: int = 90) -> Records:
    """A table of one of the topics, its rows in no order."""
    stems, columns = rng.choice(TOPICS)
    key, *others = columns
    rng.shuffle(others)
    many = rng.randint(least, most)
    # A list of people is often kept as "Byron, Ada", which CSV has to quote.
    inverted = rng.random() < 0.3
    filled = [_fill(rng, column, many, inverted) for column in (key, *others)]
    return Records(rng.choice(stems), (key, *others), tuple(zip(*filled, strict=True)))


def _fill(rng: random.Random, column: Column, many: int, inverted: bool) -> list[Cell]:
    match column.sort:
        case "key":
            return list(rng.sample(range(1000, 9999), many))
        case "person":
            people = [person(rng) for _ in range(many)]
            return [", ".join(p.split()[::-1]) for p in people] if inverted else list(people)
        case "word":
            return list(rng.choices(rng.sample(column.words, min(5, len(column.words))), k=many))
        case "count":
            return [rng.randint(1, 400) for _ in range(many)]
        case "money":
            return [Decimal(cents).scaleb(-2) for cents in rng.sample(range(101, 99_999), many)]
        case "day":
            return [day(rng).isoformat() for _ in range(many)]
