"""The real backends: what the conformance suite and the attacks run against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.container import Container
from journeyman.sandbox.landlock import Landlock
from journeyman.sandbox.worker import Launcher


@dataclass(frozen=True)
class Backend:
    """A launcher, and the attacks that are known to reach something there."""

    launcher: Launcher
    yields: Mapping[str, str] = field(default_factory=dict)
    """Attack -> why it is borne. The tests see that it still succeeds: no entry outlives its reason."""


OWN_PROC = {
    "reads what the kernel tells of the machine": "of /proc only a process's own part cannot be"
    " masked: its mounts name the engine's folders, its routes are none",
    "lists the network's devices": "/proc shows the loopback device of a network of its own",
}
BACKENDS = [
    pytest.param(Backend(Bubblewrap()), id="bubblewrap"),
    pytest.param(Backend(Landlock()), id="landlock"),
    pytest.param(Backend(Container(gvisor=False), OWN_PROC), id="docker", marks=pytest.mark.docker),
]
