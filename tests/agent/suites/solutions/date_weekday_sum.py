import csv
from datetime import date
from pathlib import Path

GOAL = "Write the sum of {column} over the rows of {file} whose {day} is a {weekday} to {out}."


def date_weekday_sum(column, file, day, weekday, out):
    total = 0
    with open(file, newline="") as stream:
        for row in csv.DictReader(stream):
            if f"{date.fromisoformat(row[day]):%A}" == weekday:
                total += float(row[column])
    Path(out).write_text(str(round(total, 2)))
