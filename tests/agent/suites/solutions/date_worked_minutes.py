from pathlib import Path

GOAL = "Each line of {file} gives a date and the times from which and until which was worked that day; write the minutes worked in all to {out}."


def date_worked_minutes(file, out):
    total = 0
    for line in Path(file).read_text().splitlines():
        first, last = [int(t[:2]) * 60 + int(t[3:]) for t in line.split()[1].split("-")]
        total += last - first
    Path(out).write_text(str(total))
