import tarfile

GOAL = "Unpack {file} into the folder {folder}."


def archive_unpack(file, folder):
    with tarfile.open(file) as archive:
        archive.extractall(folder)
