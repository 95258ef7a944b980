import re
import subprocess
from pathlib import Path

GOAL = "Run the tests in tests/ and write the names of the test functions that fail to {out}, one a line and sorted."


def repo_failing_tests(out):
    command = ["python3", "-m", "unittest"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    failed = re.findall(r"^(?:FAIL|ERROR): (\w+)", said, flags=re.M)
    Path(out).write_text("\n".join(sorted(failed)))
