"""Parts of the kernel that code has no business with: mounts, namespaces, and much besides."""

from __future__ import annotations

from .attack import Attack

ROOT = "this needs the rights of the machine's own root"
NEW = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
       "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "time": 0x80}  # fmt: skip
RING = "ring = lambda: call('io_uring_setup', 4, room(120))\n"
LOADED = "struct.pack('IIQQ', 1, 2, ctypes.addressof(code), ctypes.addressof(words)) + bytes(96)"

MOUNTS = (
    Attack("mounts a file system", "reach('mounted', call, 'mount', b'none', os.getcwd().encode(), b'tmpfs', 0, 0)"),
    Attack("mounts a /proc of its own", "os.mkdir('p')\nreach('mounted', call, 'mount', b'proc', b'p', b'proc', 0, 0)"),
    Attack("binds a folder elsewhere", "os.mkdir('p')\nreach('bound', call, 'mount', b'/usr', b'p', 0, 0x1000, 0)"),
    Attack("makes the system writable", "reach('remounted', call, 'mount', 0, b'/', 0, 0x1020, 0)"),
    Attack("takes a mount away", "attempt('', call, 'mount', b'none', os.getcwd().encode(), b'tmpfs', 0, 0)\nreach('gone', call, 'umount2', os.getcwd().encode(), 2)"),
    Attack("takes another root", "os.mkdir('p')\nattempt('', call, 'mount', b'none', b'p', b'tmpfs', 0, 0)\nos.mkdir('p/old')\nreach('another', call, 'pivot_root', b'p', b'p/old')"),
    Attack("leaves its root by another root", "os.mkdir('p')\nreach('another', call, 'chroot', b'p')"),
    Attack("opens a file system", "reach('opened', call, 'fsopen', b'tmpfs', 0)"),
    Attack("copies a tree of mounts", "reach('copied', call, 'open_tree', -100, b'/', 0x8001)"),
    Attack("moves a mount", "os.mkdir('p')\nreach('moved', lambda: call('move_mount', call('open_tree', -100, b'/usr', 0x8001), b'', -100, b'p', 4))"),
    Attack("changes a mount", "reach('changed', call, 'mount_setattr', -100, b'/', 0, struct.pack('4Q', 2, 0, 0, 0), 32)"),
    Attack("opens a file by its number on the disk", "handle = room(200)\nstruct.pack_into('I', handle, 0, 128)\nmount = room(4)\nreach('numbered', call, 'name_to_handle_at', -100, b'/usr/bin', handle, mount, 0)"),
    Attack("has a program mount", "os.mkdir('p')\nreach('mounted', run, '/bin/mount', '-t', 'tmpfs', 'none', 'p')"),
)  # fmt: skip

NAMESPACES = (
    *(Attack(f"leaves for a new {name} namespace", f"reach('new', call, 'unshare', {bit})") for name, bit in NEW.items()),
    Attack("starts a process in a user namespace", "pid = attempt('', call, 'clone', 0x10000011, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nif pid: found.append('started')"),
    Attack("starts a process in a user namespace, by the newer call", "pid = attempt('', call, 'clone3', struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)\nif pid == 0: os._exit(0)\nif pid: found.append('started')"),
    Attack("enters a namespace of the host's process", "for name in 'net mnt ipc uts cgroup pid'.split():\n    reach(name, lambda: call('setns', os.open(f'/proc/{VICTIM}/ns/{name}', os.O_RDONLY), 0))"),
    Attack("enters the namespaces of the first process", "for name in 'net ipc uts'.split():\n    reach(name, lambda: call('setns', os.open(f'/proc/1/ns/{name}', os.O_RDONLY), 0))"),
    Attack("enters the namespaces of a process by a descriptor", "reach('entered', lambda: call('setns', call('pidfd_open', 1, 0), 0x40000000))"),
    Attack("has a program make a namespace", "reach('made', run, '/usr/bin/unshare', '--net', '/bin/true')"),
)  # fmt: skip

