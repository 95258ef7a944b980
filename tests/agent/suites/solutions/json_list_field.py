import json
from pathlib import Path

GOAL = "Write the field {field} of every object in {file} to {out}, one a line."


def json_list_field(field, file, out):
    objects = json.loads(Path(file).read_text())
    Path(out).write_text("".join(f"{one[field]}\n" for one in objects))
