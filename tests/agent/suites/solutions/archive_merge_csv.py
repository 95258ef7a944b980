import zipfile
from pathlib import Path

GOAL = "Write the rows of all CSV files in {file}, in the order of the files' names, to {out} under one header."


def archive_merge_csv(file, out):
    archive = zipfile.ZipFile(file)
    merged = []
    for name in sorted(name for name in archive.namelist() if name.endswith(".csv")):
        header, *rows = archive.read(name).decode().splitlines()
        merged = [*(merged or [header]), *rows]
    Path(out).write_text("\n".join(merged) + "\n")
