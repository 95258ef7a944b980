"""More than a run may have: processes, memory, descriptors, files, space, output and time.

Each is bounded in itself, so that it ends where nothing bounds it, and says then what it had.
"""

from __future__ import annotations

from dataclasses import replace

from journeyman.sandbox.base import Capability
from journeyman.sandbox.conformance import SMALL

from .attack import Attack

SHORT = replace(SMALL, seconds=1.0)
SPACE = "(at most|more than) 4 MB"
COUNT = "at most 8 processes"
MEMORY = "more than 128 MB"
TIME = "longer than 1 s"
PRINTED = "printed more than 10000 bytes"
FILES = "too many|at most 4 MB"
UNTIL = "end = time.monotonic() + 2.5\n"
HEARTBEAT = """
def beat():
    while True:
        with open('beat', 'a') as file:
            file.write('x')
        time.sleep(0.01)
"""
LISTEN = """
def size():
    return os.path.getsize('beat') if os.path.exists('beat') else 0
before = size()
time.sleep(0.3)
if size() != before:
    found.append('it still beats')
"""
FAMILY = """
born = []
for _ in range(5):
    born.append(os.fork())
    if born[-1] == 0: break
"""
COUNTED = """
time.sleep(1.5)
if born[-1] == 0:
    time.sleep(9)
if all(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in born):
    found.append('360 MB')
"""

PROCESSES = (
    Attack("forks without end", "for _ in range(200):\n    if os.fork() == 0:\n        time.sleep(30)\nfound.append('200 processes')", ended=COUNT),
    Attack("starts threads without end", "import threading\nfor _ in range(200):\n    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\nfound.append('200 threads')", ended=COUNT),
    Attack("starts programs without end", "for _ in range(200):\n    os.posix_spawn('/bin/sleep', ['sleep', '30'], {})\nfound.append('200 programs')", ended=COUNT),
    Attack(
        "forks from every fork",
        "main = os.getpid()\n"
        "out, told = os.pipe()\n"
        "for _ in range(7):\n"
        "    try: os.fork()\n"
        "    except OSError: pass\n"
        "os.write(told, b'x')\n"
        "time.sleep(0.5)\n"
        "if os.getpid() != main: os._exit(0)\n"
        "count = len(os.read(out, 999))\n"
        "if count > 16: found.append(f'{count} processes')",
    ),
    Attack(
        "forks away from its parents",
        "out, told = os.pipe()\n"
        "os.write(told, b'x')\n"
        "for _ in range(100):\n"
        "    try:\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            try:\n"
        "                if os.fork() == 0:\n"
        "                    os.write(told, b'x')\n"
        "                    time.sleep(30)\n"
        "            finally: os._exit(0)\n"
        "    except OSError: pass\n"
        "time.sleep(0.3)\n"
        "count = len(os.read(out, 999))\n"
        "if count > 16: found.append(f'{count} processes')",
    ),
    Attack("leaves ended processes behind", "for _ in range(200):\n    if os.fork() == 0:\n        os._exit(0)\nfound.append('200 not waited for')", ended=COUNT),
)  # fmt: skip

