from pathlib import Path

GOAL = "Turn the rows of the tab-separated table in {file} into columns and its columns into rows, and write it to {out}."


def table_transpose(file, out):
    rows = [line.split("\t") for line in Path(file).read_text().splitlines()]
    Path(out).write_text("\n".join("\t".join(column) for column in zip(*rows, strict=True)))
