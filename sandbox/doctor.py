"""Finds out what isolates what on this machine, by trying it, and tells it in words.

Covered: every backend is started and its canary sent out; what the machine offers, and what to
do where it does not. Not covered: how strong the kernel and the engine themselves are.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import SandboxUnavailable, canary, cgroup, chromium, confine, landlock, seccomp
from .base import Backend, Limits
from .bubblewrap import NOBODY, drop_root
from .choice import launcher_of
from .quietly import quietly
from .worker import Worker

BACKENDS: tuple[Backend, ...] = ("bubblewrap", "docker", "landlock")
WHAT = ("files", "network", "processes", "memory", "system calls")
BY: Mapping[str, Mapping[str, str]] = {
    "bubblewrap": {
        "files": "a mount namespace: the system, read-only, and nothing else of the host",
        "network": "a network namespace with nothing in it",
        "processes": "a pid namespace; a limit for its user",
        "system calls": "a seccomp filter; no rights",
    },
    "docker": {
        "files": "an image of its own, read-only",
        "network": "a network namespace with nothing in it",
        "processes": "a pid namespace; a control group",
        "memory": "a control group",
        "system calls": "the engine's seccomp filter and ours; no rights",
    },
    "landlock": {
        "files": "Landlock rules: those of the host are refused, but can be seen to exist",
        "network": "Landlock rules, and the seccomp filter",
        "processes": "Landlock's scope for signals; a user of its own where root starts it",
        "system calls": "a seccomp filter; no rights",
    },
}
"""What holds what, where a backend works; `memory` is added where this machine decides."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One backend on this machine."""

    backend: Backend
    refusal: str = ""
    """Why it does not work, and what to do; empty where it works."""
    by: Mapping[str, str] = field(default_factory=dict)
    """What holds each of `WHAT`."""
    report: canary.Report | None = None

    @property
    def works(self) -> bool:
        return not self.refusal


@dataclass(frozen=True, slots=True)
class Fact:
    """Something this machine offers, or not, in words."""

    what: str
    said: str


async def examine(backend: Backend, limits: Limits) -> Finding:
    """Start a backend and try to get out of it."""
    try:
        launcher = launcher_of(backend)
        worker = Worker(launcher, limits)
        try:
            report = await canary.look(worker, launcher.capabilities)
        finally:
            await worker.close()
    except SandboxUnavailable as error:
        return Finding(backend, str(error))
    return Finding(backend, by={"memory": _memory(), **BY[backend]}, report=report)


async def machine(executable: str | None = None) -> tuple[Fact, ...]:
    """What this machine offers to sandboxes. `executable` is the browser of the settings."""
    return (
        Fact("control groups", _groups()),
        Fact("user namespaces", await _user_namespaces()),
        Fact("seccomp", _seccomp()),
        Fact("Landlock", _landlock()),
        Fact("Chromium", await _chromium(executable)),
    )


def _memory() -> str:
    place = cgroup.find()
    if place is not None:
        return f"a control group (version {place.version})"
    return "a limit for each process; the sum is looked at 20 times a second"


def _groups() -> str:
    place = cgroup.find()
    if place is not None:
        return f"version {place.version}: one for each sandbox, in {place.parents[0]}"
    known = {mount.version for mount in cgroup.mounts(Path("/proc/self/mountinfo").read_text())}
    if not known:
        return "none are mounted here: memory is looked at instead"
    versions = " and ".join(map(str, sorted(known)))
    return (
        f"version {versions}, but this user may make none: memory is looked at instead. Where"
        " systemd runs: systemd-run --user --scope -p Delegate=yes journeyman ..."
    )


async def _user_namespaces() -> str:
    if shutil.which("unshare") is None:
        return "not tried: apt-get install util-linux"
    try:
        command = [*drop_root(NOBODY), "unshare", "--user", "true"]
    except SandboxUnavailable as error:
        return f"not tried: {error}"
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode == 0:
        return "can be made without rights"
    reason = said.decode(errors="replace").strip().splitlines()
    return (
        f"are refused ({reason[-1] if reason else 'no reason given'}): sysctl"
        " kernel.unprivileged_userns_clone=1, on Ubuntu"
        " kernel.apparmor_restrict_unprivileged_userns=0; inside a container, use docker outside"
    )


def _seccomp() -> str:
    if not Path("/proc/sys/kernel/seccomp").is_dir():
        return "this kernel has no filters for system calls: nothing can isolate here"
    try:
        size = len(seccomp.program()) // 8
    except SandboxUnavailable as error:
        return str(error)
    return f"filters work; ours has {size} instructions for {platform.machine()}"


def _landlock() -> str:
    abi = confine.abi()
    try:
        landlock.refuse_kernel(abi)
    except SandboxUnavailable as error:
        return str(error)
    return f"version {abi}; {landlock.LEAST_ABI} is needed"


async def _chromium(executable: str | None) -> str:
    try:
        playwright = await chromium.driver()
    except SandboxUnavailable as error:
        return str(error)
    try:
        running = await chromium.start(playwright, executable, headless=True)
        await running.close()
        return f"pages are behind {running.walls}"
    except SandboxUnavailable as error:
        return str(error)
    finally:
        await quietly(playwright.stop())
