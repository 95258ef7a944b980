from pathlib import Path

GOAL = "Write the lines of {file} whose level is {level} to {out}, in their order."


def text_level_lines(file, level, out):
    lines = Path(file).read_text().splitlines()
    Path(out).write_text("\n".join(line for line in lines if line.split()[2] == level))
