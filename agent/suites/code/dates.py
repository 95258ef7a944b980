"""Dates and times: rewrite, add, compare and count them."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from . import expect
from .base import Chore, Kind
from .formats import as_csv, as_lines
from .records import day, records
from .words import ANSWERS, MONTHS, PARTS, TOTALS, WEEKDAYS, WHOLES

NAMES = ("birthdays", "dates", "deadlines", "holidays", "meetings", "renewals")
WRITTEN = ("converted", "iso", "moved", "new", "shifted")


def _days(rng: random.Random) -> list[date]:
    return [day(rng) for _ in range(rng.randint(30, 70))]


def reformat(rng: random.Random) -> Chore:
    days, name, out = _days(rng), rng.choice(NAMES), rng.choice(WRITTEN)
    return Chore(
        f"Rewrite the dates in {name}.txt from DD.MM.YYYY to YYYY-MM-DD and write them to "
        f"{out}.txt, one a line.",
        {f"{name}.txt": as_lines(f"{one:%d.%m.%Y}" for one in days)},
        expect.lines(f"{out}.txt", [one.isoformat() for one in days]),
    )


def add_days(rng: random.Random) -> Chore:
    days, name, out = _days(rng), rng.choice(NAMES), rng.choice(WRITTEN)
    more = rng.randint(3, 120)
    return Chore(
        f"Add {more} days to each date in {name}.txt and write the new dates to {out}.txt, one a "
        "line and as YYYY-MM-DD.",
        {f"{name}.txt": as_lines(days)},
        expect.lines(f"{out}.txt", [(one + timedelta(days=more)).isoformat() for one in days]),
    )


def count_weekday(rng: random.Random) -> Chore:
    days, name, out = _days(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    weekday = rng.randrange(7)
    return Chore(
        f"Count the dates in {name}.txt that fall on a {WEEKDAYS[weekday]} and write the number to "
        f"{out}.txt.",
        {f"{name}.txt": as_lines(days)},
        expect.number(f"{out}.txt", sum(one.weekday() == weekday for one in days)),
    )


def days_between(rng: random.Random) -> Chore:
    name, out = rng.choice(("leave", "loans", "stays", "trips")), rng.choice(ANSWERS)
    starts = _days(rng)
    spans = [rng.randint(0, 500) for _ in starts]
    lines = [f"{one} {one + timedelta(days=n)}" for one, n in zip(starts, spans, strict=True)]
    return Chore(
        f"Each line of {name}.txt holds two dates; write the number of days from the first to the "
        f"second to {out}.txt, one a line.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", spans),
    )


def latest(rng: random.Random) -> Chore:
    days, name, out = _days(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    lines = [f"{one.day} {MONTHS[one.month - 1]} {one.year}" for one in days]
    return Chore(
        f"Write the latest of the dates in {name}.txt to {out}.txt as YYYY-MM-DD.",
        {f"{name}.txt": as_lines(lines)},
        expect.lines(f"{out}.txt", [max(days).isoformat()]),
    )


def worked_minutes(rng: random.Random) -> Chore:
    name, out = rng.choice(("clock", "log", "sheet", "work")), rng.choice(TOTALS)
    lines: list[str] = []
    total = 0
    for one in _days(rng):
        begun = datetime(one.year, one.month, one.day, rng.randint(6, 11), rng.randrange(60))
        minutes = rng.randint(25, 600)
        total += minutes
        lines.append(f"{begun:%Y-%m-%d %H:%M}-{begun + timedelta(minutes=minutes):%H:%M}")
    return Chore(
        f"Each line of {name}.txt gives a date and the times from which and until which was worked "
        f"that day; write the minutes worked in all to {out}.txt.",
        {f"{name}.txt": as_lines(lines)},
        expect.number(f"{out}.txt", total),
    )


def rows_before(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = held.names("day")[0], rng.choice(PARTS)
    limit = str(sorted(map(str, held.column(column)))[rng.randint(8, 30)])
    return Chore(
        f"Write the rows of {held.name}.csv whose {column} is before {limit} to {out}.csv, with "
        "the header and in their order.",
        {f"{held.name}.csv": as_csv(held)},
        expect.records(f"{out}.csv", held.where(column, lambda cell: str(cell) < limit)),
    )


def sum_before(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    on = held.names("day")[0]
    limit = str(sorted(map(str, held.column(on)))[rng.randint(8, 30)])
    return Chore(
        f"Write the sum of {column} over the rows of {held.name}.csv whose {on} is before {limit} "
        f"to {out}.txt.",
        {f"{held.name}.csv": as_csv(held)},
        expect.number(f"{out}.txt", held.where(on, lambda cell: str(cell) < limit).total(column)),
    )


def weekday_sum(rng: random.Random) -> Chore:
    held = records(rng)
    column, out = rng.choice(held.names("count", "money")), rng.choice(TOTALS)
    on, weekday = held.names("day")[0], rng.randrange(7)
    kept = held.where(on, lambda cell: date.fromisoformat(str(cell)).weekday() == weekday)
    return Chore(
        f"Write the sum of {column} over the rows of {held.name}.csv whose {on} is a "
        f"{WEEKDAYS[weekday]} to {out}.txt.",
        {f"{held.name}.csv": as_csv(held)},
        expect.number(f"{out}.txt", kept.total(column)),
    )


def month_totals(rng: random.Random) -> Chore:
    held = records(rng)
    column, on = rng.choice(held.names("count", "money")), held.names("day")[0]
    totals: dict[str, Decimal] = {}
    for when, amount in zip(held.column(on), held.column(column), strict=True):
        month = str(when)[:7]
        totals[month] = totals.get(month, Decimal(0)) + Decimal(amount)
    out = rng.choice(WHOLES)
    return Chore(
        f"Write each month of {on} in {held.name}.csv, as YYYY-MM, and the sum of its {column} to "
        f"{out}.csv, the earliest first and with a header.",
        {f"{held.name}.csv": as_csv(held)},
        expect.table(f"{out}.csv", None, sorted(totals.items())),
    )


KINDS = (
    Kind("date-reformat", reformat),
    Kind("date-add-days", add_days),
    Kind("date-count-weekday", count_weekday),
    Kind("date-days-between", days_between),
    Kind("date-latest", latest),
    Kind("date-worked-minutes", worked_minutes),
    Kind("date-rows-before", rows_before),
    Kind("date-month-totals", month_totals),
    Kind("date-weekday-sum", weekday_sum),
    Kind("date-sum-before", sum_before, ("date-rows-before", "csv-sum-column")),
)
