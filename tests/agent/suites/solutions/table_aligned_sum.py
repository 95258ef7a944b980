import re
from pathlib import Path

GOAL = "The columns of the table in {file} are at least two spaces apart; write the sum of the column {column} to {out}."


def table_aligned_sum(file, column, out):
    header, *rows = [re.split(r" {2,}", line) for line in Path(file).read_text().splitlines()]
    total = sum(float(row[header.index(column)]) for row in rows)
    Path(out).write_text(f"{total:.2f}")
