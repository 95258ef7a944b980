"""The part of the conformance suite that is about programs, files and their state."""

from __future__ import annotations

from . import StateUnknown
from .base import File, Sandbox, Snapshot
from .conformance import SHORT, Check, echo, serves
from .entries import digest_of


async def runs_programs(sandbox: Sandbox) -> None:
    result = await sandbox.execute(["echo", "a b", "$HOME", "*"])
    assert result.ok and result.output == "a b $HOME *\n", result
    result = await sandbox.execute(["sh", "-c", "echo no >&2; exit 3"])
    assert (result.exit_code, result.output) == (3, "no\n"), result
    assert result.error == "sh ended with exit code 3", result
    result = await sandbox.execute(["no-such-program"])
    assert result.exit_code == 127 and "no-such-program cannot be run" in (result.error or "")
    result = await sandbox.execute(["sh", "-c", "sleep 60 & sleep 60"], limits=SHORT)
    assert result.timed_out and "longer than 1 s" in (result.error or ""), result
    await serves(sandbox)


async def keeps_files(sandbox: Sandbox) -> None:
    """What even a sandbox that runs nothing must do."""
    await sandbox.put({"a/b": b"1", "c": File(b"x", True)})
    assert (await sandbox.export()).files == {"a/b": File(b"1"), "c": File(b"x", True)}
    before = await sandbox.snapshot()
    assert before.files.keys() == {"a/b", "c"} and before.folders == {"a"} and not before.links
    await sandbox.put({"a/b": b"2", "a/d/e": b""})
    assert (await sandbox.snapshot()).digest != before.digest
    await sandbox.restore(before)
    assert await sandbox.snapshot() == before
    for path in ("/tmp/x", "../x", "a/../../x", "a//b", "a\0b", "a\nb", ".", "", "x/" * 600 + "x"):
        try:
            await sandbox.put({path: b""})
        except ValueError:
            continue
        raise AssertionError(f"{path[:20]!r} was put")


async def carries_files(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 2000
    await sandbox.put({"in/a b.bin": data, "run.sh": File(b"echo ok\n", True), "none": b""})
    await sandbox.put({"none": b"new"})
    code = "import os\nd = open('in/a b.bin', 'rb').read()\nopen('out', 'wb').write(d[::-1])\n"
    result = await sandbox.run(
        f"{code}[len(d), bool(os.stat('run.sh').st_mode & 0o100)]", serve=echo
    )
    assert result.value == [len(data), True], result
    export = await sandbox.export()
    assert export.files["out"].data == data[::-1] and not export.left_out, export.left_out
    assert export.files["none"] == File(b"new") and export.files["run.sh"].executable
    await serves(sandbox)


async def imports_modules_among_the_files(sandbox: Sandbox) -> None:
    await sandbox.put(
        {"shop/__init__.py": b"", "shop/price.py": b"VAT = 19", "json.py": b"bad = 1"}
    )
    code = "import json\nfrom shop.price import VAT\n[VAT, hasattr(json, 'bad')]"
    assert (await sandbox.run(code, serve=echo)).value == [19, False]


async def brings_files_back(sandbox: Sandbox) -> None:
    make = "import os\nos.makedirs('a/b/c')\nopen('a/x', 'w').write('1')\nos.symlink('x', 'a/l')\n"
    assert (await sandbox.run(f"{make}os.fchmod(os.open('a/x', 0), 0o755)", serve=echo)).ok
    before = await sandbox.snapshot()
    assert before.links == {"a/l": "x"} and "a/b/c" in before.folders, before
    change = (
        "import os, shutil\nshutil.rmtree('a/b')\nos.remove('a/l')\nos.mkdir('a/l')\n"
        "open('a/l/y', 'w').write('2')\nopen('a/x', 'a').write('3')\nos.mkfifo('pipe')\n"
        "os.mkdir('shut')\nopen('shut/z', 'w').close()\nos.fchmod(os.open('shut', 0), 0)\n"
        "open(b'\\xff\\n', 'w').close()\n"
        "for n in range(300): os.mkdir('deep'); os.chdir('deep')"
    )
    assert (await sandbox.run(change, serve=echo)).ok
    left_out = (await sandbox.export()).left_out
    assert "pipe" in left_out and any("deep" in path for path in left_out), left_out
    try:
        await sandbox.snapshot()
    except StateUnknown:
        pass
    else:
        raise AssertionError("a pipe and a name that is no text were kept")
    await sandbox.restore(before)
    assert (await sandbox.snapshot()).digest == before.digest
    look = "import os\n[os.readlink('a/l'), open('a/x').read(), sorted(os.listdir('.'))]"
    found = (await sandbox.run(look, serve=echo)).value
    assert found[:2] == ["x", "1"] and "deep" not in found[2] and "pipe" not in found[2], found
    empty = Snapshot({}, frozenset(), {}, digest_of(()))
    await sandbox.restore(empty)
    assert (await sandbox.snapshot()) == empty


async def follows_no_link_out(sandbox: Sandbox) -> None:
    trap = (
        "import os\nos.symlink('/usr/bin/python3', 'out')\nos.symlink('/', 'root')\n"
        "os.symlink('.', 'again')\nos.symlink('nowhere', 'put-me')"
    )
    assert (await sandbox.run(trap, serve=echo)).ok
    export = await sandbox.export()
    assert {"out", "root", "again"} <= export.left_out.keys(), export
    assert not any(path.startswith(("root/", "again/")) for path in export.files)
    for path in ("root/tmp/x", "again/x"):
        try:
            await sandbox.put({path: b"x"})
        except StateUnknown:
            continue
        raise AssertionError(f"{path} was put through a link")
    await sandbox.put({"put-me": b"own", "out": b"own"})
    assert (await sandbox.export()).files["out"].data == b"own"
    await sandbox.restore(Snapshot({}, frozenset(), {}, digest_of(())))
    assert (await sandbox.run("import os\nos.path.exists('/usr/bin/python3')", serve=echo)).value
    await serves(sandbox)


FILE_CHECKS: tuple[Check, ...] = (
    keeps_files,
    carries_files,
    imports_modules_among_the_files,
    brings_files_back,
    follows_no_link_out,
)
"""What a backend must do with files and programs."""
