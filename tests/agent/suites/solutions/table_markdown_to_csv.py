import csv
from pathlib import Path

GOAL = "Convert the Markdown table in {file} to CSV and write it to {out}."


def table_markdown_to_csv(file, out):
    rows = [line.strip("|").split("|") for line in Path(file).read_text().splitlines()]
    del rows[1]
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([cell.strip() for cell in row] for row in rows)
