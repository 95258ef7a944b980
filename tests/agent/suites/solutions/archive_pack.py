import zipfile
from pathlib import Path

GOAL = (
    "Pack the {ending} files of the folder {folder} into {out}, without the folder in their paths."
)


def archive_pack(ending, folder, out):
    with zipfile.ZipFile(out, "w") as archive:
        for path in Path(folder).glob(f"*.{ending}"):
            archive.write(path, path.name)
