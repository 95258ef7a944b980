import re
from pathlib import Path

GOAL = (
    "Replace the word {old} by {new} in {file}, whole words only, and write the new text to {out}."
)


def text_replace_word(old, new, file, out):
    Path(out).write_text(re.sub(rf"\b{old}\b", new, Path(file).read_text()))
