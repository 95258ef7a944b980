import zipfile
from pathlib import Path

GOAL = "Take the file {path} out of {file} and write what it holds to {out}."


def archive_extract(path, file, out):
    Path(out).write_bytes(zipfile.ZipFile(file).read(path))
