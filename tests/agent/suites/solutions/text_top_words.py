import re
from collections import Counter
from pathlib import Path

GOAL = "Write the {many} most frequent words of {file} to {out} in lower case, one a line, the most frequent first."


def text_top_words(many, file, out):
    words = Counter(re.findall(r"\w+", Path(file).read_text().lower()))
    Path(out).write_text("\n".join(word for word, _ in words.most_common(int(many))))
