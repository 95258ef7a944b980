"""The packages that chores damage: their functions, what to call them with, and the damage.

The truth about a function is what ours answers; damaged text is never run on this machine. A test
runs every damaged package in a sandbox and sees its tests fail.
"""

from __future__ import annotations

import random
from datetime import timedelta

from ....sandbox.base import Json
from .project import Arguments, Bug, Function, Project
from .projects import depot, lending, shifts, shop
from .projects.depot import levels, names, packing
from .projects.depot import settings as depot_settings
from .projects.lending import fees, periods, shelf
from .projects.lending import settings as lending_settings
from .projects.shifts import clock, pay, work
from .projects.shifts import settings as shifts_settings
from .projects.shop import orders, prices
from .projects.shop import settings as shop_settings
from .records import day
from .words import PRODUCTS, PROSE, WEEKDAYS


def _lines(rng: random.Random) -> list[Json]:
    return [
        {"item": item, "price": rng.randint(50, 2000), "quantity": rng.randint(2, 5)}
        for item in rng.sample(PRODUCTS, rng.randint(1, 4))
    ]


def _levels(rng: random.Random) -> dict[str, int]:
    return {name: rng.randint(0, 12) for name in sorted(rng.sample(PRODUCTS, 5))}


def _wanted(rng: random.Random) -> dict[str, int]:
    return {name: rng.randint(5, 60) for name in sorted(rng.sample(PRODUCTS, 5))}


def _time(rng: random.Random) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}"


def _shift(rng: random.Random) -> dict[str, str]:
    return {"start": _time(rng), "end": _time(rng), "day": rng.choice(WEEKDAYS)}


def _two_days(rng: random.Random) -> Arguments:
    first = day(rng)
    return str(first), str(first + timedelta(days=rng.randint(-10, 120)))


def _loans(rng: random.Random) -> Arguments:
    days = [str(day(rng)) for _ in range(6)]
    loans = [{"title": f"{rng.choice(PROSE).title()} {n}", "due": d} for n, d in enumerate(days)]
    return loans, rng.choice(days)


SHOP = Project(
    shop,
    shop_settings,
    (prices, orders),
    (
        Function(
            prices.with_tax, lambda rng: (rng.randint(100, 9000), 19), ((50, 19), (10, 5)), "taxed"
        ),
        Function(
            prices.discounted,
            lambda rng: (rng.randint(100, 9000), rng.randint(5, 60)),
            ((999, 10),),
            "reduced",
        ),
        Function(
            prices.read_price,
            lambda rng: (f"{rng.randint(1, 99)}.{rng.randint(10, 99)} EUR",),
            ((" 12.50 EUR ",), ("3.05",)),
            "parse_price",
        ),
        Function(orders.goods_total, lambda rng: (_lines(rng),), (([],),), "sum_of_goods"),
        Function(
            orders.shipping, lambda rng: (rng.randint(100, 9000),), ((5000,), (4999,)), "postage"
        ),
        Function(
            orders.order_total, lambda rng: (_lines(rng), rng.choice((7, 19))), (), "amount_due"
        ),
        Function(orders.points, lambda rng: (rng.randint(100, 9000),), ((199,),), "reward"),
    ),
    (
        Bug("prices", "(cents * percent + 50) // 100", "cents * percent // 100"),
        Bug("prices", "(100 - percent)", "(100 + percent)"),
        Bug("prices", "text.strip().removesuffix", "text.removesuffix"),
        Bug("orders", "cents >= settings.FREE_FROM", "cents > settings.FREE_FROM"),
        Bug("orders", 'line["quantity"]', 'line["count"]'),
        Bug("orders", "with_tax(goods, percent)", "with_tax(percent, goods)"),
    ),
)

