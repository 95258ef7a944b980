import re
from pathlib import Path

GOAL = "Set {name} to {value} in {file}, so that the tests in tests/ pass."


def repo_set_constant(name, value, file):
    text = Path(file).read_text()
    Path(file).write_text(re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M))
