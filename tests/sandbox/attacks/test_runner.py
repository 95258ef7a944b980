"""Code inside against the runner that forked it: forged lines, torn pipes, traces in later runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from journeyman.sandbox.base import Json
from journeyman.sandbox.conformance import SMALL, echo, serves
from journeyman.sandbox.worker import Worker

SHORT = replace(SMALL, seconds=1.0)
SEND = """
import os
def send(data):
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
"""
WAIT = "\nimport time\ntime.sleep(9)"


async def begin(sandbox: Worker) -> None:
    """Leave a file that is gone when the worker is."""
    assert (await sandbox.run("open('mark', 'w').close()", serve=echo)).ok


async def stays(sandbox: Worker) -> None:
    """See that the same worker serves on."""
    await serves(sandbox)
    look = "import os\nos.path.exists('mark')"
    assert (await sandbox.run(look, serve=echo)).value is True
    assert sandbox.losses == 0


def call(number: object = 1, primitive: bytes = b'"text"', args: bytes = b"{}") -> bytes:
    return b'{"call":%b,"primitive":%b,"args":%b}\n' % (str(number).encode(), primitive, args)


def end(value: bytes = b"null", code: bytes = b"0", error: bytes = b"null") -> bytes:
    return b'{"end":1,"exit_code":%b,"error":%b,"value":%b,"called":[]}\n' % (code, error, value)


FORGED = {
    "a call out of turn": call(9),
    "a call of no number": call("null"),
    "a call of a number that is none": call("1e999"),
    "two calls at once": call() * 2,
    "a call made twice": call() + call(2) + call(2),
    "an end of the host's": b'{"done":"1","exit_code":0,"error":null,"output":""}\n',
    "a runner that is ready": b'{"ready":1}\n',
    "a reply": b'{"reply":1,"value":5}\n',
    "a stop": b'{"stop":"1"}\n',
    "an answer about files": b'{"filed":1,"value":[],"error":null}\n',
    "a run": b'{"id":"9","code":"1","command":[],"library":{},"limits":{}}\n',
    "deep JSON": b"[" * 200_000 + b"\n",
    "deep objects": b'{"a":' * 40_000 + b"\n",
    "a deep call": call(args=b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "a report deeper than can be written": end(b"[" * 3000 + b"]" * 3000),
    "invalid UTF-8": call(primitive=b'"\xff"'),
    "an argument that is not a number": call(args=b'{"a":NaN}'),
    "an argument without an end": call(args=b'{"a":1e999}'),
    "a number too long": call(args=b'{"a":' + b"9" * 9999 + b"}"),
    "a text": b'"call"\n',
    "a text that is an end": b'"end"\n',
    "a list that is an end": b'["end"]\n',
    "a number": b"5\n",
    "nothing": b"\n",
    "NUL": b"\0\n",
    "no line's end": b"x" * 1_000_000,
    "a report that is not a number": end(b"NaN"),
    "a report without an end": end(b"-1e999"),
    "a report too long": end(error=b'"' + b"x" * 300_000 + b'"'),
}
"""Lines that the runner itself takes for what they are: the run ends, the worker stays."""

PASSED_ON = {
    "a call at DEPTH": call(args=b'{"a":' + b"[" * 99 + b"]" * 99 + b"}"),
    "half a character": call(primitive=b'"\\ud800"'),
    "a wrong type": call(primitive=b'["click"]'),
    "many arguments": call(args=b"{" + b",".join(b'"a%d":1' % n for n in range(99)) + b"}"),
    "an odd report": b'{"end":1,"exit_code":"0","error":7,"value":null,"called":7}\n',
    "an exit code out of bounds": end(code=b"70000"),
    "an exit code that is no number": end(code=b"true"),
    "an error that is no text": end(error=b'{"a":1}'),
    "a value too deep": end(b"[" * 99 + b"]" * 99),
    "many names called": b'{"end":1,"exit_code":0,"called":[%b"x"]}\n' % (b'"x",' * 2000),
    "long names called": b'{"end":1,"exit_code":0,"called":["%b"]}\n' % (b"x" * 2000),
}
"""Lines that only the host's own checks refuse: the worker ends with the run."""


async def forge(sandbox: Worker, line: bytes) -> None:
    served = []

    async def serve(primitive: str, args: dict[str, Json]) -> Json:
        served.append(primitive)

    # Cut in two: the reader has to put it together.
    code = f"{SEND}send({line[:50]!r} + {line[50:]!r}){WAIT}"
    result = await sandbox.run(code, serve=serve)
    assert not result.ok and "protocol" in (result.error or ""), result
    assert not result.timed_out and set(served) <= {"text"}


