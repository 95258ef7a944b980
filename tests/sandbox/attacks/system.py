"""/proc and /sys: other processes, the kernel's settings and secrets, what tells of the machine."""

from __future__ import annotations

from .attack import Attack

OWNED = "these belong to the machine's own root"

ATTACKS = (
    Attack("reads the environment of any process", "for pid in pids():\n    leak(pid, read, f'/proc/{pid}/environ')"),
    Attack("reads the command line of any process", "for pid in pids():\n    leak(pid, read, f'/proc/{pid}/cmdline')"),
    Attack(
        "reads the memory of any process",
        "for pid in pids():\n"
        "    leak(pid, lambda: os.pread(os.open(f'/proc/{pid}/mem', os.O_RDONLY), 64, ADDRESS))",
    ),
    Attack(
        "writes the memory of any process",
        "for pid in set(pids()) - {os.getpid()}:\n"
        "    reach(pid, lambda: os.pwrite(os.open(f'/proc/{pid}/mem', os.O_WRONLY), b'x', ADDRESS))",
    ),
    Attack(
        "writes into a pipe of another process",
        "for pid in pids():\n"
        "    for fd in listed(f'/proc/{pid}/fd') if pid != os.getpid() else ():\n"
        "        if attempt('', os.readlink, f'/proc/{pid}/fd/{fd}') and 'pipe' in os.readlink(f'/proc/{pid}/fd/{fd}'):\n"
        "            reach(f'{fd} of {pid}', lambda: os.close(os.open(f'/proc/{pid}/fd/{fd}', os.O_WRONLY | os.O_NONBLOCK)))",
    ),
    Attack("sees the host's process", "if attempt('', os.readlink, f'/proc/{VICTIM}/fd/{HELD}') == FILE:\n    found.append('seen')"),
    Attack("has the kernel kill the host's process first", "reach('set', write, f'/proc/{VICTIM}/oom_score_adj', b'1000')"),
    Attack(
        "changes a setting of the kernel",
        "for folder, _, names in os.walk('/proc/sys'):\n"
        "    for name in names:\n"
        "        path = os.path.join(folder, name)\n"
        "        reach(path, lambda: os.close(os.open(path, os.O_WRONLY)))",
    ),
    Attack(
        "has the kernel start a program",
        "for path in ('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe',\n"
        "             '/sys/kernel/uevent_helper', '/proc/sysrq-trigger',\n"
        "             '/proc/sys/fs/binfmt_misc/register'):\n"
        "    reach(path, lambda: os.close(os.open(path, os.O_WRONLY)))",
        unproved=OWNED,
    ),
    Attack(
        "leaves its control group",
        "for folder, _, names in os.walk('/sys/fs/cgroup'):\n"
        "    for name in {'cgroup.procs', 'release_agent', 'tasks', 'memory.max'} & set(names):\n"
        "        reach(folder, lambda: os.close(os.open(os.path.join(folder, name), os.O_WRONLY)))",
    ),
    Attack(
        "reads what the kernel keeps to itself",
        "for path in ('/proc/kcore', '/proc/kmsg', '/dev/kmsg', '/dev/mem', '/dev/kmem', '/dev/port', '/proc/keys',\n"
        "             '/proc/key-users', '/proc/vmallocinfo', '/proc/slabinfo', '/sys/firmware/x'):\n"
        "    if attempt('', read, path):\n"
        "        found.append(path)",
    ),
    Attack(
        "reads what the kernel tells of the machine",
        "for name in 'cmdline meminfo stat uptime loadavg diskstats partitions modules self/mountinfo net/route'.split():\n"
        "    if attempt('', read, '/proc/' + name):\n"
        "        found.append(name)",
    ),
    Attack("looks at the machine's devices in /sys", "found += [name for name in listed('/sys') + listed('/sys/class/dmi/id')]"),
)  # fmt: skip
