"""A container's walls, in the words of the engine's API.

Covered: no network, a read-only root without the host's files, one bounded folder to write in, no
rights, bounds on memory, processors, processes, files and open files, nothing of the host's
environment, no log. Not covered: what /proc tells of the machine beside the paths below, such as
mounts; flaws of the kernel and the engine; an engine configured to weaken what it is asked.
"""

from __future__ import annotations

from pathlib import Path

from . import image
from .base import Json, Limits
from .engine import LABEL, owner

BOOT = Path(__file__).with_name("boot.py")
PYTHON = ("/usr/bin/python3", "-I", "-S", "-B", "-X", "utf8")
OWN = {None: (32, 24), "runsc": (96, 400)}
"""Runtime -> megabytes and threads for what is not a run's: the runner, and the runtime itself.

The runner holds a run to its own number of processes; gVisor's kernel is a process with many.
"""
OPEN_FILES = 128
MOST_FILES = 8000
"""More than the runner allows; each costs kernel memory, which counts."""
PROC = """
    acpi asound buddyinfo bus cgroups cmdline config.gz consoles cpuinfo crypto devices
    diskstats dma driver dynamic_debug execdomains fb filesystems fs interrupts iomem ioports
    irq kallsyms kcore key-users keys kmsg kpagecgroup kpagecount kpageflags latency_stats
    loadavg locks mdstat meminfo misc modules mtrr pagetypeinfo partitions pressure sched_debug
    schedstat scsi slabinfo softirqs stat swaps sys sysrq-trigger sysvipc timer_list timer_stats
    tty uptime version vmallocinfo vmstat zoneinfo
""".split()
MASKED = ["/etc", "/dev/mqueue", *(f"/proc/{name}" for name in PROC)]
"""Empty inside; of /proc only the container's processes are left."""


def container(limits: Limits, user: int, runtime: str | None) -> dict[str, Json]:
    """The container, in the words of the engine's API."""
    own_mb, own_threads = OWN[runtime]
    memory = (limits.memory_mb + limits.file_mb + own_mb) << 20
    space = f"size={limits.file_mb << 20},nr_inodes={MOST_FILES},mode=0700,uid={user},gid={user}"
    host: dict[str, Json] = {
        "NetworkMode": "none",
        # Where gVisor does not hide /etc, it does not tell where the host asks for names.
        "Dns": ["127.0.0.1"],
        "DnsSearch": ["."],
        "IpcMode": "none",
        "CgroupnsMode": "private",
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,{space}", "/sys": "ro,noexec,size=4k"},
        "MaskedPaths": MASKED,
        "ReadonlyPaths": [],
        "CapDrop": ["ALL"],
        # The engine's own system call filter stays; boot.py puts ours inside it.
        "SecurityOpt": ["no-new-privileges"],
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": 10**9,
        "PidsLimit": limits.processes + own_threads,
        "Ulimits": [
            {"Name": name, "Soft": most, "Hard": most}
            for name, most in (
                ("core", 0),
                ("fsize", limits.file_mb << 20),
                ("nofile", OPEN_FILES),
                ("memlock", 0),
                ("msgqueue", 0),
            )
        ],
        # What the runner says is for this process, not for the engine's logs.
        "LogConfig": {"Type": "none"},
    }
    if runtime is not None:
        host["Runtime"] = runtime
    return {
        "Image": image.tag(),
        "Entrypoint": [*PYTHON, "-c", BOOT.read_text(encoding="utf-8")],
        "Cmd": [],
        "User": f"{user}:{user}",
        "WorkingDir": "/tmp",
        "Hostname": "sandbox",
        "Env": ["PATH=/usr/bin", "HOME=/tmp"],
        "Labels": {LABEL: owner()},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": host,
    }
