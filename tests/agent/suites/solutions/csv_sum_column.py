import csv
from pathlib import Path

GOAL = "Read {file} and write the sum of the column {column} to {out}."


def csv_sum_column(file, column, out):
    with open(file, newline="") as stream:
        total = sum(float(row[column]) for row in csv.DictReader(stream))
    Path(out).write_text(f"{round(total, 2)}\n")
