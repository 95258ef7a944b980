import zipfile
from pathlib import Path

GOAL = (
    "Write the paths of the files in {file}, but not of folders, to {out}, one a line and sorted."
)


def archive_list(file, out):
    names = zipfile.ZipFile(file).namelist()
    Path(out).write_text("\n".join(sorted(name for name in names if not name.endswith("/"))))
