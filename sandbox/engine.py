"""A container engine, spoken with through the Docker SDK; every call blocks. The SDK's only home.

Covered: no SDK, no engine, an engine that refuses this user, a missing image, a refused container:
a sentence each; containers of processes that have died are removed. Not covered: engines behind TLS
or ssh, whose connection no event loop can take over.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import SandboxUnavailable
from .base import Json

ADDRESS = "unix:///var/run/docker.sock"
LABEL = "journeyman.owner"
BUILD = "journeyman sandbox build"
USERS = range(60_000, 65_000)
"""Users of containers, one each: the kernel counts processes by user, over all containers."""
SECONDS, END_SECONDS = 60.0, 5.0
KILLED = 137


class Engine:
    """One connection to the engine that `DOCKER_HOST` names, or this machine's."""

    def __init__(self) -> None:
        try:
            import docker
        except ImportError as error:
            raise SandboxUnavailable(
                "containers need the Docker SDK: pip install 'journeyman[docker]'"
            ) from error
        self._errors = docker.errors
        self.address = os.environ.get("DOCKER_HOST") or ADDRESS
        kind = self.address.partition("://")[0]
        if kind not in ("unix", "tcp", "http") or os.environ.get("DOCKER_TLS_VERIFY"):
            raise SandboxUnavailable(
                f"the sandbox speaks with a container engine at unix:// or tcp:// without TLS, and"
                f" DOCKER_HOST is {self.address}: name such a one"
            )
        try:
            self._api: Any = docker.APIClient(self.address, timeout=SECONDS)
        except (docker.errors.DockerException, ValueError) as error:
            raise SandboxUnavailable(self._unreached(error)) from error
        self.pipes: socket.socket | None = None
        """A container's streams; close it, or hand it to a loop that does."""
        self._container: str | None = None

    def has_runtime(self, name: str) -> bool:
        """Whether the engine can start containers with this runtime."""
        return name in self._do(self._api.info)["Runtimes"]

    def require(self, image: str) -> None:
        """Raises `SandboxUnavailable` where the engine does not hold this image."""
        self._do(lambda: self._api.inspect_image(image))

    def import_image(self, archive: Path, name: str, tag: str, changes: list[str]) -> None:
        """Make an image of an archive of its files."""
        said = self._do(
            lambda: self._api.import_image_from_file(
                str(archive), repository=name, tag=tag, changes=changes
            )
        )
        if '"error"' in said:
            said = " ".join(said.split())
            raise SandboxUnavailable(f"the container engine cannot import the image ({said})")

    def launch(self, config: Callable[[int], dict[str, Json]]) -> None:
        """Start a container of what `config` makes of its user; `pipes` then is its socket."""
        self._sweep()
        self._create(config)
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = self._do(lambda: self._api.attach_socket(self._container, streams))
        # Nothing has been sent yet, so nothing waits in the buffers of the SDK's own stream.
        self.pipes = socket.socket(fileno=os.dup(attached.fileno()))
        attached.close()
        self._do(lambda: self._api.start(self._container))

    def ended_for_memory(self) -> bool:
        """Wait until the container has ended, and say whether the kernel did it for its memory."""
        try:
            self._api.wait(self._container, timeout=END_SECONDS)
            state = self._api.inspect_container(self._container)["State"]
        except (self._errors.DockerException, OSError):
            return False
        # An engine may forget to say so; nothing inside can kill a container's first process.
        return bool(state["OOMKilled"]) or state["ExitCode"] == KILLED

    def close(self) -> None:
        """Kill the container, if there is one, and return when it is gone."""
        try:
            if self._container is not None:
                self._remove(self._container)
        finally:
            self._api.close()

    def _create(self, config: Callable[[int], dict[str, Json]]) -> None:
        for user in USERS:
            try:
                made = self._api.create_container_from_config(config(user), f"journeyman-{user}")
            except self._errors.APIError as error:
                if error.status_code == 409:  # the name is taken, and so is the user
                    continue
                raise SandboxUnavailable(self._said(error)) from error
            self._container = str(made["Id"])
            if made.get("Warnings"):
                # It says so where it does not keep a limit that was asked for.
                raise SandboxUnavailable(
                    f"the container engine cannot hold a sandbox ({'; '.join(made['Warnings'])}):"
                    " let it use this machine's control groups, or use bubblewrap"
                )
            return
        raise SandboxUnavailable(f"the container engine holds {len(USERS)} sandboxes: close some")

    def _remove(self, container: str) -> None:
        try:
            self._api.remove_container(container, v=True, force=True)
        except self._errors.APIError as error:
            # Gone, or being removed by another.
            if error.status_code not in (404, 409):
                raise SandboxUnavailable(self._said(error)) from error
        except OSError as error:
            raise SandboxUnavailable(self._unreached(error)) from error

    def _sweep(self) -> None:
        """Remove the containers of processes of this machine that have died without doing so."""
        found = self._do(lambda: self._api.containers(all=True, filters={"label": LABEL}))
        for container in found:
            if _gone(container["Labels"][LABEL]):
                self._remove(container["Id"])

    def _do(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except self._errors.DockerException as error:
            raise SandboxUnavailable(self._said(error)) from error
        except OSError as error:
            raise SandboxUnavailable(self._unreached(error)) from error

    def _said(self, error: Exception) -> str:
        """What the engine said, and what to do."""
        if isinstance(error, self._errors.ImageNotFound):
            return (
                f"the container engine lacks the sandbox's image, or has an older one: run {BUILD}"
            )
        if isinstance(error, self._errors.APIError):
            said = " ".join(str(error.explanation or error).split())
            return f"the container engine refuses the sandbox ({said})"
        return self._unreached(error)

    def _unreached(self, error: BaseException) -> str:
        """Why nothing answers at the address."""
        reason = _cause(error)
        if isinstance(reason, PermissionError):
            return (
                f"the container engine at {self.address} does not admit this user: sudo usermod"
                " -aG docker $USER, then log in anew"
            )
        return (
            f"no container engine answers at {self.address} ({reason}): apt-get install docker.io"
            " and start it, or install bubblewrap, which needs none"
        )


def owner() -> str:
    """This process, as another one on its machine can tell whether it still lives."""
    return " ".join((*_here(), str(os.getpid()), _begun(os.getpid()) or "?"))


def _gone(label: str) -> bool:
    """Whether the process that this label tells of ran on this machine and does so no more."""
    *here, process, begun = label.split()
    if here != _here():
        return False
    now = _begun(int(process))
    if now is not None:
        return now != begun
    try:
        # Where /proc does not show what others run.
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _here() -> list[str]:
    """This machine since its start, and the namespace whose numbers processes have."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return [boot.strip(), os.readlink("/proc/self/ns/pid")]


def _begun(process: int) -> str | None:
    """When a process was started, in ticks of the machine's clock."""
    try:
        stat = Path("/proc", str(process), "stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _cause(error: BaseException) -> BaseException:
    """The system's own error under those of the libraries."""
    while not (isinstance(error, OSError) and error.errno):
        inner = [part for part in error.args if isinstance(part, BaseException)]
        below = inner[0] if inner else error.__cause__ or error.__context__
        if below is None:
            break
        error = below
    return error
