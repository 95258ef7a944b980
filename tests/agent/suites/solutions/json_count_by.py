import json
from collections import Counter
from pathlib import Path

GOAL = "Count the objects in {file} by {field} and write the counts as one JSON object to {out}."


def json_count_by(file, field, out):
    objects = json.loads(Path(file).read_text())
    Path(out).write_text(json.dumps(Counter(one[field] for one in objects)))
