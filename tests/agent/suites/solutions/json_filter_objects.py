import json
from pathlib import Path

GOAL = "Write the objects in {file} whose {field} is {value} to {out} as a list."


def json_filter_objects(file, field, value, out):
    objects = json.loads(Path(file).read_text())
    Path(out).write_text(json.dumps([one for one in objects if one[field] == value]))
