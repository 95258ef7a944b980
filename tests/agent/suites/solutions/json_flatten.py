import json
from pathlib import Path

GOAL = "Flatten the nested objects in {file} into one object whose keys are the keys on the way joined by dots, and write it to {out}."


def json_flatten(file, out):
    def flat(value, before):
        if not isinstance(value, dict):
            return {before: value}
        found = {}
        for key, inner in value.items():
            found.update(flat(inner, f"{before}.{key}" if before else key))
        return found

    Path(out).write_text(json.dumps(flat(json.loads(Path(file).read_text()), "")))
