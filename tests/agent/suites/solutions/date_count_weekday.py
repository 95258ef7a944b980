from datetime import date
from pathlib import Path

GOAL = "Count the dates in {file} that fall on a {weekday} and write the number to {out}."


def date_count_weekday(file, weekday, out):
    dates = [date.fromisoformat(line) for line in Path(file).read_text().split()]
    Path(out).write_text(str(sum(f"{one:%A}" == weekday for one in dates)))
