"""Every chore can be done in the sandbox, and nothing but doing it passes its check."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from journeyman.agent.suites.code import KINDS, Chore, chore
from journeyman.agent.suites.code.catalogue import PROJECTS

pytestmark = pytest.mark.asyncio(loop_scope="module")
kinds = pytest.mark.parametrize("kind", KINDS)

UNITTEST = ("python3", "-B", "-m", "unittest")


def written(made: Chore, files: dict[str, bytes]) -> dict[str, bytes]:
    """What an attempt made or changed, without what it left on its way."""
    named = re.findall(r"[\w./-]+\w", made.goal)
    return {
        path: data
        for path, data in files.items()
        if path in made.files or path in named or path.partition("/")[0] in named
        if made.files.get(path) != data and not path.endswith(".pyc")
    }


async def passes(bench: Any, kind: str, seeds: range) -> None:
    for seed in seeds:
        made = chore(kind, seed)
        result, files = await bench.solve(kind, made)
        assert await bench.verdict(made, files) is None, (seed, made.goal)
        used = {name.replace("_", "-") for name in result.called} - {kind}
        assert used == set(KINDS[kind].builds_on)


@kinds
async def test_the_reference_solution_passes_and_calls_what_it_builds_on(
    bench: Any, kind: str
) -> None:
    await passes(bench, kind, range(3))


@pytest.mark.slow
@kinds
async def test_the_reference_solution_passes_on_thirty_seeds(bench: Any, kind: str) -> None:
    await passes(bench, kind, range(3, 33))


@kinds
async def test_the_start_does_not_pass(bench: Any, kind: str) -> None:
    for seed in range(5):
        made = chore(kind, seed)
        assert isinstance(await bench.verdict(made, made.files), str), seed
        assert isinstance(await bench.verdict(made, {}), str), seed


@kinds
async def test_what_was_written_must_be_there_and_whole(bench: Any, kind: str) -> None:
    made = chore(kind, 5)
    _, files = await bench.solve(kind, made)
    begun = next(iter(made.files.values()))
    for path, data in written(made, files).items():
        kept = {name: held for name, held in files.items() if name != path}
        half = data[: len(data.rstrip()) // 2]
        for wrong in (kept, *({**kept, path: bad} for bad in (b"", begun, half, b"\xff\x00" * 9))):
            said = await bench.verdict(made, wrong)
            assert isinstance(said, str), (path, wrong.get(path, b"")[:80])


def slips(data: bytes) -> list[bytes]:
    """A text as small mistakes leave it: off by one, a line lost or said twice, another order."""
    text = data.decode()
    lines = text.splitlines()
    found = [
        re.sub(r"\d(?=\D*$)", lambda last: str((int(last[0]) + 1) % 10), text),
        re.sub(r"\d", lambda first: str((int(first[0]) + 1) % 10), text, count=1),
        "\n".join([*lines, lines[-1]]),
    ]
    if len(lines) > 1:
        found += ["\n".join(lines[1:]), "\n".join(lines[:-1])]
        found += ["\n".join([*lines[:-2], lines[-1], lines[-2]])]
    return [slip.encode() for slip in found if slip.splitlines() != lines]


HOST_CHECKED = [kind for kind in KINDS if chore(kind, 0).probe is None]


@pytest.mark.parametrize("kind", HOST_CHECKED)
async def test_a_small_slip_does_not_pass_and_is_not_told_the_answer(bench: Any, kind: str) -> None:
    made = chore(kind, 8)
    _, files = await bench.solve(kind, made)
    path, right = next(iter(written(made, files).items()))
    answers = {word for word in re.split(r"[\s,|\"]+", right.decode()) if len(word) > 3}
    for slip in slips(right):
        if path.endswith(".json") and _same_json(slip, right):
            continue
        said = await bench.verdict(made, {**files, path: slip})
        assert isinstance(said, str), slip[:300]
        assert not answers & set(said.replace(path, "").split()), said


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


IN_DATABASE = """
import sqlite3
with sqlite3.connect({file!r}) as database:
    database.execute({statement!r})
"""
IN_ARCHIVE = """
import zipfile
with zipfile.ZipFile({file!r}, "a") as archive:
    archive.writestr("more.txt", "more")
