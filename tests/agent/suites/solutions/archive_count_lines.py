import zipfile
from pathlib import Path

GOAL = "Count the lines of all {ending} files in {file} together and write the number to {out}."


def archive_count_lines(ending, file, out):
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if name.endswith(f".{ending}")]
    Path(out).write_text(str(sum(len(archive.read(name).splitlines()) for name in names)))
