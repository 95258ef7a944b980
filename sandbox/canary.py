"""Proves that a sandbox isolates before anything untrusted runs there: tries that must fail."""

from __future__ import annotations

import socket
import tempfile

from . import SandboxUnavailable
from .base import Json, Limits, Result, Sandbox

LIMITS = Limits(seconds=15.0, processes=3)
HOST_PLACES = ("/etc/passwd", "/etc/shadow", "/home", "/root", "/var", "/proc", "/sys", "/run")
TRIES = """
import os, socket, time
found = [f"{path} of the host can be seen" for path in PATHS if os.path.exists(path)]
for place in ("/", "/usr/", "/usr/bin/", "/runner/", "/dev/"):
    try:
        open(place + "canary", "w").close()
        found.append(f"{place} can be written")
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", PORT), 1).close()
    found.append("the host's network can be reached")
except OSError:
    pass
if os.getuid() == 0:
    found.append("code runs as root")
started = 0
try:
    while started <= PROCESSES:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        started += 1
    found.append("the number of processes is not limited")
except OSError:
    pass
"""


async def prove(sandbox: Sandbox) -> None:
    """Run the tries. Raises `SandboxUnavailable` saying which worked, or why none could run."""
    with tempfile.NamedTemporaryFile(prefix="journeyman-canary-") as file, socket.socket() as net:
        net.bind(("127.0.0.1", 0))
        net.listen()
        facts = f"PATHS = {[file.name, *HOST_PLACES]!r}\nPORT = {net.getsockname()[1]}\n"
        code = f"{facts}PROCESSES = {LIMITS.processes}\n{TRIES}\nfound"
        result: Result = await sandbox.run(code, serve=_no_page, limits=LIMITS)
    if result.value != []:
        held = "; ".join(result.value) if isinstance(result.value, list) else result.error
        raise SandboxUnavailable(f"the sandbox does not isolate here ({held}): nothing runs in it")


async def _no_page(primitive: str, args: dict[str, Json]) -> Json:
    raise SandboxUnavailable("the canary calls no primitive")
