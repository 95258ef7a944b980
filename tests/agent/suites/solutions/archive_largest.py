import tarfile
from pathlib import Path

GOAL = "Write the path of the largest file in {file} to {out}."


def archive_largest(file, out):
    with tarfile.open(file) as archive:
        Path(out).write_text(max(archive, key=lambda member: member.size).name)
