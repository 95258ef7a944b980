import re
from pathlib import Path

GOAL = "Count how often the word {word} stands in {file}, in upper or lower case, and write the number to {out}."


def text_count_word(word, file, out):
    words = re.findall(r"\w+", Path(file).read_text().lower())
    Path(out).write_text(f"{words.count(word)}\n")
