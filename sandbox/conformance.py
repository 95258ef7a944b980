"""What every sandbox must pass: one coroutine function a behaviour, run over each backend.

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_conforms(check, sandbox): await check(sandbox)

Each raises AssertionError, and ends by seeing that the sandbox still serves. The attacks here try
only what is harmless where it works: run them against nothing but a sandbox all the same.
Covered: what code inside gets and is refused. Not covered: the host's own state, which the tests of
a backend look at.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from . import EpisodeOver, PrimitiveFailed
from .base import Json, Limits, Result, Sandbox

Check = Callable[[Sandbox], Awaitable[None]]
SMALL = Limits(seconds=10.0, memory_mb=128, processes=8, output_bytes=10_000, file_mb=4, calls=20)
SHORT = Limits(seconds=1.0)


async def echo(primitive: str, args: dict[str, Json]) -> Json:
    """Serve a page that answers what was asked, and has no element named Missing."""
    if args.get("name") == "Missing":
        raise PrimitiveFailed('there is no button "Missing" in view')
    return [primitive, args]


async def serves(sandbox: Sandbox) -> None:
    """See that an ordinary run works."""
    result = await sandbox.run("print('well')\nclick('button', 'OK')", serve=echo)
    assert result.ok and result.output == "well\n", result
    assert result.value == ["click", {"role": "button", "name": "OK"}], result


async def refused(
    sandbox: Sandbox, code: str, *words: str, limits: Limits = SMALL, timed_out: bool = False
) -> Result:
    """Run code that must fail with a sentence holding each of `words`, and see that all is well."""
    result = await sandbox.run(code, serve=echo, limits=limits)
    assert not result.ok and result.error is not None, result
    assert "\n" not in result.error and len(result.error) < 2500, result.error
    assert result.timed_out is timed_out, result
    for word in words:
        assert word in result.error, result.error
    await serves(sandbox)
    return result


async def runs_and_gives_a_value(sandbox: Sandbox) -> None:
    await serves(sandbox)
    result = await sandbox.run(
        "import sys\nprint('é', file=sys.stderr)\n{'a': [1, None]}", serve=echo
    )
    assert result == Result(0, "é\n", value={"a": [1, None]}), result
    assert (await sandbox.run("object()", serve=echo)).value is None
    assert (await sandbox.run("", serve=echo)).ok


async def forgets_between_runs(sandbox: Sandbox) -> None:
    kept = "import json, builtins\nx = json.leak = builtins.leak = 1\nopen('note', 'w').write('hi')"
    assert (await sandbox.run(kept, serve=echo)).ok
    asked = "import json\n['x' in globals(), hasattr(json, 'leak'), 'leak' in dir(__builtins__)]"
    assert (await sandbox.run(asked, serve=echo)).value == [False, False, False]
    assert (await sandbox.run("open('note').read()", serve=echo)).value == "hi"


async def calls_the_page(sandbox: Sandbox) -> None:
    code = "import page\nfrom page import fill\nfill('textbox', text='a', starts='U', nth=1)"
    result = await sandbox.run(code, serve=echo)
    args = {"role": "textbox", "text": "a", "starts": "U", "nth": 1}
    assert result.value == ["fill", args], result
    code = "try:\n    click('button', 'Missing')\nexcept PageError as e:\n    print(e)\ntext()"
    result = await sandbox.run(code, serve=echo)
    assert result.output == 'there is no button "Missing" in view\n', result
    assert result.value == ["text", {}], result
    await refused(sandbox, "x = 1\nclick('button', 'Missing')", "in view", "line 2", "click(")


async def calls_the_library(sandbox: Sandbox) -> None:
    library = {
        "log_in": "from page import fill\ndef log_in(a):\n    return fill('textbox', 'User', a)",
        "twice": "from library import log_in\ndef twice(a):\n    log_in(a)\n    return log_in(a)",
        "broken": "def broken(:\n",
        "other": "def another(): pass",
    }
    run = "from library import twice\ntwice('ann')"
    result = await sandbox.run(run, serve=echo, library=library)
    assert result.value == ["fill", {"role": "textbox", "name": "User", "text": "ann"}], result
    assert result.called == ("twice", "log_in"), result
    for name, word in (("broken", "not valid Python"), ("other", "defines no"), ("no", "log_in")):
        result = await sandbox.run(f"from library import {name}", serve=echo, library=library)
        assert not result.ok and word in (result.error or ""), result
        assert result.called == ()


async def ends_quietly_after_the_task(sandbox: Sandbox) -> None:
    calls = []

    async def serve(primitive: str, args: dict[str, Json]) -> Json:
        calls.append(primitive)
        raise EpisodeOver("the task has ended")

    code = "print(1)\ntry: click('tab')\nexcept BaseException: pass\nfinally: print(2)\ntext()"
    result = await sandbox.run(code, serve=serve)
    assert result == Result(0, "1\n"), result
    assert calls == ["click"]
    await serves(sandbox)


async def explains_bad_python(sandbox: Sandbox) -> None:
    await refused(sandbox, "Sure! Here is the code:\nclick('a')", "not valid Python", "line 1")
    await refused(sandbox, "if 1:\nclick('a')", "not valid Python", "line 2")
    await refused(sandbox, "tap('button')", "'tap'", "click", "line 1")
    await refused(sandbox, "from page import tap", "'tap'", "click", "line 1")
    await refused(sandbox, "import page\npage.evaluate('1')", "'evaluate'", "click", "line 2")
    await refused(sandbox, "click()", "click needs 'role'")
    await refused(sandbox, "click('button', 'a', 'b')", "2 arguments")
    await refused(sandbox, "click('button', nth='1')", "nth must be int")
    await refused(sandbox, "\0", "null bytes")
    await refused(sandbox, "(" * 5000 + ")" * 5000)
    await refused(sandbox, "-" * 1_000_000 + "1")
    await refused(sandbox, "def f(): f()\nf()", "RecursionError")
    await refused(sandbox, "'" + "\ud800" + "'")


async def stops_what_never_ends(sandbox: Sandbox) -> None:
    started = time.monotonic()
    ended = await refused(
        sandbox, "print('on')\nwhile True: pass", "longer than 1 s", limits=SHORT, timed_out=True
    )
    assert ended.output == "on\n" and time.monotonic() - started < 5
    code = (
        "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    )
    code += "    except (OSError, ValueError): pass\ntime.sleep(60)"
    await refused(sandbox, code, "longer than 1 s", limits=SHORT, timed_out=True)
    await refused(sandbox, "while True: text()", "more than 20 page calls")


async def holds_floods(sandbox: Sandbox) -> None:
    flood = "for _ in range(1000): print('x' * 1_000_000)"
    ended = await refused(sandbox, flood, "printed more than 10000 bytes")
    assert ended.output == "x" * 10_000
    bytes_ = "import os\nwhile True: os.write(2, bytes(range(256)) * 200)"
    await refused(sandbox, bytes_, "printed more than 10000 bytes")
    huge = "b = []\nwhile True: b.append(bytearray(1 << 20))"
    await refused(sandbox, huge, "more than 128 MB")
    await refused(sandbox, "bytearray(10 ** 12)", "more than 128 MB")
    many = "import os, time\nfor _ in range(4):\n    if os.fork() == 0: break\n"
    await refused(sandbox, f"{many}b = bytearray(60 << 20)\ntime.sleep(9)", "more than 128 MB")
    await refused(sandbox, "open('f', 'wb').write(bytes(8 << 20))", "at most 4 MB")
    assert (await sandbox.run("import os\nos.remove('f')", serve=echo)).ok


async def holds_many_processes(sandbox: Sandbox) -> None:
    code = (
        "import os, time\nfor n in range(1000):\n    if os.fork() == 0:\n        time.sleep(60)\n"
    )
    await refused(sandbox, code, "at most 8 processes", "line 3")
    threads = "import threading, time\nfor _ in range(1000):\n"
    threads += "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    await refused(sandbox, threads, "at most 8 processes")
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    await refused(sandbox, bomb, "longer than 1 s", limits=SHORT, timed_out=True)


async def reports_processes_that_vanish(sandbox: Sandbox) -> None:
    await refused(sandbox, "import os\nos._exit(0)", "ended its own process")
    await refused(sandbox, "import os\nos.kill(os.getpid(), 11)", "SIGSEGV")
    await refused(sandbox, "import sys\nsys.exit('no')", "exit('no')")
    assert (await sandbox.run("raise SystemExit", serve=echo)).ok
    kill = "import os\nfor pid in (1, 2, -1):\n    try: os.kill(pid, 9)\n    except OSError: pass"
    result = await sandbox.run(kill, serve=echo)
    assert result.exit_code in (0, 1), result
    await serves(sandbox)


CHECKS: tuple[Check, ...] = (
    runs_and_gives_a_value,
    forgets_between_runs,
    calls_the_page,
    calls_the_library,
    ends_quietly_after_the_task,
    explains_bad_python,
    stops_what_never_ends,
    holds_floods,
    holds_many_processes,
    reports_processes_that_vanish,
)
"""What a backend must do when code runs. `conformance_files.py` and `conformance_walls.py` have the
rest of the suite.
"""
