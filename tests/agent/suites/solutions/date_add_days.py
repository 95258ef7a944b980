from datetime import date, timedelta
from pathlib import Path

GOAL = "Add {many} days to each date in {file} and write the new dates to {out}, one a line and as YYYY-MM-DD."


def date_add_days(many, file, out):
    dates = [date.fromisoformat(line) for line in Path(file).read_text().split()]
    Path(out).write_text("".join(f"{one + timedelta(days=int(many))}\n" for one in dates))