PARTS = (
    Attack("rings the kernel's bell", RING + "reach('a ring', ring)"),
    Attack("connects by a ring, past the filter", RING + "fd = attempt('', ring)\nif fd: found.append('a ring')"),
    Attack("has the kernel read and write for it", "reach('a context', call, 'io_setup', 4, room(8))"),
    Attack("loads a program into the kernel", "import ctypes\ncode = room(bytes.fromhex('b700000000000000' '9500000000000000').__len__())\nctypes.memmove(code, bytes.fromhex('b7000000000000009500000000000000'), 16)\nwords = room(4)\nctypes.memmove(words, b'GPL', 4)\nreach('loaded', call, 'bpf', 5, " + LOADED + ", 120)", unproved=ROOT),
    Attack("keeps a key in the kernel", "reach('kept', call, 'add_key', b'user', b'journeyman-test', b'x', 1, -3)"),
    Attack("looks for keys in the kernel", "reach('keyring', call, 'keyctl', 0, -3, 1)"),
    Attack("asks for a key", "attempt('', call, 'add_key', b'user', b'journeyman-test', b'x', 1, -3)\nreach('got', call, 'request_key', b'user', b'journeyman-test', 0, 0)"),
    Attack("counts events of the processor", "event = room(128)\nstruct.pack_into('IIQ', event, 0, 1, 128, 0)\nstruct.pack_into('Q', event, 40, 0x60)\nreach('counted', call, 'perf_event_open', event, 0, -1, -1, 0)", unproved=ROOT),
    Attack("handles its own page faults", "reach('handled', call, 'userfaultfd', 1)"),
    Attack("watches all files", "reach('watched', call, 'fanotify_init', 0x200, 0)"),
    Attack("turns off the shuffling of addresses", "reach('off', call, 'personality', 0x40000)"),
    Attack("splices its memory into a pipe", "import ctypes\nout, told = os.pipe()\nheld = room(64)\nreach('spliced', call, 'vmsplice', told, struct.pack('QQ', ctypes.addressof(held), 64), 1, 0)"),
    Attack("binds its memory to a node", "reach('bound', call, 'set_mempolicy', 1, struct.pack('Q', 1), 64)"),
    Attack("runs a program that is no file", "fd = attempt('', call, 'memfd_create', b'x', 0)\nif fd is not None:\n    os.write(fd, open('/bin/true', 'rb').read())\n    reach('ran', run, f'/proc/self/fd/{fd}')\n    reach('made', os.fstat, fd)"),
    Attack("keeps secret memory", "reach('kept', call, 'memfd_secret', 0)", unproved="the kernel has it off unless asked for at boot"),
    Attack("takes what is free of the machine's clock", "reach('set', call, 'clock_settime', 0, struct.pack('2q', 2_000_000_000, 0))\nreach('set', call, 'settimeofday', struct.pack('2q', 2_000_000_000, 0), 0)", unproved=ROOT),
    Attack("bends the machine's clock", "data = room(256)\nstruct.pack_into('I', data, 0, 0x4000)\nstruct.pack_into('q', data, 88, 10_000)\nreach('bent', call, 'adjtimex', data)", unproved=ROOT),
    Attack("renames the machine", "reach('renamed', call, 'sethostname', b'x', 1)"),
    Attack("renames the machine's domain", "reach('renamed', call, 'setdomainname', b'x', 1)"),
    Attack("reads the kernel's log", "reach('read', call, 'syslog', 3, room(4096), 4096)", unproved=ROOT),
    Attack("loads a module", "reach('loaded', call, 'init_module', room(64), 64, b'')", unproved=ROOT),
    Attack("unloads a module", "reach('unloaded', call, 'delete_module', b'journeyman_none', 0x800)", unproved=ROOT),
    Attack("loads another kernel", "reach('loaded', call, 'kexec_load', 0, 0, 0, 0)", unproved=ROOT),
    Attack("swaps to a file", "open('swap', 'wb').write(bytes(4096))\nreach('swapped', call, 'swapon', b'swap', 0)", unproved=ROOT),
    Attack("keeps account of all processes", "open('acct', 'w').close()\nreach('kept', call, 'acct', b'acct')", unproved=ROOT),
    Attack("calls what the kernel may learn yet", "CALLS['future'] = 600\nreach('called', call, 'future', 0)", unproved="there is no such call"),
)  # fmt: skip

ATTACKS = (*MOUNTS, *NAMESPACES, *PARTS)
