"""Other processes, more rights than were given, and what one run plants for the next."""

from __future__ import annotations

from journeyman.sandbox.base import Capability

from .attack import Attack

ALWAYS = "bubblewrap, which is around the box too, always takes this right away"
MEMORY = """
import ctypes
ours = room(64)
def span(address):
    return struct.pack("QQ", address, 64)
def carry(name):
    call(name, VICTIM, span(ctypes.addressof(ours)), 1, span(ADDRESS), 1, 0)
    return ours.raw
"""
PLANTED = "found.append('what was planted ran')"

ATTACKS = (
    Attack("sees the host's process by its number", "reach('seen', os.kill, VICTIM, 0)"),
    Attack("signals the host's process", "reach('signalled', os.kill, VICTIM, signal.SIGUSR1)"),
    Attack("signals a thread of the host's process", "reach('signalled', call, 'tgkill', VICTIM, VICTIM, int(signal.SIGUSR1))"),
    Attack("signals the host's process by a descriptor", "reach('signalled', lambda: call('pidfd_send_signal', call('pidfd_open', VICTIM, 0), int(signal.SIGUSR1), 0, 0))"),
    Attack("signals the host's process group", "reach('signalled', os.killpg, VICTIM, signal.SIGUSR1)\nreach('signalled', lambda: os.killpg(os.getpgid(VICTIM), signal.SIGUSR1))"),
    Attack(
        "signals whatever can be signalled",
        # A kind that is ignored here; where the host's part can be reached it notes it.
        "signal.signal(signal.SIGUSR2, signal.SIG_IGN)\n"
        "attempt('', os.kill, -1, signal.SIGUSR2)\n"
        "reach('seen', os.kill, VICTIM, 0)",
        needs=Capability.HIDES_PROCESSES,
    ),
    Attack("traces the host's process", "reach('attached', call, 'ptrace', 0x4206, VICTIM, 0, 0)"),
    Attack("traces its parent", "reach('attached', call, 'ptrace', 0x4206, os.getppid(), 0, 0)"),
    Attack("traces its own child", "pid = os.fork()\nif pid == 0:\n    time.sleep(5)\n    os._exit(0)\nreach('attached', call, 'ptrace', 0x4206, pid, 0, 0)"),
    Attack("reads the host's process's memory", MEMORY + "leak('read', carry, 'process_vm_readv')"),
    Attack("writes the host's process's memory", MEMORY + "reach('written', carry, 'process_vm_writev')"),
    Attack("reads its parent's memory", "VICTIM = os.getppid()\nmaps = attempt('', read, f'/proc/{VICTIM}/maps')\nADDRESS = int(maps.split(b'-')[0], 16) if maps else id(sys)\n" + MEMORY + "reach('read', carry, 'process_vm_readv')"),
    Attack("takes a descriptor from the host's process", "leak('taken', lambda: os.pread(call('pidfd_getfd', call('pidfd_open', VICTIM, 0), HELD, 0), 99, 0))"),
    Attack("compares itself with its parent", "reach('compared', call, 'kcmp', os.getpid(), os.getppid(), 0, 0, 0)"),
    Attack("changes the limits of the host's process", "reach('changed', resource.prlimit, VICTIM, resource.RLIMIT_NOFILE, (16, 16))"),
    Attack("changes the limits of its parent", "reach('changed', resource.prlimit, os.getppid(), resource.RLIMIT_FSIZE, (0, 0))"),
    Attack("changes the rank of the host's process", "reach('changed', os.setpriority, os.PRIO_PROCESS, VICTIM, 19)"),
    Attack("changes the rank of its parent", "reach('changed', os.setpriority, os.PRIO_PROCESS, os.getppid(), 19)"),
    Attack("changes the rank of all its user's processes", "reach('changed', os.setpriority, os.PRIO_USER, 0, 19)", needs=Capability.HIDES_PROCESSES),
    Attack("changes the schedule of its parent", "reach('changed', os.sched_setscheduler, os.getppid(), os.SCHED_IDLE, os.sched_param(0))"),
    Attack("ties its parent to one processor", "reach('changed', os.sched_setaffinity, os.getppid(), {min(os.sched_getaffinity(0))})"),
    Attack("changes its parent's rank at the disk", "reach('changed', call, 'ioprio_set', 1, os.getppid(), 3 << 13)"),
    Attack("attaches the host's shared memory", "import ctypes\nleak('attached', lambda: ctypes.string_at(call('shmat', SEGMENT, 0, 0o10000), 64))"),
    Attack("types into the host's terminal", "import fcntl, termios\nreach('opened', lambda: os.open('/dev/tty', os.O_RDWR))\nfor fd in range(3):\n    reach('typed', fcntl.ioctl, fd, termios.TIOCSTI, b'x')"),
    Attack("becomes root", "reach('root', os.setuid, 0)\nreach('root', os.setresuid, 0, 0, 0)\nreach('root', os.setreuid, 0, 0)"),
    Attack("becomes root's group", "reach('group', os.setgid, 0)\nreach('group', os.setresgid, 0, 0, 0)"),
    Attack("joins groups", "reach('groups', os.setgroups, [0])", unproved="an unprivileged user namespace may not"),
    Attack("holds rights", "data = room(24)\ncall('capget', struct.pack('Ii', 0x20080522, 0), data)\nif any(data.raw):\n    found.append(data.raw.hex())"),
    Attack("could gain rights from a program", "if call('prctl', 39, 0, 0, 0, 0) != 1:\n    found.append('it could')\nelse:\n    refused.append(1)", unproved=ALWAYS),
    Attack("runs without a filter", "if call('prctl', 21, 0, 0, 0, 0) != 2:\n    found.append('no filter')"),
    Attack(
        "gains rights from a setuid program",
        "import glob\n"
        "for path in glob.glob('/usr/bin/*') + glob.glob('/usr/sbin/*'):\n"
        "    mode = attempt('', os.stat, path)\n"
        "    if mode and mode.st_mode & stat.S_ISUID and os.path.basename(path) in ('su', 'mount', 'umount'):\n"
        "        run(path, '--version')\n"
        "out = run('/usr/bin/python3', '-I', '-S', '-c', 'import os; print(os.geteuid())')\n"
        "if int(out) == 0: found.append('root')",
    ),
    Attack("makes a program of root's", "open('tool', 'w').close()\nreach('owned', os.chown, 'tool', 0, 0)\n"),
    Attack("gives a file rights", "open('tool', 'w').close()\nreach('given', os.setxattr, 'tool', 'security.capability', struct.pack('<5I', 0x02000001, 1 << 21, 0, 0, 0))"),
    *(
        Attack(f"lifts its limit of {name}", f"reach('lifted', resource.setrlimit, resource.RLIMIT_{kind}, ({most}, {most}))")
        for name, kind, most in (("memory", "AS", 1 << 40), ("processes", "NPROC", 1000), ("open files", "NOFILE", 1000), ("file size", "FSIZE", 1 << 40), ("time", "CPU", 10_000), ("core files", "CORE", 1 << 30))
    ),
    Attack("plants a module for the next run", "open('wave.py', 'w').write('planted = 1')\nopen('sitecustomize.py', 'w').write('import builtins\\nbuiltins.planted = 1')", later="import wave, builtins\nif getattr(wave, 'planted', 0) or getattr(builtins, 'planted', 0):\n    " + PLANTED),
    Attack("plants a program for the next run", "open('id', 'w').write('#!/bin/sh\\necho planted')\nos.chmod('id', 0o755)", later="if b'planted' in run('id'):\n    " + PLANTED),
)  # fmt: skip
