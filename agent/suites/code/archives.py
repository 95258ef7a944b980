"""Archives: zip, tar and gzip, listed, unpacked, made, and worked on inside.

An archive that comes out is opened by a probe only: it tells each member's path and digest.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from . import expect, prose
from .base import Chore, Kind, Probe
from .formats import as_csv, as_gz, as_lines, as_tar_gz, as_zip
from .records import Records, records
from .words import ANSWERS, LEVELS, PARTS, PROSE, TOTALS, WHOLES

NAMES = ("backup", "bundle", "drop", "export", "release", "snapshot")
FOLDERS = ("drafts", "exports", "manual", "minutes", "papers", "records", "scans")
ENDINGS = ("cfg", "csv", "md", "txt")
LOGS = ("access", "backend", "server", "worker")

READ = """\
import hashlib, zipfile
with zipfile.ZipFile({file!r}) as archive:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()][:200]
    told = [[entry.filename, hashlib.sha256(archive.read(entry)).hexdigest()] for entry in entries]
sorted(told)
"""


def _files(rng: random.Random, least: int = 12, most: int = 24) -> dict[str, bytes]:
    """Small texts in a few folders, as `papers/river-12.txt`; each of another size."""
    folders = rng.sample(FOLDERS, rng.randint(2, 4))
    found: dict[str, bytes] = {}
    for number in rng.sample(range(10, 99), rng.randint(least, most)):
        name = f"{rng.choice(PROSE)}-{number}.{rng.choice(ENDINGS)}"
        path = rng.choice((name, f"{rng.choice(folders)}/{name}", f"{rng.choice(folders)}/{name}"))
        text = [prose.sentence(rng) for _ in range(rng.randint(2, 30))]
        found[path] = as_lines(text)
    return found


def _holds(file: str, members: Mapping[str, bytes]) -> Probe:
    """The zip archive holds these files and no others."""
    wanted = sorted([path, hashlib.sha256(data).hexdigest()] for path, data in members.items())

    def check(answer: object) -> str | None:
        if not isinstance(answer, list) or not all(isinstance(one, list) for one in answer):
            return f"{file} is not there, or cannot be read as a zip archive"
        if [one[:1] for one in answer] != [one[:1] for one in wanted]:
            return f"the paths of the files in {file} are not right"
        return None if answer == wanted else f"a file in {file} has other contents than it should"

    return Probe((file,), READ.format(file=file), check)


def list_paths(rng: random.Random) -> Chore:
    files, name, out = _files(rng), rng.choice(NAMES), rng.choice(PARTS)
    folders = (
        {path.partition("/")[0] for path in files if "/" in path} if rng.random() < 0.3 else ()
    )
    return Chore(
        f"Write the paths of the files in {name}.zip, but not of folders, to {out}.txt, one a line "
        "and sorted.",
        {f"{name}.zip": as_zip(files, sorted(folders))},
        expect.lines(f"{out}.txt", sorted(files)),
    )


def extract_file(rng: random.Random) -> Chore:
    files, name = _files(rng), rng.choice(NAMES)
    path = rng.choice([path for path in files if "/" in path])
    out = f"{rng.choice(PARTS)}.txt"
    return Chore(
        f"Take the file {path} out of {name}.zip and write what it holds to {out}.",
        {f"{name}.zip": as_zip(files)},
        expect.lines(out, files[path].decode().splitlines()),
    )


def count_word(rng: random.Random) -> Chore:
    files, name, out = _files(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    path = rng.choice([path for path in files if "/" in path])
    files[path] = as_lines(prose.prose(rng))
    found = Counter(re.findall(r"\w+", files[path].decode().lower()))
    word = rng.choice(sorted(word for word, times in found.items() if times > 2))
    return Chore(
        f"Count how often the word {word} stands in the file {path} of {name}.zip, in upper or "
        f"lower case, and write the number to {out}.txt.",
        {f"{name}.zip": as_zip(files)},
        expect.number(f"{out}.txt", found[word]),
    )


def unpack(rng: random.Random) -> Chore:
    files, name = _files(rng), rng.choice(NAMES)
    folder = rng.choice(("contents", "inside", "restored", "unpacked"))
    placed = {f"{folder}/{path}": data for path, data in files.items()}
    return Chore(
        f"Unpack {name}.tar.gz into the folder {folder}.",
        {f"{name}.tar.gz": as_tar_gz(files)},
        expect.same(placed, f"a file of the archive is not in {folder}, or not as it was"),
    )


def pack(rng: random.Random) -> Chore:
    folder, out, ending = rng.choice(FOLDERS), rng.choice(NAMES), rng.choice(ENDINGS)
    files = {path.rpartition("/")[2]: data for path, data in _files(rng).items()}
    files |= {f"{rng.choice(PROSE)}-{n}.{ending}": as_lines([prose.sentence(rng)]) for n in (1, 2)}
    packed = {path: data for path, data in files.items() if path.endswith(f".{ending}")}
    return Chore(
        f"Pack the {ending} files of the folder {folder} into {out}.zip, without the folder in "
        "their paths.",
        {f"{folder}/{path}": data for path, data in files.items()},
        expect.anything,
        _holds(f"{out}.zip", packed),
    )


def largest(rng: random.Random) -> Chore:
    files, name, out = _files(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    path = rng.choice(list(files))
    files[path] = as_lines(prose.sentence(rng) for _ in range(60))
    return Chore(
        f"Write the path of the largest file in {name}.tar.gz to {out}.txt.",
        {f"{name}.tar.gz": as_tar_gz(files)},
        expect.lines(f"{out}.txt", [path]),
    )


def repack(rng: random.Random) -> Chore:
    files = _files(rng)
    name, out = rng.sample(NAMES, 2)
    return Chore(
        f"Make a zip archive {out}.zip of the files in {name}.tar.gz, with the same paths.",
        {f"{name}.tar.gz": as_tar_gz(files)},
        expect.anything,
        _holds(f"{out}.zip", files),
    )


def count_lines(rng: random.Random) -> Chore:
    files, name, out = _files(rng), rng.choice(NAMES), rng.choice(ANSWERS)
    ending = rng.choice(sorted({path.rpartition(".")[2] for path in files}))
    counted = [data.count(b"\n") for path, data in files.items() if path.endswith(f".{ending}")]
    return Chore(
        f"Count the lines of all {ending} files in {name}.zip together and write the number to "
        f"{out}.txt.",
        {f"{name}.zip": as_zip(files)},
        expect.number(f"{out}.txt", sum(counted)),
    )


def gzip_level(rng: random.Random) -> Chore:
    lines, name, out = prose.log(rng), rng.choice(LOGS), rng.choice(PARTS)
    level = rng.choice(LEVELS)
    return Chore(
        f"Write the lines of the compressed {name}.log.gz whose level is {level} to {out}.txt, in "
        "their order.",
        {f"{name}.log.gz": as_gz(as_lines(line for _, _, line in lines))},
        expect.lines(f"{out}.txt", [line for _, own, line in lines if own == level]),
    )


def sum_csv(rng: random.Random) -> Chore:
    held, name, out = records(rng, 70, 120), rng.choice(NAMES), rng.choice(TOTALS)
    column = rng.choice(held.names("count", "money"))
    files: dict[str, bytes] = {"README.txt": as_lines([prose.sentence(rng)])}
    many = rng.randint(3, 6)
    for at in range(many):
        part = Records(held.name, held.columns, held.rows[at::many])
        files[f"{held.name}-{at + 1}.csv"] = as_csv(part)
    return Chore(
        f"Write the sum of the column {column} over all CSV files in {name}.zip to {out}.txt.",
        {f"{name}.zip": as_zip(files)},
        expect.number(f"{out}.txt", Decimal(held.total(column))),
    )


def merge_csv(rng: random.Random) -> Chore:
    held, name, out = records(rng, 50, 90), rng.choice(NAMES), rng.choice(WHOLES)
    many = rng.randint(3, 6)
    bounds = [0, *sorted(rng.sample(range(1, len(held.rows)), many - 1)), len(held.rows)]
    files = {
        f"{held.name}-{at + 1}.csv": as_csv(
            Records(held.name, held.columns, held.rows[bounds[at] : bounds[at + 1]])
        )
        for at in range(many)
    }
    return Chore(
        f"Write the rows of all CSV files in {name}.zip, in the order of the files' names, to "
        f"{out}.csv under one header.",
        {f"{name}.zip": as_zip(files)},
        expect.records(f"{out}.csv", held),
    )


KINDS = (
    Kind("archive-list", list_paths),
    Kind("archive-extract", extract_file),
    Kind("archive-unpack", unpack),
    Kind("archive-pack", pack),
    Kind("archive-largest", largest),
    Kind("archive-repack", repack, ("archive-unpack",)),
    Kind("archive-count-lines", count_lines),
    Kind("archive-count-word", count_word, ("archive-extract", "text-count-word")),
    Kind("archive-gzip-level", gzip_level, ("text-level-lines",)),
    Kind("archive-merge-csv", merge_csv),
    Kind("archive-sum-csv", sum_csv, ("archive-merge-csv", "csv-sum-column")),
)
