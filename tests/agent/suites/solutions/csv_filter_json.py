import csv
import json
from pathlib import Path

from library import csv_filter_rows

GOAL = "Write the rows of {file} whose {column} is {value} to {out} as a list of objects, all values as text."


def csv_filter_json(file, column, value, out):
    csv_filter_rows(file, column, value, "kept.csv")
    with open("kept.csv", newline="") as stream:
        Path(out).write_text(json.dumps(list(csv.DictReader(stream))))