LENDING = Project(
    lending,
    lending_settings,
    (periods, fees, shelf),
    (
        Function(periods.due_date, lambda rng: (str(day(rng)),), (("2024-02-10",),), "last_day"),
        Function(periods.days_late, _two_days, (("2024-03-05", "2024-02-28"),), "days_overdue"),
        Function(fees.fee, lambda rng: (rng.randint(1, 50),), ((0,), (60,), (61,)), "charge"),
        Function(fees.fee_for, _two_days, (("2024-01-01", "2024-02-01"),), "loan_charge"),
        Function(
            shelf.sort_title,
            lambda rng: (f"{rng.choice(('The', 'A', 'Old'))} {rng.choice(PROSE).title()}",),
            ((" The Sea",), ("Emma  ",)),
            "title_key",
        ),
        Function(shelf.overdue, _loans, (), "late_titles"),
    ),
    (
        Bug("periods", "days=settings.LOAN_DAYS", "days=settings.LOAN_DAYS - 1"),
        Bug("periods", "max(0,", "min(0,"),
        Bug("fees", "min(days", "max(days"),
        Bug("fees", "days_late(due_date(start), returned)", "days_late(returned, due_date(start))"),
        Bug("shelf", "title.strip().lower()", "title.lower()"),
        Bug("shelf", '"due"] < today', '"due"] <= today'),
    ),
)

SHIFTS = Project(
    shifts,
    shifts_settings,
    (clock, work, pay),
    (
        Function(clock.to_minutes, lambda rng: (_time(rng),), (("08:30",),), "minutes_of"),
        Function(clock.to_text, lambda rng: (rng.randrange(1440),), ((65,),), "clock_time"),
        Function(
            work.present, lambda rng: (_time(rng), _time(rng)), (("22:00", "06:15"),), "attended"
        ),
        Function(
            work.worked,
            lambda rng: (_time(rng), _time(rng)),
            (("08:00", "14:00"), ("08:00", "14:01")),
            "minutes_worked",
        ),
        Function(
            pay.wage,
            lambda rng: (rng.randint(30, 600), rng.randint(1300, 4000)),
            ((50, 1301),),
            "earned",
        ),
        Function(
            pay.shift_wage,
            lambda rng: (_shift(rng), rng.randint(1300, 4000)),
            (({"start": "09:00", "end": "12:00", "day": "Sunday"}, 2000),),
            "wage_of_shift",
        ),
        Function(
            pay.week_wage,
            lambda rng: ([_shift(rng) for _ in range(4)], rng.randint(1300, 4000)),
            (),
            "wage_of_week",
        ),
    ),
    (
        Bug("clock", "int(hours) * 60", "int(hours) * 100"),
        Bug("clock", "{minutes // 60:02}", "{minutes // 60}"),
        Bug("work", "to_minutes(end) - to_minutes(start)", "to_minutes(start) - to_minutes(end)"),
        Bug("work", "minutes > settings", "minutes >= settings"),
        Bug("pay", "per_hour // 60", "per_hour / 60"),
        Bug("pay", '"day"] == "Sunday"', '"day"] != "Sunday"'),
    ),
)

DEPOT = Project(
    depot,
    depot_settings,
    (names, levels, packing),
    (
        Function(
            names.clean,
            lambda rng: (f" {rng.choice(PROSE).title()}  {rng.choice(PROSE)} ",),
            (("Rope",),),
            "tidy",
        ),
        Function(
            names.label,
            lambda rng: (" ".join(rng.sample(PROSE, 2)),),
            ((" Rope  ladder",), ("a very long name for a saw",)),
            "tag",
        ),
        Function(
            levels.receive,
            lambda rng: (_levels(rng), rng.choice(PRODUCTS), rng.randint(1, 30)),
            (({"rope": 3}, " Rope", 4), ({}, "saw", 2)),
            "take_in",
        ),
        Function(
            levels.running_low, lambda rng: (_levels(rng),), (({"saw": 5, "lamp": 4},),), "scarce"
        ),
        Function(levels.missing, lambda rng: (_levels(rng), _wanted(rng)), (), "shortfall"),
        Function(packing.packs, lambda rng: (rng.randint(1, 99),), ((24,), (25,)), "pack_count"),
        Function(
            packing.packs_to_order, lambda rng: (_levels(rng), _wanted(rng)), (), "order_list"
        ),
    ),
    (
        Bug("names", "name.lower().split()", 'name.lower().split(" ")'),
        Bug("names", "clean(name).upper()", "name.upper()"),
        Bug("levels", "units < settings.LEAST_UNITS", "units <= settings.LEAST_UNITS"),
        Bug("levels", "levels.get(known, 0) + units", "levels.get(name, 0) + units"),
        Bug("levels", "units - levels.get(name, 0)", "levels.get(name, 0) - units"),
        Bug("packing", "-(-units // settings.PACK_SIZE)", "units // settings.PACK_SIZE"),
    ),
)

PROJECTS = (SHOP, LENDING, SHIFTS, DEPOT)
