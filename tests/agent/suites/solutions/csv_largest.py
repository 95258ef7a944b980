import csv
from pathlib import Path

GOAL = (
    "Write what stands in the column {column} of the row of {file} with the largest {by} to {out}."
)


def csv_largest(column, file, by, out):
    with open(file, newline="") as stream:
        best = max(csv.DictReader(stream), key=lambda row: float(row[by]))
    Path(out).write_text(best[column])
