from datetime import datetime
from pathlib import Path

GOAL = "Write the latest of the dates in {file} to {out} as YYYY-MM-DD."


def date_latest(file, out):
    lines = Path(file).read_text().splitlines()
    Path(out).write_text(str(max(datetime.strptime(line, "%d %B %Y").date() for line in lines)))
