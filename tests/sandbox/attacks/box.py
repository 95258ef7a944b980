"""The open box: a stand-in of the machine where no wall is left, to see an attack succeed.

Around it stands one bubblewrap; in it the code is root with all rights, beside the host's part
(`host.py`) in the same namespaces, with its environment, its terminal and its open files, without a
system call filter or a limit. So even `kill(-1)` reaches only what was put there. Covered: that an
attack can succeed at all. Not covered: which of a sandbox's walls stops it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from journeyman.sandbox.base import Json
from journeyman.sandbox.bubblewrap import NOBODY, PYTHON

from .attack import Attack, source

DEVICES = ("/dev/fuse", "/dev/net/tun", "/dev/kvm")
PLANTED = ("/root/.netrc", "/usr/local/bin/tool", "/etc/machine-id", "/sys/firmware/x")
PLANTED += ("/sys/fs/cgroup/cgroup.procs", "/sys/class/dmi/id/product_serial")
"""Files that the machine may have, which hold the secret in the box."""
OPENER = r"""
import fcntl, json, os, pty, select, signal, socket, struct, subprocess, sys, time
task = json.load(sys.stdin)
os.makedirs("/root", exist_ok=True)
for path in task["planted"]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(task["secret"])
net = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number, address in enumerate(("169.254.169.254", "192.0.2.1"), 1):
    name = f"lo:{number}".encode()
    ask = struct.pack("16sH2s4s8x", name, socket.AF_INET, b"", socket.inet_aton(address))
    fcntl.ioctl(net, 0x8916, ask)
host = subprocess.Popen([sys.executable, "-I", "/host.py", task["secret"]],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
facts = json.loads(host.stdout.readline())
os.mkdir("/tmp/work")
os.chdir("/tmp/work")
held = [os.open(path, os.O_RDONLY) for path in ("/", facts["FILE"])]
held.append(socket.create_connection(("127.0.0.1", facts["TCP4"])).detach())
answers = []
for code in filter(None, task["codes"]):
    out, told = os.pipe()
    facts |= {"FOUND": told, "HOME": "/root", "RUNNER": "/runner.py", **task["facts"]}
    text = "".join(f"{name} = {value!r}\n" for name, value in facts.items()) + code
    text = text[: -len("found")] + "os.write(FOUND, json.dumps([found, refused]).encode())\n"
    text += "sys.stdout.flush()\nos._exit(0)"
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for fd in (*held, told):
            os.set_inheritable(fd, True)
        os.execv(sys.executable, [sys.executable, "-S", "-B", "-c", text])
    said, until = b"", time.monotonic() + 15
    while time.monotonic() < until and os.waitpid(pid, os.WNOHANG)[0] == 0:
        if select.select([terminal], [], [], 0.02)[0]:
            try:
                said = (said + os.read(terminal, 65536))[-4000:]
            except OSError:
                time.sleep(0.02)
    os.set_blocking(out, False)
    try:
        # Forks of the code may say the same again.
        answers.append(json.JSONDecoder().raw_decode(os.read(out, 65536).decode())[0])
    except (BlockingIOError, ValueError):
        answers.append([[], [said.decode("utf-8", "replace")]])
print(json.dumps(answers))
sys.stdout.flush()
os._exit(0)
"""
START = (PYTHON, "-I", "-S", "-B", "-c", OPENER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attack found with nothing in its way, and the numbers of the errors it met."""

    found: list[str]
    refused: list[Json]


def loose(attack: Attack, secret: str, facts: dict[str, Json]) -> Outcome:
    """Run an attack in the open box."""
    task: dict[str, Json] = {"secret": secret, "facts": facts, "planted": PLANTED}
    task["codes"] = [source(code) if code else "" for code in (attack.code, attack.later)]
    # This folder may lie where another user cannot read.
    files = {"host.py": Path(__file__).with_name("host.py").read_text(), "runner.py": ""}
    held = {name: _held(name, text) for name, text in files.items()}
    try:
        done = subprocess.run(
            [
                *_walls(secret),
                *(part for name, fd in held.items() for part in ("--file", str(fd), f"/{name}")),
                *START,
            ],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=60,
            pass_fds=held.values(),
            check=False,
        )
    finally:
        for fd in held.values():
            os.close(fd)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    found = [what for answer in answers for what in answer[0]]
    return Outcome(found, [error for answer in answers for error in answer[1]])


def _held(name: str, text: str) -> int:
    fd = os.memfd_create(name)
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _walls(secret: str) -> list[str]:
    # Root outside would be root inside too: as another user, all rights end at the box.
    drop = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]
    command = drop if os.geteuid() == 0 else []
    command += [shutil.which("bwrap") or "bwrap", "--unshare-all", "--unshare-user"]
    command += ["--uid", "0", "--gid", "0", "--cap-add", "ALL", "--as-pid-1", "--die-with-parent"]
    command += ["--new-session", "--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local"]
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif Path("/", name).is_dir():
            command += ["--ro-bind", f"/{name}", f"/{name}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--clearenv"]
    for device in DEVICES:
        command += ["--dev-bind-try", device, device]
    for name, value in (("HOST_SECRET", secret), ("HOME", "/root"), ("PATH", ".:/usr/bin")):
        command += ["--setenv", name, value]
    return command