ROOM = (
    Attack("takes memory", "held = []\nfor _ in range(300):\n    held.append(bytearray(b'x') * (1 << 20))\nfound.append('300 MB')", ended=MEMORY),
    Attack(
        "takes memory in many processes",
        FAMILY + "held = bytearray(b'x') * (60 << 20)\n" + COUNTED,
        ended=MEMORY,
    ),
    Attack(
        "takes memory shared by many processes",
        FAMILY + "import mmap\nheld = mmap.mmap(-1, 60 << 20)\nheld.write(b'x' * (60 << 20))\n" + COUNTED,
        ended=MEMORY,
    ),
    Attack("maps more memory than it uses", "import mmap\nheld = [mmap.mmap(-1, 50 << 20) for _ in range(20)]\nfound.append('1 GB')", ended="Cannot allocate memory"),
    Attack("opens files without end", "held = [open('/dev/null') for _ in range(500)]\nfound.append('500 files')", ended="Too many open files"),
    Attack("opens pipes without end", "held = [os.pipe() for _ in range(250)]\nfound.append('500 ends')", ended="Too many open files"),
    Attack("holds memory outside its processes, in pages of a file of its own", "fd = attempt('', call, 'memfd_create', b'x', 0)\nreach('2 MB', lambda: os.write(fd if fd is not None else -1, bytes(2 << 20)))"),
    Attack("holds memory outside its processes, in a shared segment", "reach('a segment', call, 'shmget', 0, 64 << 20, 0o1600)"),
    Attack("holds memory outside its processes, in a message queue", "reach('a queue', call, 'msgget', 0, 0o1600)"),
    Attack("holds memory outside its processes, in semaphores", "reach('semaphores', call, 'semget', 0, 200, 0o1600)"),
    Attack("holds memory outside its processes, in a named queue", "reach('a queue', call, 'mq_open', b'x', 0o102, 0o600, 0)"),
    Attack(
        "holds memory outside its processes, in the attributes of files",
        "for n in range(400):\n"
        "    open(f'a{n}', 'w').close()\n"
        "    os.setxattr(f'a{n}', 'user.x', b'x' * 60_000)\n"
        "found.append('24 MB')",
        ended=f"{FILES}|not supported",
    ),
)  # fmt: skip

SPACES = (
    Attack("writes one large file", "with open('f', 'wb') as file:\n    for _ in range(64): file.write(bytes(1 << 20))\nfound.append('64 MB')", ended=SPACE),
    Attack("writes many files", "for n in range(64):\n    open(f'f{n}', 'wb').write(bytes(1 << 20))\nfound.append('64 MB')", ended=SPACE),
    Attack("writes files that have no name", "held = [open('f', 'wb', 0)]\nfor n in range(48):\n    os.unlink('f')\n    held.append(open('f', 'wb', 0))\n    held[-1].write(bytes(1 << 20))\nfound.append('48 MB')", ended=SPACE, needs=Capability.BOUNDS_SPACE),
    Attack("makes a file of a terabyte with nothing in it", "file = open('f', 'wb')\nos.truncate(file.fileno(), 1 << 40)\nfound.append('1 TB')", ended=SPACE),
    Attack("reserves space", "file = open('f', 'wb')\nos.posix_fallocate(file.fileno(), 0, 64 << 20)\nfound.append('64 MB')", ended=SPACE),
    Attack("seeks far and writes", "file = open('f', 'wb')\nfile.seek(1 << 40)\nfile.write(b'x')\nfile.close()\nfound.append('1 TB')", ended=SPACE),
    Attack("maps a file larger than it may be", "import mmap\nos.truncate(os.open('f', os.O_RDWR | os.O_CREAT), 64 << 20)\nfound.append('64 MB')", ended=SPACE),
    Attack(
        "fills another folder",
        "for folder, _, _ in os.walk('/'):\n"
        "    if not folder.startswith(('/usr', '/proc', '/sys', os.getcwd(), '/tmp')):\n"
        "        reach(folder, os.mknod, os.path.join(folder, 'filled'))",
    ),
    Attack("makes files without end", "for n in range(40_000): open(f'f{n}', 'w').close()\nfound.append('40000 files')", ended=FILES),
    Attack("makes folders without end", "for n in range(40_000): os.mkdir(f'f{n}')\nfound.append('40000 folders')", ended=FILES),
    Attack("makes links without end", "for n in range(40_000): os.symlink('x', f'f{n}')\nfound.append('40000 links')", ended=FILES),
    Attack("makes names without end", "open('f', 'w').close()\nfor n in range(40_000): os.link('f', f'f{n}')\nfound.append('40000 names')", ended=FILES),
    Attack("makes a folder in a folder without end", "for n in range(20_000):\n    os.mkdir('d')\n    os.chdir('d')\nfound.append('20000 deep')", ended=FILES),
    Attack("makes pipes in its folder without end", "for n in range(40_000): os.mkfifo(f'f{n}')\nfound.append('40000 pipes')", ended=FILES),
)  # fmt: skip

