"""The system calls that code inside a sandbox may not make, as a BPF program the kernel reads.

A deny list on top of namespaces: what reaches far into the kernel, what opens new namespaces, what
looks into other processes or changes them, and what holds memory that no limit counts. Calls newer
than this list do not exist inside. Covered: x86_64 and aarch64. Not covered: other machines, which
are refused.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Collection, Mapping

from . import SandboxUnavailable

Numbers = tuple[int, int | None]
"""Of a call on x86_64 and on aarch64; None where the machine has no such call."""

DENIED: dict[str, Numbers] = {
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    # Namespaces and mounts.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # Large parts of the kernel that Python code has no need of.
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "vmsplice": (278, 75),
    "remap_file_pages": (216, 234),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # The machine itself.
    "syslog": (103, 116),
    "acct": (163, 89),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "iopl": (172, None),
    "ioperm": (173, None),
    "lookup_dcookie": (212, 18),
    # Memory outside every limit.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # The network, which the namespace has not got either.
    "socket": (41, 198),
    "socketpair": (53, 199),
}
SELF_ONLY: dict[str, Numbers] = {
    # The first argument names a process: only 0, the caller, is allowed. A limit of no processor
    # time set from outside ends a process as surely as a signal does.
    "prlimit64": (302, 261),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
BY_PATH: dict[str, Numbers] = {
    # Change a file's mode, owner, times or attributes by its path, which Landlock does not see.
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
}
CLONE = (56, 220)
CLONE3 = 435
FIRST_UNKNOWN = 451
NEW_NAMESPACES = 0x7E02_0000
"""The CLONE_NEW* flags of clone, but CLONE_NEWTIME, whose bit means a signal there."""
MACHINES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}
X32 = 0x4000_0000

LOAD, EQUAL, ABOVE, SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF_0000, 0x8000_0000, 0x0005_0001, 0x0005_0026
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16


def program(
    machine: str | None = None,
    denied: Mapping[str, Numbers] = DENIED,
    *,
    allowed: Collection[str] = (),
    namespaces: int = NEW_NAMESPACES,
    alone: bool = True,
) -> bytes:
    """The filter for this machine, as bwrap's --seccomp reads it.

    `allowed` are calls to be left out of the list, `namespaces` the flags of clone denied;
    with `alone` a process rules over no thread but its own. Raises
    `SandboxUnavailable` on a machine whose call numbers are not known.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        raise SandboxUnavailable(
            f"the sandbox's system call filter knows {' and '.join(MACHINES)}, not {machine}"
        )
    column, arch = MACHINES[machine]
    code = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        # The x32 calls, and those younger than this list.
        (ABOVE, 0, 1, X32),
        (RETURN, 0, 0, KILL),
        (ABOVE, 0, 1, FIRST_UNKNOWN),
        (RETURN, 0, 0, ENOSYS),
        # Flags of clone3 lie in memory, where no filter can look; libc falls back to clone.
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, ENOSYS),
    ]
    for name, numbers in denied.items():
        number = numbers[column]
        if number is not None and name not in allowed:
            code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, EPERM)]
    for numbers in SELF_ONLY.values() if alone else ():
        code += [
            (EQUAL, 0, 4, numbers[column] or 0),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (EQUAL, 0, 1, 0),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, EPERM),
        ]
    code += [
        (EQUAL, 0, 3, CLONE[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (SET, 0, 1, namespaces),
        (RETURN, 0, 0, EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in code)
