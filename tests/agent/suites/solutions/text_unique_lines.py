from pathlib import Path

GOAL = "Write the lines of {file} to {out} in their order and without repetitions."


def text_unique_lines(file, out):
    lines = Path(file).read_text().splitlines()
    Path(out).write_text("\n".join(dict.fromkeys(lines)) + "\n")