"""
NO_ARCHIVE = """
with open({file!r}, "wb") as stream:
    stream.write(b"PK")
"""
IN_PACKAGE = """
import glob, re
for path in glob.glob("{package}/*.py"):
    with open(path, "r+") as stream:
        text = stream.read()
        for name in re.findall(r"^def (\\w+)", text, re.M)[:1]:
            stream.write(f"\\n\\ndef {{name}}(*arguments):\\n    return 0\\n")
        for name in re.findall(r"^([A-Z_]+) =", text, re.M)[:1]:
            stream.write(f"\\n{{name}} += 1\\n")
"""
NO_PACKAGE = """
with open("{package}/settings.py", "a") as stream:
    stream.write("raise SystemExit")
"""
IN_TESTS = """
import glob
for path in glob.glob("tests/test_*.py"):
    with open(path, "a") as stream:
        stream.write("#")
"""
STATEMENTS = (
    "DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})",
    "INSERT INTO {table} SELECT * FROM {table} LIMIT 1",
    "UPDATE {table} SET {column} = {column} + 1 WHERE rowid = (SELECT min(rowid) FROM {table})",
    "ALTER TABLE {table} ADD COLUMN more",
    "ALTER TABLE {table} RENAME TO other",
)


def spoilt(kind: str, made: Chore) -> list[str]:
    """Programs that spoil a right solution a little, or altogether."""
    if kind.startswith("repo-"):
        package = next(iter(made.files)).partition("/")[0]
        return [code.format(package=package) for code in (IN_PACKAGE, NO_PACKAGE)] + [IN_TESTS]
    (file,) = re.findall(r"\b\w+\.(?:db|zip)\b", made.goal)
    if kind.startswith("archive-"):
        return [code.format(file=file) for code in (IN_ARCHIVE, NO_ARCHIVE)]
    (table,) = re.findall(r"table (\w+)", made.goal)
    counts = ("quantity", "pages", "units", "minutes", "pieces", "visits")
    column = next(name for name in counts if name.encode() in b"".join(made.files.values()))
    return [
        IN_DATABASE.format(file=file, statement=one.format(table=table, column=column))
        for one in STATEMENTS
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in HOST_CHECKED])
async def test_a_spoilt_result_does_not_pass_a_probe(bench: Any, kind: str) -> None:
    for seed in range(2):
        made = chore(kind, seed)
        for then in spoilt(kind, made):
            _, files = await bench.solve(kind, made, then)
            assert isinstance(await bench.verdict(made, files), str), then


async def test_every_mistake_makes_tests_fail_and_mended_they_pass(bench: Any) -> None:
    mistakes = {}
    for seed in range(300):
        made = chore("repo-fix-module", seed)
        package = tuple(data for path, data in made.files.items() if not path.startswith("tests/"))
        mistakes.setdefault(package, made)
    assert len(mistakes) == sum(len(project.bugs) for project in PROJECTS)
    for made in mistakes.values():
        await bench.work.lay(made.files)
        assert (await bench.work.sandbox.execute(UNITTEST)).exit_code == 1, made.goal
        await bench.solve("repo-fix-module", made)
        assert (await bench.work.sandbox.execute(UNITTEST)).ok, made.goal


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("repo-")])
async def test_the_tests_of_a_repository_fail_at_the_start(bench: Any, kind: str) -> None:
    for seed in range(4):
        await bench.work.lay(chore(kind, seed).files)
        assert not (await bench.work.sandbox.execute(UNITTEST)).ok


async def test_code_that_lies_to_a_probe_learns_nothing(bench: Any) -> None:
    """A package that answers everything alike, whatever it is asked, is not right."""
    made = chore("repo-fix-module", 0)
    package = next(iter(made.files)).partition("/")[0]
    lie = b"import sys\nclass Any:\n    def __getattr__(self, name):\n        return lambda *a: 1\nsys.modules[__name__] = Any()\n"
    lying = {
        path: lie if path.startswith(f"{package}/") and "__init__" not in path else data
        for path, data in made.files.items()
    }
    assert "does not do" in str(await bench.verdict(made, lying))