OUTPUT = (
    Attack("prints without end", "for _ in range(20_000): print('x' * 99)\nfound.append('2 MB')", ended=PRINTED),
    Attack("prints one line without end", "for _ in range(200): print('x' * 9999, end='')\nfound.append('2 MB')", ended=PRINTED),
    Attack("writes errors without end", "for _ in range(200): os.write(2, b'x' * 9999)\nfound.append('2 MB')", ended=PRINTED),
    Attack("prints bytes that are no text", "for _ in range(20): os.write(1, bytes(range(256)) * 400)\nfound.append('2 MB')", ended=PRINTED),
    Attack("has programs print without end", "subprocess.run(['/bin/sh', '-c', 'yes | head -c 2000000'], timeout=9, check=True)\nfound.append('2 MB')", ended=PRINTED),
    Attack("has a process print after its own end", HEARTBEAT + "if os.fork() == 0:\n    while True:\n        open('beat', 'a').write('x')\n        attempt('', os.write, 1, b'x')\ntime.sleep(0.05)", later=LISTEN),
)  # fmt: skip

TIMES = (
    Attack("runs without end", UNTIL + "while time.monotonic() < end: pass\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("sleeps", UNTIL + "time.sleep(2.5)\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("computes where no signal interrupts", UNTIL + "while time.monotonic() < end: sum(range(50_000_000))\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("matches a pattern without end", UNTIL + "while time.monotonic() < end: re.match('(x+x+)+y', 'x' * 24)\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack(
        "ignores every signal",
        UNTIL + "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "while time.monotonic() < end: time.sleep(0.1)\nfound.append('2.5 s')",
        ended=TIME,
        limits=SHORT,
    ),
    Attack("goes on after it is told to leave", UNTIL + "while time.monotonic() < end:\n    try: time.sleep(2.5)\n    except BaseException: pass\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("stops itself", "main = os.getpid()\nif os.fork() == 0:\n    time.sleep(2.5)\n    os.kill(main, signal.SIGCONT)\n    os._exit(0)\nos.kill(main, signal.SIGSTOP)\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("waits for a pipe that no one writes", "os.mkfifo('p')\nif os.fork() == 0:\n    time.sleep(2.5)\n    os.open('p', os.O_WRONLY)\n    os._exit(0)\nos.open('p', os.O_RDONLY)\nfound.append('2.5 s')", ended=TIME, limits=SHORT),
    Attack("goes on in a process of its own", HEARTBEAT + "if os.fork() == 0: beat()\ntime.sleep(0.1)", later=LISTEN),
    Attack("goes on in a session of its own", HEARTBEAT + "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: beat()\n    os._exit(0)\ntime.sleep(0.2)", later=LISTEN),
    Attack("goes on without hearing signals", HEARTBEAT + "if os.fork() == 0:\n    for number in signal.valid_signals() - {9, 19}: signal.signal(number, signal.SIG_IGN)\n    beat()\ntime.sleep(0.1)", later=LISTEN),
    Attack("goes on as a program", "os.posix_spawn('/bin/sh', ['sh', '-c', 'while :; do echo x >> beat; sleep 0.01; done'], os.environ)\ntime.sleep(0.1)", later=LISTEN),
    Attack(
        "goes on by forking faster than it is killed",
        "if os.fork() == 0:\n"
        "    while True:\n"
        "        if os.fork(): os._exit(0)\n"
        "        with open('beat', 'a') as file: file.write('x')\n"
        "time.sleep(0.2)",
        later=LISTEN,
    ),
    Attack(
        "goes on as the parent of what it left",
        HEARTBEAT + "attempt('', call, 'prctl', 36, 1, 0, 0, 0)\n"
        "if os.fork() == 0:\n    if os.fork() == 0: beat()\n    os._exit(0)\nos.wait()\ntime.sleep(0.1)",
        later=LISTEN,
    ),
)  # fmt: skip

ATTACKS = (*PROCESSES, *ROOM, *SPACES, *OUTPUT, *TIMES)