@pytest.mark.parametrize("line", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_line_ends_the_run_and_nothing_else(sandbox: Worker, line: bytes) -> None:
    await begin(sandbox)
    await forge(sandbox, line)
    await stays(sandbox)


@pytest.mark.parametrize("line", PASSED_ON.values(), ids=PASSED_ON.keys())
async def test_the_host_refuses_what_the_runner_lets_through(sandbox: Worker, line: bytes) -> None:
    await forge(sandbox, line)
    await serves(sandbox)


@pytest.mark.parametrize("depth", (30, 500, *range(980, 1000, 3)))
async def test_a_report_of_any_depth_ends_the_run_at_most(sandbox: Worker, depth: int) -> None:
    # About there end what the host takes, what it can read, and what the runner can.
    code = f"{SEND}send({end(b'[' * depth + b']' * depth)!r}){WAIT}"
    result = await sandbox.run(code, serve=echo)
    assert "protocol" in (result.error or ""), result
    await serves(sandbox)


async def test_the_forging_itself_works(sandbox: Worker) -> None:
    # A line that is right is the run's own call: so `send` above reaches the runner.
    served = []

    async def serve(primitive: str, args: dict[str, Json]) -> Json:
        served.append((primitive, args))

    right = call(args=b'{"a":[1]}')
    code = f"{SEND}send({right!r})\nimport time\ntime.sleep(0.3)"
    assert (await sandbox.run(code, serve=serve)).ok
    assert served == [("text", {"a": [1]})]


TORN = {
    "closes every descriptor": "import os\nos.closerange(0, 256)\nwhile True: pass",
    "closes the line to the runner": "import os\nos.closerange(3, 256)\nprint('on')",
    "prints onto the line to the runner": "import os\nfor fd in range(3, 64):\n    try: os.dup2(fd, 1)\n    except OSError: pass\nprint('hello')",
    "replaces json": "import json\njson.dumps = lambda *a, **k: '{{{'\njson.loads = None\ntext()",
    "replaces the writer": "import inside\ninside.write = inside.write_all = inside.dump = lambda *a: None\n5",
    "replaces the reader": "import inside\ninside.Lines.read = lambda self: [b'{\"value\":' + b'9' * 99 + b'}']\ntext()",
    "replaces the end": "import inside\ninside.Channel.end = lambda self, report: None",
    "replaces the exit": "import os\nos._exit = lambda code: None",
    "replaces the checks": "import primitives\nprimitives.problem = lambda *a: None\nclick('x' * 200_000)",
    "replaces what says what went wrong": "import faults\nfaults.sentence = lambda *a: 1 / 0\n1 / 0",
    "replaces every function of os": "import os\nfor name in dir(os):\n    try: setattr(os, name, None)\n    except Exception: pass",
    "empties all modules": "import sys\nsys.modules.clear()\nsys.stdout = sys.stderr = None",
    "counts its calls from another number": "import gc, inside\nfor item in gc.get_objects():\n    if isinstance(item, inside.Channel): item._number = 40\ntext()",
    "speaks as its own child": "import gc, inside, os\nif os.fork() == 0:\n    for item in gc.get_objects():\n        if isinstance(item, inside.Channel): item._owner = os.getpid()\n    text()\n    text()\nos.wait()\ntext()",
    "reports twice": f"{SEND}send({end()!r} * 2)",
    "calls after its report": f"{SEND}send({end()!r} + {call()!r})",
    "speaks while it ends": f"{SEND}if os.fork() == 0:\n    while True: send({call(7)!r})\n",
    "becomes another program": "import os\nfor fd in range(3, 64):\n    try: os.set_inheritable(fd, True)\n    except OSError: pass\nos.execv('/bin/sh', ['sh', '-c', 'for n in 3 4 5 6 7 8 9; do echo hello >&$n; done'])",
    "ends the thread that runs it": "import _thread, threading, time\nthreading.Thread(target=time.sleep, args=(0.1,)).start()\n_thread.exit()",
    "crashes": "import ctypes\nctypes.string_at(1)",
    "overflows its stack": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
    "raises what cannot be told": "class E(Exception):\n    def __str__(self): raise self\nraise E",
    "raises what tells a wrong line": "raise SyntaxError('x', ('the action', 'here', [], {}))",
    "raises what is no exception's text": "class T(str):\n    def splitlines(self): return 5\nclass E(Exception):\n    def __str__(self): return T('x')\nraise E",
    "hides its exception's trace": "class E(Exception):\n    __traceback__ = property(lambda self: self)\nraise E",
    "exits with an odd code": "class C:\n    def __repr__(self): raise SystemExit(self)\nraise SystemExit(C())",
    "gives a value that lies": "class D(dict):\n    def items(self): return [(1, object())]\n    def values(self): return 5\nD(a=1)",
    "gives a value that grows": "n = [0]\nclass D(dict):\n    def items(self):\n        n[0] += 1\n        return [('a', 'x' * (n[0] * 100_000))]\nD(a=1)",
}  # fmt: skip
"""Code that turns against its own half of the edge; how the run goes is its own affair."""


@pytest.mark.parametrize("code", TORN.values(), ids=TORN.keys())
async def test_a_torn_edge_harms_only_the_run(sandbox: Worker, code: str) -> None:
    await begin(sandbox)
    result = await sandbox.run(code, serve=echo, limits=SHORT)
    assert result.error is None or "\n" not in result.error
    await stays(sandbox)


LATER = """
import os, resource, signal, sys
[
    os.getcwd(), os.umask(0o22), sorted(os.environ.items()), os.getpriority(os.PRIO_PROCESS, 0),
    [resource.getrlimit(n) for n in range(16)], os.sched_getscheduler(0), os.getpgrp() == os.getpid(),
    sorted(os.sched_getaffinity(0)), sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())], sys.path, sorted(sys.modules),
    [fd for fd in range(256) if os.path.exists("/") and not fails(fd)], sys.getrecursionlimit(),
    signal.getitimer(signal.ITIMER_REAL)[0], sys.getswitchinterval(), hasattr(os, "planted"),
]
"""
FAILS = "import os\ndef fails(fd):\n    try: os.fstat(fd)\n    except OSError: return True\n"
RUNNER = "import os, resource, signal\nfor pid in {1, os.getppid()}:\n"
TRACES = {
    "signals the runner": RUNNER + "    for number in sorted(signal.valid_signals()):\n        try: os.kill(pid, number)\n        except OSError: pass\nimport time\ntime.sleep(0.2)",
    "interrupts the runner again and again": RUNNER + "    for _ in range(200):\n        os.kill(pid, signal.SIGINT)\n        os.kill(pid, signal.SIGTERM)",
    "signals the runner's group": "import os, signal\nfor number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n    for group in (1, os.getpgid(os.getppid())):\n        signal.signal(number, signal.SIG_IGN)\n        try: os.killpg(group, number)\n        except OSError: pass",
    "takes the runner's limits": RUNNER + "    for what in range(16):\n        for pair in ((0, 0), (1, 1)):\n            try: resource.prlimit(pid, what, pair)\n            except (OSError, ValueError): pass",
    "lowers the runner's rank": RUNNER + "    for act in (lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)), lambda: os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})):\n        try: act()\n        except OSError: pass",
    "changes what is its own": "import os, resource, signal, sys, builtins\nos.chdir('/')\nos.umask(0)\nos.environ['LD_PRELOAD'] = '/tmp/x.so'\nos.putenv('PYTHONPATH', '/tmp')\nresource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nsignal.setitimer(signal.ITIMER_REAL, 99)\nsys.path.insert(0, '/tmp')\nsys.setrecursionlimit(99)\nsys.setswitchinterval(9)\nos.planted = builtins.planted = 1\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nos.setpgid(0, 0)",
    "plants modules of the runner's names": "for name in ('inside', 'area', 'faults', 'primitives', 'json', 'sitecustomize', 'datetime', 'runner'):\n    open(name + '.py', 'w').write('import os\\nos.planted = 1')",
    "hides its folder": "import os\nos.chmod('.', 0)",
    "leaves its folder without rights": "import os\nos.makedirs('a/b')\nos.chmod('a/b', 0)\nos.chmod('a', 0)\nopen('mine', 'w').close()\nos.chmod('mine', 0)",
}  # fmt: skip
"""Code that would be felt by a later run."""


@pytest.mark.parametrize("code", TRACES.values(), ids=TRACES.keys())
async def test_a_later_run_finds_all_as_it_was(sandbox: Worker, code: str) -> None:
    await begin(sandbox)
    before = await sandbox.run(FAILS + LATER, serve=echo)
    assert before.ok and isinstance(before.value, list), before
    assert (await sandbox.run(code, serve=echo)).exit_code in (0, 1)
    after = await sandbox.run(FAILS + LATER, serve=echo)
    assert after.value == before.value, after
    await stays(sandbox)


async def test_a_reply_reaches_only_the_process_that_asked(sandbox: Worker) -> None:
    code = "import os\nif os.fork() == 0:\n    text()\nos.wait()\ntext()"
    result = await sandbox.run(code, serve=echo)
    assert result.value == ["text", {}] and result.output == "", result


async def test_replies_that_no_one_takes_hold_nothing_up(sandbox: Worker) -> None:
    async def long(primitive: str, args: dict[str, Json]) -> Json:
        return "x" * 200_000

    lines = b"".join(map(call, range(1, 9)))
    code = f"{SEND}import time\nfor line in {lines!r}.splitlines(True):\n    send(line)\n    time.sleep(0.1)\ntime.sleep(9)"
    result = await sandbox.run(code, serve=long, limits=SHORT)
    assert result.timed_out, result
    await serves(sandbox)


async def test_what_is_said_of_a_run_may_be_forged_by_it_alone(sandbox: Worker) -> None:
    # Not guarded, as `inside.py` says: the check of a task must look at what was done.
    line = b'{"end":1,"exit_code":0,"error":null,"value":7,"called":["never"]}\n'
    result = await sandbox.run(f"{SEND}send({line!r}){WAIT}", serve=echo)
    assert result.value == 7 and result.called == ("never",), result
    assert (await sandbox.run("1", serve=echo)).called == ()
