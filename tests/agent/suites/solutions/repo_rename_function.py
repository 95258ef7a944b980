import re
from pathlib import Path

GOAL = "Rename the function {old} of the package {package} to {new} wherever the package names it, as the tests in tests/ already do."


def repo_rename_function(old, package, new):
    for path in Path(package).glob("*.py"):
        path.write_text(re.sub(rf"\b{old}\b", new, path.read_text()))
