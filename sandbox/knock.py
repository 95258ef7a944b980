"""Runs first in Chromium's network namespace: opens its one listener, hands it out, is replaced.

Started as `/usr/bin/python3 -I -S knock.py PROGRAM ARGUMENTS…` inside bubblewrap; standard library
only. The listener belongs to the namespace, whoever accepts on it: see `door.py`.
"""

from __future__ import annotations

import os
import socket
import sys

KNOCK = "/knock"
"""The Unix socket at which the host waits."""
PORT = 8080
BACKLOG = 1024


def main() -> None:
    with socket.socket(socket.AF_UNIX) as host, socket.socket() as door:
        host.connect(KNOCK)
        door.bind(("0.0.0.0", PORT))
        door.listen(BACKLOG)
        socket.send_fds(host, [b"1"], [door.fileno()])
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
