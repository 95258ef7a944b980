"""The canary in sandboxes that lack one wall each: it says which, and nothing runs in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.sandbox import SandboxUnavailable, canary
from journeyman.sandbox.base import Json, Result
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.canary import TRIED
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.worker import Worker

FAKE = """#!/usr/bin/python3
import os, sys
words = sys.argv[1:]
def drop(word, count):
    at = words.index(word)
    del words[at:at + count]
    return at
{edit}
os.execvp("bwrap", ["bwrap", *words])
"""
SHARE = "words[drop('--unshare-all', 1):0] = ['--unshare-' + n for n in ('pid', 'ipc', 'uts')]"


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        # The sandbox is started by another user, who must reach it.
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("drop('--seccomp', 2)", "a new user namespace can be made"),
        (f"drop('--seccomp', 2)\n{SHARE}", "the host's network can be reached at .*127.0.0.1"),
        (f"drop('--seccomp', 2)\n{SHARE}", r"reached at '\\x00journeyman-canary"),
        ("words[:0] = ['--ro-bind', '/etc', '/etc']", "/etc/passwd of the host can be read"),
        ("words[-9:-9] = ['--proc', '/proc']", "/proc/1/environ can be"),
        ("del words[-9:-7]", "/ can be written"),
    ],
    ids=["no filter", "the network", "abstract sockets", "files", "a look at others", "the root"],
)
async def test_a_missing_wall_is_found(place: Path, edit: str, words: str) -> None:
    fake = place / "bwrap"
    fake.write_text(FAKE.format(edit=edit))
    fake.chmod(0o755)
    sandbox = Worker(Bubblewrap(str(fake)))
    with pytest.raises(SandboxUnavailable, match=words):
        await sandbox.run("1", serve=echo)
    await sandbox.close()


@pytest.mark.parametrize("launcher", [Bubblewrap(), Landlock()], ids=lambda each: each.name)
async def test_the_report_tells_what_was_tried_and_what_held(launcher: Bubblewrap) -> None:
    sandbox = Worker(launcher)
    try:
        report = await canary.look(sandbox, launcher.capabilities)
    finally:
        await sandbox.close()
    assert [each.what for each in report.tries] == [what for what, _ in TRIED.values()]
    assert report.broken == ()
    for each, (_, claim) in zip(report.tries, TRIED.values(), strict=True):
        assert each.claimed is (claim is None or claim in launcher.capabilities)
        assert bool(each.got) is (not each.claimed), each


@pytest.mark.parametrize("value", [None, [], {}, {"see": []}, dict.fromkeys(TRIED, "nothing")])
async def test_a_sandbox_that_tells_nothing_of_use_is_refused(value: Json) -> None:
    class Liar:
        async def run(self, code: str, **_: object) -> Result:
            return Result(0, value=value)

    with pytest.raises(SandboxUnavailable, match="could not be tried"):
        await canary.prove(Liar(), frozenset())
