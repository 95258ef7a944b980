import json
from pathlib import Path

GOAL = "Lay the settings in {over} over those in {base}, nested objects key by key, and write the result to {out}."


def json_overlay(over, base, out):
    def lay(upper, lower):
        if not (isinstance(upper, dict) and isinstance(lower, dict)):
            return upper
        return {**lower, **{k: lay(v, lower[k]) if k in lower else v for k, v in upper.items()}}

    laid = lay(json.loads(Path(over).read_text()), json.loads(Path(base).read_text()))
    Path(out).write_text(json.dumps(laid))
