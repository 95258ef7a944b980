"""Ways out by the network. Listeners are the host's part's own; other addresses get no packet."""

from __future__ import annotations

import os

from .attack import Attack

# To connect a datagram socket only looks up the way there: nothing is sent.
ROUTE = "reach('a way there', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(({!r}, {})))"
STREAM = """
def hear(family, address):
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
        return line.recv(100)
"""
ASK = r"""
def ask():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(2)
        head = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0)
        line.sendto(head + b"\x06secret\x04test\0" + struct.pack(">2H", 1, 1), ("127.0.0.1", UDP4))
        return line.recv(100)
"""
MACHINE_CODE = """
import ctypes, mmap
# socketcall(SYS_SOCKET, ...) as a 32-bit program makes it: mov eax, 102; mov ebx, 1; int 0x80; ret
code = bytes.fromhex("53b866000000bb01000000cd805bc3")
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
ctypes.CFUNCTYPE(ctypes.c_int)(address)()
found.append("the kernel took it")
"""

ATTACKS = (
    Attack(
        "connects over IPv4", STREAM + "leak('heard', hear, socket.AF_INET, ('127.0.0.1', TCP4))"
    ),
    Attack(
        "connects over IPv6", STREAM + "leak('heard', hear, socket.AF_INET6, ('::1', TCP6 or 1))"
    ),
    Attack(
        "connects to any address of the host",
        STREAM + "leak('heard', hear, socket.AF_INET, ('0.0.0.0', TCP4))",
    ),
    Attack("sends a datagram", ASK.replace("head + ", "") + "leak('answered', ask)"),
    Attack("asks a name server, with a secret as the name", ASK + "leak('answered', ask)"),
    Attack("finds a way to the metadata address", ROUTE.format("169.254.169.254", 80)),
    Attack("finds a way out of the machine", ROUTE.format("192.0.2.1", 443)),
    Attack(
        "connects to a socket in a folder", STREAM + "leak('heard', hear, socket.AF_UNIX, UNIX)"
    ),
    Attack(
        "connects to a socket without a path",
        STREAM + "leak('heard', hear, socket.AF_UNIX, ABSTRACT.encode('latin-1'))",
    ),
    Attack(
        "finds a daemon's socket",
        "for path in walk('/usr', '/proc', '/sys'):\n"
        "    mode = attempt('', os.stat, path)\n"
        "    if mode and stat.S_ISSOCK(mode.st_mode):\n"
        "        found.append(path)",
    ),
    Attack(
        "finds an inherited socket",
        "for fd in range(1024):\n"
        "    mode = attempt('', os.fstat, fd)\n"
        "    if mode and stat.S_ISSOCK(mode.st_mode):\n"
        "        found.append(fd)",
    ),
    Attack(
        "reads from an inherited socket",
        "for fd in range(3, 1024):\n    leak(fd, lambda: socket.socket(fileno=os.dup(fd)).recv(100, socket.MSG_DONTWAIT))",
    ),
    Attack(
        "asks the kernel for its network",
        "reach('netlink', socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    ),
    Attack(
        "makes raw packets",
        "reach('raw', socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
    ),
    Attack(
        "listens to all packets",
        "reach('packet', socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0x300)",
    ),
    Attack(
        "talks to the machine's own host",
        "reach('vsock', socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM)",
    ),
    Attack(
        "listens for others",
        "def listen():\n"
        "    line = socket.socket()\n"
        "    line.bind(('0.0.0.0', 0))\n"
        "    line.listen()\n"
        "reach('listening', listen)",
    ),
    Attack(
        "offers a socket without a path",
        "def offer():\n"
        "    line = socket.socket(socket.AF_UNIX)\n"
        "    line.bind(b'\\0journeyman-offer')\n"
        "    line.listen()\n"
        "reach('listening', offer)",
    ),
    Attack("makes a pair of sockets, to carry descriptors", "reach('made', socket.socketpair)"),
    Attack(
        "has a shell connect",
        "reach('connected', run, '/bin/bash', '-c', f'exec 3<>/dev/tcp/127.0.0.1/{TCP4}')",
    ),
    Attack(
        "fetches a page",
        "import urllib.request\nleak('page', lambda: urllib.request.urlopen(f'http://127.0.0.1:{TCP4}/', timeout=2).read())\n",
    ),
    Attack(
        "makes a network device",
        "import fcntl\nreach('made', lambda: fcntl.ioctl(os.open('/dev/net/tun', os.O_RDWR), 0x400454CA, struct.pack('16sH22x', b'', 0x1002)))",
        unproved="where only root may open /dev/net/tun",
    ),
    Attack(
        "lists the network's devices",
        "found += [line for line in (attempt('', read, '/proc/net/dev') or b'').decode().splitlines()[2:]]",
    ),
)
if os.uname().machine == "x86_64":
    ATTACKS += (Attack("calls the kernel as a 32-bit program", MACHINE_CODE, ended="SIGSYS"),)  # fmt: skip
