"""A sandbox that runs nothing: it gives what it was told to give. For tests and dry runs."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from . import EpisodeOver, PrimitiveFailed, PrimitiveRefused, ScriptExhausted
from .base import Export, File, Json, Limits, Result, Serve, Snapshot, no_page
from .entries import digest_of, entries_of, folders_of, refuse_path

Reply = Result | Callable[[str, Serve], Awaitable[Result]]
"""What a run gives: a result, or a coroutine function of the code and `serve`."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run that was asked for."""

    code: str
    library: dict[str, str]
    limits: Limits


class ScriptedSandbox:
    """Gives the scripted replies in order and remembers what was asked."""

    def __init__(self, replies: Iterable[Reply] = ()) -> None:
        self._replies = iter(tuple(replies))
        self.ran: list[Ran] = []
        self.closed = False
        self.losses = 0
        self._files: dict[str, File] = {}

    async def run(
        self,
        code: str,
        *,
        serve: Serve,
        library: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Give the next reply. Raises `ScriptExhausted` when none is left."""
        limits = limits or Limits()
        self.ran.append(Ran(code, dict(library or {}), limits))
        reply = next(self._replies, None)
        if reply is None:
            raise ScriptExhausted(f"no scripted result is left for the code: {code[:200]}")
        if isinstance(reply, Result):
            return reply
        calls = 0

        async def counted(primitive: str, args: dict[str, Json]) -> Json:
            nonlocal calls
            calls += 1
            if calls > limits.calls:
                raise _TooMany
            return await serve(primitive, args)

        try:
            return await reply(code, counted)
        except _TooMany:
            error = f"the action made more than {limits.calls} page calls and was stopped"
            return Result(1, error=error)
        except (PrimitiveFailed, PrimitiveRefused) as error:
            return Result(1, error=f"PageError: {error}")
        except EpisodeOver:
            return Result(0)

    async def execute(self, command: Sequence[str], *, limits: Limits | None = None) -> Result:
        """Give the next reply, as for code that is the command's words."""
        return await self.run(shlex.join(command), serve=no_page, limits=limits)

    async def put(self, files: Mapping[str, bytes | File]) -> None:
        """Keep files; nothing reads them but `export`."""
        for path in files:
            wrong = refuse_path(path)
            if wrong is not None:
                raise ValueError(f"{path[:100]!r} cannot be put into the sandbox: {wrong}")
        kept = {path: f if isinstance(f, File) else File(f) for path, f in files.items()}
        self._files = {**self._files, **kept}

    async def export(self) -> Export:
        """The files that were put."""
        return Export(self._files, {})

    async def snapshot(self) -> Snapshot:
        """Keep the files as they are."""
        blank = Snapshot(self._files, frozenset(folders_of(self._files)), {}, "")
        return replace(blank, digest=digest_of(entries_of(blank)))

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring the files back."""
        self._files = dict(snapshot.files)

    async def close(self) -> None:
        """Nothing runs, so nothing ends."""
        self.closed = True


class _TooMany(Exception):
    """The scripted reply made more calls than the limits allow."""
