"""Secrets of the process that started the sandbox: its environment, its memory, its user's keys."""

from __future__ import annotations

from .attack import Attack

ATTACKS = (
    Attack("reads its environment", "leak('environment', lambda: dict(os.environ))"),
    Attack("reads the environment of its parent", "leak('parent', read, f'/proc/{os.getppid()}/environ')"),
    Attack(
        "reads the environment as the kernel laid it out",
        "import ctypes\n"
        "block = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
        "while block[0]:\n"
        "    leak('block', lambda: block[0])\n"
        "    block = ctypes.cast(ctypes.addressof(block.contents) + 8, ctypes.POINTER(ctypes.c_char_p))",
    ),
    Attack(
        "searches the objects of its interpreter",
        "import gc\n"
        "for item in gc.get_objects():\n"
        "    if type(item) in (dict, list, tuple, set):\n"
        "        try: leak('object', lambda: repr(item).encode())\n"
        "        except Exception: pass\n"
        "    if found: break",
    ),
    Attack("passes its environment to a program", "leak('env', run, '/usr/bin/env')"),
    Attack(
        "reads the keys in a person's home",
        "import glob\n"
        "for home in ('/root', HOME, os.path.expanduser('~'), *glob.glob('/home/*')):\n"
        "    for name in ('.netrc', '.aws/credentials', '.ssh/id_rsa', '.config/gh/hosts.yml'):\n"
        "        leak(home, read, os.path.join(home, name))",
    ),
    Attack(
        "reads what tells this machine from others",
        "import hashlib\n"
        "for path, digest in KNOWN.items():\n"
        "    if hashlib.sha256(attempt('', read, path) or b'').hexdigest() == digest:\n"
        "        found.append(path)",
    ),
)  # fmt: skip
