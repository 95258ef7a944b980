import re
from pathlib import Path

GOAL = "Write all e-mail addresses in {file} to {out}, one a line, sorted and each once."


def text_addresses(file, out):
    found = re.findall(r"[\w.]+@[\w.]+\w", Path(file).read_text())
    Path(out).write_text("\n".join(sorted(set(found))))
