import csv
import json
from pathlib import Path

GOAL = "Write the objects in {file} to {out}, one row each, with the fields of the first object as the header."


def json_to_csv(file, out):
    objects = json.loads(Path(file).read_text())
    with open(out, "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(objects[0]))
        writer.writeheader()
        writer.writerows(objects)
