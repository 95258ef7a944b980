"""Chooses what isolates: what was asked for, or the strongest there is; never something weaker.

`auto` is bubblewrap where it works, else Docker. Landlock has to be asked for by its name. Whatever
is chosen has been started and has passed the canary; what fails it is not used, and what was asked
for by name has no stand-in.
"""

from __future__ import annotations

from typing import get_args

from . import SandboxUnavailable
from .base import Backend, Limits, no_page
from .bubblewrap import Bubblewrap
from .container import Container
from .landlock import Landlock
from .worker import Launcher, Worker

BY_ITSELF: tuple[Backend, ...] = ("bubblewrap", "docker")
"""What `auto` tries, the first that works."""

_chosen: dict[tuple[Backend, Limits], Launcher] = {}
"""What was found to work in this process; a failure is looked into again."""


def launcher_of(backend: Backend) -> Launcher:
    """The launcher of one backend."""
    if backend == "bubblewrap":
        return Bubblewrap()
    if backend == "landlock":
        return Landlock()
    if backend == "docker":
        return Container()
    raise ValueError(f"{backend} is no one backend: use one of {', '.join(get_args(Backend)[1:])}")


async def choose(backend: Backend = "auto", limits: Limits | None = None) -> Launcher:
    """What to start sandboxes with. Raises `SandboxUnavailable` with what to install.

    Costs one start, once a process.
    """
    limits = limits or Limits()
    key = (backend, limits)
    if key not in _chosen:
        _chosen[key] = await first_that_works(candidates(backend), limits)
    return _chosen[key]


def candidates(backend: Backend) -> tuple[Backend, ...]:
    """What may serve for a backend, in order."""
    return BY_ITSELF if backend == "auto" else (backend,)


async def first_that_works(backends: tuple[Backend, ...], limits: Limits) -> Launcher:
    """Start each until one passes its canary. Raises `SandboxUnavailable` with all reasons."""
    reasons = []
    for backend in backends:
        try:
            launcher = launcher_of(backend)
            await try_out(launcher, limits)
            return launcher
        except SandboxUnavailable as reason:
            reasons.append(f"{backend}: {reason}")
    raise SandboxUnavailable(
        f"no code is run where nothing isolates it: {'; '.join(reasons)}."
        " `journeyman sandbox doctor` tells what there is"
    )


async def try_out(launcher: Launcher, limits: Limits) -> None:
    """Start a sandbox and have its canary fail to get out. Raises `SandboxUnavailable`."""
    worker = Worker(launcher, limits)
    try:
        await worker.run("", serve=no_page)
    finally:
        await worker.close()
