"""The part of the conformance suite that is about isolation, by what a backend claims to hold.

Each `Capability` has two checks: one for who claims it, and one for who does not, which tells the
least that must hold all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from .base import Capability, Sandbox
from .conformance import SHORT, Check, echo, refused, serves
from .conformance_files import runs_programs

PLACES = ("/etc", "/home", "/root", "/var", "/sys", "/run")


async def has_no_network(sandbox: Sandbox) -> None:
    await refused(sandbox, "import socket\nsocket.socket()", "no network", "line 2")
    await refused(sandbox, "import socket\nsocket.socket(socket.AF_UNIX)", "no network")
    await refused(sandbox, "import urllib.request as u\nu.urlopen('http://127.0.0.1:1/')", "line 2")


async def gives_no_rights(sandbox: Sandbox) -> None:
    for place in ("/usr/bin/x", "/runner/runner.py", "/dev/x", "/var/tmp/x", "/x"):
        await refused(sandbox, f"open({place!r}, 'a')", "Error", "line 1")
    await refused(sandbox, "import os\nos.mkdir('/x')", "Error", "line 2")
    result = await sandbox.run("import os\n[os.getuid() == 0, sorted(os.environ)]", serve=echo)
    assert result.value[0] is False, result
    assert set(result.value[1]) <= {"HOME", "LC_CTYPE", "PATH", "PWD", "TMPDIR"}, result
    for of in (1, "self"):
        await refused(sandbox, f"open('/proc/{of}/mem', 'r+b')", "Error", "line 1")
    await refused(sandbox, "open('/proc/1/fd/1', 'wb')", "Error", "line 1")


async def hides_files(sandbox: Sandbox) -> None:
    await refused(sandbox, "open('/etc/passwd').read()", "FileNotFoundError", "line 1")
    # An image may have the place, with nothing in it.
    look = f"import os\n[p for p in {PLACES[1:]} if os.path.exists(p) and os.listdir(p)]"
    assert (await sandbox.run(look, serve=echo)).value == []
    # What engines put there is about the container.
    look = "import os\nset(os.listdir('/etc') if os.path.exists('/etc') else []) <= "
    look += "{'hostname', 'hosts', 'mtab', 'resolv.conf'}"
    assert (await sandbox.run(look, serve=echo)).value is True


async def refuses_files(sandbox: Sandbox) -> None:
    await refused(sandbox, "open('/etc/passwd').read()", "PermissionError", "gives no rights")
    for place in (*PLACES, "/", "/tmp", "/proc", "/dev", "/usr/local", "/dev/shm"):
        await refused(sandbox, f"import os\nos.listdir({place!r})", "Error", "line 2")
    assert (await sandbox.run("open('f', 'w').close()", serve=echo)).ok
    for call in ("rename('f', '/tmp/journeyman-f')", "link('/etc/passwd', 'g')"):
        await refused(sandbox, f"import os\nos.{call}", "Error", "line 2")
    # What would do no harm if it worked; Landlock itself sees none of these.
    for call in ("chmod('/etc/passwd', 0o644)", "utime('/etc')", "chown('/etc/passwd', 0, 0)"):
        await refused(sandbox, f"import os\nos.{call}", "PermissionError", "line 2")


async def hides_processes(sandbox: Sandbox) -> None:
    look = "import os\nproc = os.listdir('/proc') if os.path.exists('/proc') else []\n"
    look += "{name for name in proc if name.isdigit()} <= {'1', str(os.getpid())}"
    assert (await sandbox.run(look, serve=echo)).value is True
    kill = "import os\nfor pid in (1, 2, -1):\n    try: os.kill(pid, 9)\n    except OSError: pass"
    result = await sandbox.run(kill, serve=echo)
    assert result.exit_code in (0, 1), result
    await serves(sandbox)


async def refuses_processes(sandbox: Sandbox) -> None:
    """Neither the host's first process nor the runner, with the signal that does nothing first."""
    for pid in ("1", "os.getppid()"):
        for signal in (0, 9, 19):
            await refused(sandbox, f"import os\nos.kill({pid}, {signal})", "PermissionError")
    limit = "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))"
    await refused(sandbox, f"import os, resource\n{limit}", "PermissionError")
    await refused(sandbox, "import os\nos.sched_setaffinity(os.getppid(), {0})", "PermissionError")
    await refused(sandbox, "import os\nos.setpriority(os.PRIO_USER, 0, 19)", "PermissionError")


async def bounds_space(sandbox: Sandbox) -> None:
    fill = "for n in range(9): open(f'g{n}', 'wb').write(bytes(1 << 20))"
    await refused(sandbox, fill, "at most 4 MB")
    wipe = "import glob, os\nfor name in glob.glob('g*'): os.remove(name)"
    assert (await sandbox.run(wipe, serve=echo)).ok
    await serves(sandbox)


async def watches_space(sandbox: Sandbox) -> None:
    fill = "import time\nfor n in range(9): open(f'g{n}', 'wb').write(bytes(1 << 20))\n"
    await refused(sandbox, f"{fill}time.sleep(9)", "more than 4 MB of files")
    await refused(sandbox, fill, "more than 4 MB of files")
    hide = (
        "import os\nos.mkdir('g')\nfor n in range(9): open(f'g/{n}', 'wb').write(bytes(1 << 20))\n"
    )
    await refused(sandbox, f"{hide}os.fchmod(os.open('g', 0), 0)", "more than 4 MB of files")
    many = "for n in range(2100): open(f'g{n}', 'w').close()"
    await refused(sandbox, many, "too many of them")


async def refuses_programs(sandbox: Sandbox) -> None:
    result = await sandbox.execute(["sh", "-c", "true"], limits=SHORT)
    assert not result.ok and result.error is not None, result


WALL_CHECKS: tuple[Check, ...] = (has_no_network, gives_no_rights)
"""What every backend must hold."""
BY_CLAIM: Mapping[Capability, tuple[Check, Check]] = {
    Capability.HIDES_FILES: (hides_files, refuses_files),
    Capability.HIDES_PROCESSES: (hides_processes, refuses_processes),
    Capability.BOUNDS_SPACE: (bounds_space, watches_space),
    Capability.COMMANDS: (runs_programs, refuses_programs),
}
"""Of a claim: what must hold with it, and what without."""


def checks_of(capabilities: frozenset[Capability]) -> tuple[Check, ...]:
    """The checks of a backend with these claims."""
    chosen = (held if claim in capabilities else left for claim, (held, left) in BY_CLAIM.items())
    return (*WALL_CHECKS, *chosen)
