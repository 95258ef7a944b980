"""Files of the host: read, changed, replaced, by every path that could lead there."""

from __future__ import annotations

from .attack import Attack

DEVICES = "making a device needs the rights of the machine's own root"

ATTACKS = (
    Attack("reads a host file by its whole path", "leak('read', read, FILE)"),
    Attack("climbs to a host file with dots", "leak('read', read, '../' * 30 + FILE[1:])"),
    Attack("climbs above the root", "leak('read', read, '/../../..' + FILE)"),
    Attack("follows a link of its own to a host file", "attempt('', os.symlink, FILE, 'link')\nleak('read', read, 'link')"),
    Attack("follows a link of its own to the root", "attempt('', os.symlink, '/', 'root')\nleak('read', read, 'root' + FILE)"),
    Attack("links a host file into its own folder", "attempt('', os.link, FILE, 'hard')\nleak('read', read, 'hard')"),
    Attack("goes through its own root in /proc", "leak('read', read, '/proc/self/root' + FILE)"),
    Attack("goes through the first process's root in /proc", "leak('read', read, '/proc/1/root' + FILE)"),
    Attack(
        "goes through the folder of any process in /proc",
        "for pid in pids():\n    leak(f'read by {pid}', read, f'/proc/{pid}/cwd/../../..' + FILE)",
    ),
    Attack(
        "looks into open files of any process in /proc",
        "for pid in pids():\n"
        "    for fd in listed(f'/proc/{pid}/fd'):\n"
        "        leak(f'descriptor {fd} of {pid}', read, f'/proc/{pid}/fd/{fd}')",
    ),
    Attack(
        "opens a host file from an inherited folder",
        "for fd in range(1024):\n"
        "    leak(f'from {fd}', lambda: os.pread(os.open(FILE[1:], os.O_RDONLY, dir_fd=fd), 99, 0))",
    ),
    Attack(
        "climbs from an inherited folder",
        "for fd in range(1024):\n"
        "    leak(f'from {fd}', lambda: os.pread(os.open('../' * 9 + FILE[1:], 0, dir_fd=fd), 99, 0))",
    ),
    Attack(
        "reads an inherited file",
        "for fd in range(1024):\n    leak(f'descriptor {fd}', os.pread, fd, 99, 0)",
    ),
    Attack(
        "finds an inherited folder or device",
        "for fd in range(1024):\n"
        "    mode = attempt('', os.fstat, fd)\n"
        "    if mode and (stat.S_ISDIR(mode.st_mode) or stat.S_ISBLK(mode.st_mode)):\n"
        "        found.append(f'descriptor {fd}')",
    ),
    Attack("writes over a host file", "reach('written', write, FILE)"),
    Attack("empties a host file", "reach('emptied', os.truncate, FILE, 0)"),
    Attack("removes a host file", "reach('removed', os.unlink, FILE)"),
    Attack("puts a file of its own in a host file's place", "open('mine', 'w').close()\nreach('replaced', os.rename, 'mine', FILE)"),
    Attack("makes a file in a host folder", "reach('made', os.mknod, FOLDER + '/new')"),
    Attack("makes a folder in a host folder", "reach('made', os.mkdir, FOLDER + '/folder')"),
    Attack("makes a link in a host folder", "reach('made', os.symlink, '/', FOLDER + '/link')"),
    Attack("changes the rights of a host file", "reach('changed', os.chmod, FILE, 0o4777)"),
    Attack("changes the times of a host file", "reach('changed', os.utime, FILE, (1, 1))"),
    Attack("reads the host's shared memory as a file", "leak('read', read, SHARED)"),
    Attack("lists the host's shared memory", "if os.path.basename(FOLDER) in listed('/dev/shm'):\n    found.append('seen')"),
    Attack(
        "searches all files for a secret",
        "for path in walk('/usr', '/proc', '/sys', '/dev'):\n"
        "    if attempt('', os.path.isfile, path):\n"
        "        leak(path, read, path)",
    ),
    Attack(
        "searches what the administrator has installed",
        "for path in ('/usr/local', '/usr/src', '/opt', '/srv', '/mnt', '/media', '/boot'):\n"
        "    found += [name for _, _, names in os.walk(path) for name in names]",
    ),
    Attack(
        "writes to the system",
        "for place in '/ /usr /usr/bin /usr/lib /usr/lib/python3 /bin /lib /dev /etc /var /root'.split():\n"
        "    reach(place, os.mknod, place + '/planted')",
    ),
    Attack(
        "plants a library for every program",
        "attempt('', os.mkdir, '/etc')\n"
        "reach('planted', lambda: open('/etc/ld.so.preload', 'w').write('/tmp/planted.so'))",
    ),
    Attack(
        "changes the runner's program",
        "import importlib.util\n"
        "path = getattr(sys.modules.get('inside'), '__file__', RUNNER)\n"
        "reach('written', write, path)\n"
        "reach('opened up', os.chmod, path, 0o777)\n"
        "reach('replaced', os.rename, path, path + '.old')\n"
        "reach('removed', os.unlink, path)",
    ),
    Attack(
        "makes a device of the machine's disk",
        "for kind in (stat.S_IFBLK, stat.S_IFCHR):\n"
        "    for number in (os.makedev(8, 0), os.makedev(1, 1), os.makedev(254, 0)):\n"
        "        reach('made', os.mknod, f'device{kind}{number}', kind | 0o666, number)",
        unproved=DEVICES,
    ),
    Attack(
        "opens a device of the machine",
        "harmless = 'null zero full random urandom tty ptmx console stdin'.split()\n"
        "for folder, _, names in os.walk('/dev'):\n"
        "    for name in set(names) - set(harmless):\n"
        "        path = os.path.join(folder, name)\n"
        "        mode = attempt('', os.stat, path)\n"
        "        if mode and (stat.S_ISBLK(mode.st_mode) or stat.S_ISCHR(mode.st_mode)):\n"
        "            if not folder.endswith('pts'):\n"
        "                reach(path, lambda: os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK)))",
    ),
)  # fmt: skip
