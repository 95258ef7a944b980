import gzip
from pathlib import Path

from library import text_level_lines

GOAL = "Write the lines of the compressed {file} whose level is {level} to {out}, in their order."


def archive_gzip_level(file, level, out):
    Path("whole.log").write_bytes(gzip.decompress(Path(file).read_bytes()))
    text_level_lines("whole.log", level, out)
