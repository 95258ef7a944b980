import subprocess
from pathlib import Path

# What can be wrong, and what is right: a person would see it, this program only knows it.
MENDED = (
    ("cents + cents * percent // 100", "cents + (cents * percent + 50) // 100"),
    ("(100 + percent)", "(100 - percent)"),
    ("text.removesuffix", "text.strip().removesuffix"),
    ("cents > settings", "cents >= settings"),
    ('line["count"]', 'line["quantity"]'),
    ("with_tax(percent, goods)", "with_tax(goods, percent)"),
    ("settings.LOAN_DAYS - 1", "settings.LOAN_DAYS"),
    ("min(0,", "max(0,"),
    ("max(days", "min(days"),
    ("days_late(returned, due_date(start))", "days_late(due_date(start), returned)"),
    ("title.lower()", "title.strip().lower()"),
    ('["due"] <= today', '["due"] < today'),
    ("int(hours) * 100", "int(hours) * 60"),
    ("{minutes // 60}", "{minutes // 60:02}"),
    ("to_minutes(start) - to_minutes(end)", "to_minutes(end) - to_minutes(start)"),
    ("minutes >= settings", "minutes > settings"),
    ("per_hour / 60", "per_hour // 60"),
    ('["day"] != "Sunday"', '["day"] == "Sunday"'),
    ('split(" ")', "split()"),
    ("return name.upper()", "return clean(name).upper()"),
    ("units <= settings", "units < settings"),
    ("levels.get(name, 0) + units", "levels.get(known, 0) + units"),
    ("levels.get(name, 0) - units", "units - levels.get(name, 0)"),
    ("return units // settings.PACK_SIZE", "return -(-units // settings.PACK_SIZE)"),
)

GOAL = "Make the tests in tests/ pass by fixing {file}; do not change the tests."


def repo_fix_module(file):
    path = Path(file)
    broken = path.read_text()
    for wrong, right in MENDED:
        mended = broken.replace(wrong, right)
        if mended == broken:
            continue
        path.write_text(mended)
        if subprocess.run(["python3", "-B", "-m", "unittest"], capture_output=True).returncode == 0:
            return
