from collections import Counter
from pathlib import Path

from library import text_level_lines

GOAL = "Count the lines of {file} whose level is {level} by the hour of their time, and write to {out} one line for each hour that has any: the hour, a space and the number, the smallest hour first."


def text_level_hours(file, level, out):
    text_level_lines(file, level, "lines.txt")
    hours = Counter(line.split()[1][:2] for line in Path("lines.txt").read_text().splitlines())
    Path(out).write_text("".join(f"{hour} {many}\n" for hour, many in sorted(hours.items())))
