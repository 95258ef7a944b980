"""A sandbox that runs nothing: it gives what it was told to give. For tests and dry runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from . import EpisodeOver, PrimitiveFailed, PrimitiveRefused, SandboxError
from .base import Json, Limits, Result, Serve

Reply = Result | Callable[[str, Serve], Awaitable[Result]]
"""What a run gives: a result, or a coroutine function of the code and `serve`."""


class ScriptExhausted(SandboxError, LookupError):
    """More was run than was scripted; the message names the code."""


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

    async def close(self) -> None:
        """Nothing runs, so nothing ends."""
        self.closed = True


class _TooMany(Exception):
    """The scripted reply made more calls than the limits allow."""
