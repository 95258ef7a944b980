"""Traps in the work area, for the host that reads it, writes it and brings it back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from journeyman.sandbox import StateUnknown
from journeyman.sandbox.base import Export, Snapshot
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.entries import digest_of
from journeyman.sandbox.files import unpack
from journeyman.sandbox.worker import Worker

from .attack import known
from .machine import Host

EMPTY = Snapshot({}, frozenset(), {}, digest_of(()))
HARD = "import os, socket, stat\n"
TRAPS = {
    "a link to a host file": "os.symlink(FILE, 'out')",
    "a link to the system": "os.symlink('/usr/bin/python3', 'out')",
    "a link to a folder of the host": "os.symlink(FOLDER, 'out')",
    "a link to the root": "os.symlink('/', 'out')",
    "a link that climbs": "os.symlink('../' * 40 + FILE[1:], 'out')",
    "a link to itself": "os.symlink('out', 'out')",
    "a link to its own folder": "os.mkdir('d')\nos.symlink('.', 'd/out')",
    "links that go round": "os.symlink('b', 'a')\nos.symlink('a', 'b')",
    "a chain of links": "os.symlink('/', 'l0')\nfor n in range(60): os.symlink(f'l{n}', f'l{n + 1}')",
    "a link to a link out": "os.symlink('b', 'a')\nos.symlink(FILE, 'b')",
    "a link with an odd target": "os.symlink(b'\\xff\\n\\x1b[2J', 'out')",
    "a link with a long target": "os.symlink('x/' * 2000, 'out')",
    "a link to /proc": "os.symlink('/proc/self/root', 'out')",
    "a link to a descriptor": "os.symlink('/dev/fd/0', 'out')",
    "a link to a device": "os.symlink('/dev/urandom', 'out')",
    "a pipe": "os.mkfifo('out')",
    "a folder of pipes": "os.mkdir('d')\nfor n in range(50): os.mkfifo(f'd/p{n}')",
    "a file that may not be read": "open('out', 'w').close()\nos.chmod('out', 0)",
    "a name that is no text": "open(b'\\xff\\xfe', 'w').close()",
    "a name with a new line": "open('a\\nb', 'w').close()",
    "a name that a terminal obeys": "open('\\x1b[2J', 'w').close()",
    "a name written from right to left": "open('\\u202egpj.exe', 'w').close()",
    "a name with a backslash": "open('..\\\\..\\\\x', 'w').close()",
    "a name too long": "open('x' * 255, 'w').close()",
    "a path too long": "for _ in range(20):\n    os.mkdir('d' * 150)\n    os.chdir('d' * 150)\nopen('x', 'w').close()",
    "many long paths": "for _ in range(20):\n    os.mkdir('d' * 190)\n    os.chdir('d' * 190)\nfor n in range(300): open(f'{n}' + 'x' * 180, 'w').close()",
    "many long paths of wide signs": "for _ in range(14):\n    os.mkdir('\U0001f600' * 60)\n    os.chdir('\U0001f600' * 60)\nfor n in range(300): os.symlink('\U0001f600' * 900, f'{n}')",
    "folders without end": "for _ in range(900):\n    os.mkdir('d')\n    os.chdir('d')",
}  # fmt: skip
"""Code that leaves something no file may come of."""


async def leave(sandbox: Worker, host: Host, code: str) -> None:
    result = await sandbox.run(f"{known(host.facts)}{HARD}{code}", serve=echo)
    assert result.ok, result


def harmless(export: Export) -> None:
    for path, reason in export.left_out.items():
        assert reason and reason.isprintable() and path.isprintable() and len(path) <= 1000
    for path in export.files:
        assert not path.startswith("/") and ".." not in path.split("/") and path.isprintable()


@pytest.mark.parametrize("code", TRAPS.values(), ids=TRAPS.keys())
async def test_a_trap_is_left_out_with_a_reason(
    sandbox: Worker, host: Host, tmp_path: Path, code: str
) -> None:
    await sandbox.put({"kept/a.txt": b"a"})
    await leave(sandbox, host, code)
    export = await sandbox.export()
    harmless(export)
    assert export.left_out and export.files.keys() == {"kept/a.txt"}, export
    assert host.secret not in repr(export)
    unpack(export, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").rglob("*")] == ["kept", "a.txt"]
    try:
        kept = await sandbox.snapshot()
    except StateUnknown as error:
        assert str(error).isprintable() and len(str(error)) < 2000
    else:
        assert host.secret not in repr(kept)
    await sandbox.restore(EMPTY)
    assert (await sandbox.export()) == Export({}, {})
    assert sandbox.losses == 0
    await serves(sandbox)


async def test_a_folder_that_may_not_be_read_is_left_out_or_read(
    sandbox: Worker, host: Host
) -> None:
    await leave(sandbox, host, "os.mkdir('d')\nopen('d/x', 'w').close()\nos.chmod('d', 0)")
    export = await sandbox.export()
    assert (export.left_out.keys(), export.files.keys()) in (({"d"}, set()), (set(), {"d/x"}))
    await sandbox.restore(EMPTY)
    assert (await sandbox.export()) == Export({}, {})


async def test_many_files_come_or_are_refused(sandbox: Worker, host: Host) -> None:
    await leave(sandbox, host, "for n in range(1900): open(f'f{n}', 'w').close()")
    export = await sandbox.export()
    assert len(export.files) == 1900 and not export.left_out
    more = "for n in range(100_000): open(f'g{n}', 'w').close()"
    assert "too many" in ((await sandbox.run(more, serve=echo)).error or "")
    try:
        harmless(await sandbox.export())
    except StateUnknown as error:
        assert "more than" in str(error)
    await sandbox.restore(EMPTY)
    await serves(sandbox)


async def test_what_is_large_but_empty_is_held_to_the_size(sandbox: Worker, host: Host) -> None:
    await leave(
        sandbox,
        host,
        "for n in range(200): os.truncate(os.open(f's{n}', os.O_CREAT | os.O_RDWR), 4 << 20) or os.closerange(8, 99)",
    )
    export = await sandbox.export()
    assert sum(len(file.data) for file in export.files.values()) <= SMALL.file_mb << 20
    assert len(export.left_out) >= 199 and "larger" in next(iter(export.left_out.values()))
    with pytest.raises(StateUnknown, match="larger"):
        await sandbox.snapshot()
    await serves(sandbox)


async def test_no_right_comes_out_but_to_be_run(
    sandbox: Worker, host: Host, tmp_path: Path
) -> None:
    await leave(sandbox, host, "open('tool', 'w').close()\nos.chmod('tool', 0o6777)")
    export = await sandbox.export()
    assert export.files["tool"].executable
    unpack(export, tmp_path / "out")
    assert (tmp_path / "out" / "tool").stat().st_mode & 0o7022 == 0


async def test_a_file_of_two_names_comes_twice_and_apart(sandbox: Worker, host: Host) -> None:
    await leave(sandbox, host, "open('a', 'w').write('1')\nos.link('a', 'b')")
    await sandbox.put({"a": b"2"})
    export = await sandbox.export()
    assert (export.files["a"].data, export.files["b"].data) == (b"2", b"1")


async def test_a_hard_link_to_the_runner_or_the_system_cannot_be_made(sandbox: Worker) -> None:
    code = "import os, sys\nmade = []\nfor path in (sys.modules['inside'].__file__, '/usr/bin/python3', '/bin/sh'):\n"
    code += "    try:\n        os.link(path, f'l{len(made)}')\n        made.append(path)\n    except OSError: pass\nmade"
    assert (await sandbox.run(code, serve=echo)).value == []


async def test_nothing_moves_while_files_are_read(sandbox: Worker, host: Host) -> None:
    # A left-over process would swap the file for a link between the look and the reading.
    swap = "if os.fork() == 0:\n    os.setsid()\n    while True:\n        for make in (lambda: os.symlink(FILE, 't'), lambda: open('t', 'w').close()):\n"
    swap += "            try:\n                make()\n                os.replace('t', 'swapped')\n            except OSError: pass\nimport time\ntime.sleep(0.1)"
    for _ in range(5):
        await leave(sandbox, host, swap)
        export = await sandbox.export()
        assert await sandbox.export() == export
        assert host.secret not in repr(export)
    await serves(sandbox)


async def test_an_export_waits_for_the_run(sandbox: Worker) -> None:
    code = "import time\nfor n in range(20):\n    open('f', 'w').write(str(n))\n    time.sleep(0.01)\nopen('f', 'w').write('last')"
    _, export = await asyncio.gather(sandbox.run(code, serve=echo), sandbox.export())
    assert export.files.get("f") is None or export.files["f"].data == b"last"


LEAVING = ("../x", "a/../../x", "/tmp/x", "/x", "..", ".", "", "a//b", "a/./b", "a\0b", "a\nb", "a\\b", "\x1b[2J", "\u202ex", "x" * 201, "x/" * 600 + "x", "\ud800")  # fmt: skip


@pytest.mark.parametrize("path", LEAVING, ids=ascii)
async def test_a_path_that_leaves_the_area_is_not_put(sandbox: Worker, path: str) -> None:
    with pytest.raises(ValueError, match="cannot be put"):
        await sandbox.put({"good": b"1", path: b"2"})
    assert (await sandbox.export()).files == {}
    await serves(sandbox)


THROUGH = {
    "a link to the root": "os.symlink('/', 'd')",
    "a link to its own folder": "os.symlink('.', 'd')",
    "a link up": "os.mkdir('e')\nos.symlink('..', 'd')",
    "a link to a host folder": "os.symlink(FOLDER, 'd')",
    "a link to where nothing is": "os.symlink('nowhere', 'd')",
    "a file": "open('d', 'w').close()",
    "a pipe": "os.mkfifo('d')",
}


@pytest.mark.parametrize("code", THROUGH.values(), ids=THROUGH.keys())
async def test_nothing_is_put_through_what_is_no_folder(
    sandbox: Worker, host: Host, code: str
) -> None:
    await leave(sandbox, host, code)
    with pytest.raises(StateUnknown):
        await sandbox.put({"d/tmp/x": b"x"})
    with pytest.raises(StateUnknown):
        await sandbox.put({"d/x": b"x"})
    assert (await sandbox.run("import os\nos.path.exists('x')", serve=echo)).value is False
    await serves(sandbox)


PLACE = {
    "a link out": "os.symlink(FILE, 'p')",
    "a pipe": "os.mkfifo('p')",
    "a folder": "os.makedirs('p/q/r')\nos.chmod('p/q', 0)",
    "a file without rights": "open('p', 'w').close()\nos.chmod('p', 0)",
    "a file of two names": "open('o', 'w').write('mine')\nos.link('o', 'p')",
}


@pytest.mark.parametrize("code", PLACE.values(), ids=PLACE.keys())
async def test_what_is_put_takes_the_place_of_what_is_there(
    sandbox: Worker, host: Host, code: str
) -> None:
    await leave(sandbox, host, code)
    await sandbox.put({"p": b"new"})
    assert (await sandbox.export()).files["p"].data == b"new"
    await serves(sandbox)


async def test_what_a_run_does_to_the_area_is_undone(sandbox: Worker, host: Host) -> None:
    await sandbox.put({"a/b/c": b"1", "run": b"2"})
    before = await sandbox.snapshot()
    code = "import shutil\nshutil.rmtree('a')\nos.symlink('/', 'a')\nos.chmod('run', 0)\nfor n in range(200):\n    os.mkdir('d')\n    os.chdir('d')\n"
    await leave(sandbox, host, f"{code}os.chmod('.', 0)")
    await sandbox.restore(before)
    assert (await sandbox.snapshot()).digest == before.digest
    assert os.path.isdir("/usr")
    await serves(sandbox)


async def test_a_program_s_arguments_are_no_shell_s(sandbox: Worker, host: Host) -> None:
    for word in ("$(id)", "`id`", "; id", "| id", "&& id", "> out", "*", "~", "\n id"):
        result = await sandbox.execute(["echo", word])
        assert result.output == f"{word}\n", result
    for program in ("a\0b", "", "/", ".", "./none", "x" * 5000, "\ud800"):
        result = await sandbox.execute([program])
        assert not result.ok and result.error and result.error.isprintable(), result
    result = await sandbox.execute(["/usr/bin/env"])
    assert host.secret not in result.output
    result = await sandbox.execute(["/bin/cat", host.facts["FILE"]])
    assert not result.ok and host.secret not in result.output
    await serves(sandbox)
