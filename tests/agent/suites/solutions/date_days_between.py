from datetime import date
from pathlib import Path

GOAL = "Each line of {file} holds two dates; write the number of days from the first to the second to {out}, one a line."


def date_days_between(file, out):
    pairs = [map(date.fromisoformat, line.split()) for line in Path(file).read_text().splitlines()]
    Path(out).write_text("".join(f"{(last - first).days}\n" for first, last in pairs))
