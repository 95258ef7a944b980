"""The vocabulary that chores draw on. Names of people go beyond ASCII, as people's names do."""

from __future__ import annotations

FIRST = tuple(
    "Ada Amara Anaïs Arthur Björn Chloé Dilnoza Ebba Elif Farid Freya Grace Hassan Ines Ivo Jun "
    "Karin Kwame Leïla Liam Łucja Mateo Mina Noor Oskar Paulo Priya Quentin Rosa Sami Søren "
    "Tamsin Ulrike Vikram Wanda Ximena Yara Zoë".split()
)
LAST = tuple(
    "Abbott Aziz Bauer Byron Castillo Dąbrowski Duarte Eriksen Fischer García Hopper Ibarra "
    "Jansen Kovač Lamarr Lindqvist Marsh Müller Nakamura Novák Okafor Olsen Park Quispe Rossi "
    "Sato Schäfer Tanaka Turing Ueda Vargas Whitfield Xu Yilmaz Zimmer".split()
)
CITIES = ("Accra", "Bergen", "Dublin", "Hanoi", "Leeds", "Lima", "Oslo", "Porto", "Quito", "Turin")
PRODUCTS = ("anvil", "bucket", "chisel", "drill", "ladder", "lamp", "rope", "saw", "shovel", "vise")
CARRIERS = ("Arrow", "Falcon", "Kestrel", "Meridian", "Northline", "Swift")
CATEGORIES = ("books", "fuel", "hotel", "licence", "meals", "repairs", "taxi", "train")
DEPARTMENTS = ("Design", "Finance", "Legal", "Research", "Sales", "Support")
WAREHOUSES = ("Annex", "Depot", "Harbour", "Hilltop", "Mill", "Quay")
PROJECTS = ("Atlas", "Beacon", "Comet", "Delta", "Ember", "Fjord", "Garnet")
TASKS = ("drafting", "meeting", "review", "testing", "travel", "writing")
PLANS = ("basic", "family", "gold", "student", "trial")
STATES = ("active", "archived", "blocked", "pending", "suspended")

PROSE = tuple(
    "anchor autumn barrel basket bridge candle captain carpet castle cellar channel chapel "
    "clock cloud coast copper corner cottage country crane dawn engine evening feather ferry "
    "field fire forest garden gate glass harbour hill island kettle lantern letter market meadow "
    "mirror morning mountain needle night ocean orchard paper path pepper pilot pocket prairie "
    "quarry railway rain river saddle sailor school shadow signal silver stone storm street "
    "summer table tower valley village violin voice wagon water weather window winter wood".split()
)
JOINING = tuple(
    "the a of and under over beside behind near with without across from into above".split()
)

LEVELS = ("DEBUG", "ERROR", "INFO", "WARNING")
SERVICES = ("auth", "billing", "cache", "gateway", "mailer", "queue", "search", "storage")
HAPPENINGS = (
    "connection closed by peer",
    "disk usage at 81 percent",
    "job finished in 340 ms",
    "lease renewed for another hour",
    "no answer from upstream",
    "payload of 2048 bytes accepted",
    "retrying after 5 seconds",
    "session opened for user 4471",
    "slow query took 1.9 s",
    "token expired and was renewed",
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple(
    "January February March April May June July August September October November December".split()
)

TOTALS = ("total", "sum", "result", "figure", "amount")
ANSWERS = ("answer", "result", "outcome", "reply", "value")
PARTS = ("selected", "picked", "extract", "subset", "found")
WHOLES = ("report", "overview", "summary", "output", "prepared")
"""Names of files to write, by what goes into them; no start file has one of them."""
