import json
from pathlib import Path

GOAL = "Every line of {file} is a JSON object; write the sum of their field {field} to {out}."


def json_lines_sum(file, field, out):
    objects = map(json.loads, Path(file).read_text().splitlines())
    Path(out).write_text(str(sum(one[field] for one in objects)))
