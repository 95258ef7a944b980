import zipfile
from pathlib import Path

from library import archive_unpack

GOAL = "Make a zip archive {out} of the files in {file}, with the same paths."


def archive_repack(out, file):
    archive_unpack(file, "unpacked")
    with zipfile.ZipFile(out, "w") as archive:
        for path in Path("unpacked").rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to("unpacked"))
