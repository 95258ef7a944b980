"""One job a workspace at a time: practice and the offline job exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from . import AgentError


class JobConflict(AgentError, RuntimeError):
    """The workspace holds another job, or one that is running."""


@contextmanager
def only_job(workspace: Path) -> Iterator[None]:
    """Hold the workspace's job lock for the block. Raises JobConflict when another holds it."""
    workspace.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace / "job.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise JobConflict(
            f"a job is running in {workspace}; wait for it or give another --workspace"
        ) from error
    try:
        yield
    finally:
        lock.release()
