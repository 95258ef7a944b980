import subprocess
from pathlib import Path

from library import repo_fix_module

GOAL = "The package {package} has a mistake that makes tests in tests/ fail: correct it, and leave the tests as they are."


def repo_fix_package(package):
    for path in sorted(Path(package).glob("*.py")):
        before = path.read_text()
        repo_fix_module(str(path))
        if subprocess.run(["python3", "-B", "-m", "unittest"], capture_output=True).returncode == 0:
            return
        path.write_text(before)
