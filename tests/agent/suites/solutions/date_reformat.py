from pathlib import Path

GOAL = (
    "Rewrite the dates in {file} from DD.MM.YYYY to YYYY-MM-DD and write them to {out}, one a line."
)


def date_reformat(file, out):
    dates = [line.split(".") for line in Path(file).read_text().split()]
    Path(out).write_text("".join(f"{y}-{m}-{d}\n" for d, m, y in dates))
