"""What the process of one run does inside: modules `page` and `library`, then the code.

Standard library only; bound into the sandbox beside `runner.py`, which forks this process. All of
it shares its interpreter with the code, so nothing here guards anything: what is reported about a
run may be forged by that run.
"""

from __future__ import annotations

import _thread
import ast
import contextlib
import functools
import json
import os
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import faults, primitives
else:
    import faults
    import primitives

LINE = 256 * 1024
VALUE = 64 * 1024
ACTION = faults.ACTION

Message = dict[str, Any]


class PageError(Exception):
    """A page function did not work; the message says why."""


class Lines:
    """Whole lines from a file descriptor."""

    def __init__(self, fd: int, longest: int) -> None:
        self.fd, self._longest, self._held = fd, longest, bytearray()

    def read(self) -> list[bytes] | None:
        """The lines that one read completes; None at the end. Raises ValueError at a long one."""
        data = os.read(self.fd, 65536)
        if not data:
            return None
        self._held += data
        if len(self._held) > self._longest:
            raise ValueError("a line is too long")
        if b"\n" not in data:
            return []
        *lines, self._held = self._held.split(b"\n")
        return [bytes(line) for line in lines]


def write(fd: int, message: Message) -> None:
    """Write one message as a line."""
    write_all(fd, json.dumps(message, separators=(",", ":")).encode() + b"\n")


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, however often the pipe is full."""
    while data:
        data = data[os.write(fd, data) :]


class Channel:
    """This process's end of its line to the runner."""

    def __init__(self, to_runner: int, from_runner: int) -> None:
        self.called: list[str] = []
        self._out, self._in = to_runner, Lines(from_runner, LINE)
        self._number, self._lock, self._owner = 0, _thread.allocate_lock(), os.getpid()

    def call(self, primitive: str, args: Message) -> Any:
        """Have the host carry out a primitive. Raises `PageError`; may end the process."""
        if os.getpid() != self._owner:
            raise PageError("the page can be used only by the process that runs the action")
        with self._lock:
            self._number += 1
            write(self._out, {"call": self._number, "primitive": primitive, "args": args})
            lines: list[bytes] | None = []
            while not lines:
                lines = self._in.read()
                if lines is None:
                    os._exit(1)
        reply = json.loads(lines[0])
        if reply.get("over"):
            # No `finally` and no other thread of the code's goes on after the task has ended.
            self.end({"exit_code": 0, "error": None, "value": None})
        if "error" in reply:
            raise PageError(reply["error"])
        return reply["value"]

    def end(self, report: Message) -> NoReturn:
        """Report how the run went, and leave at once."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        if os.getpid() == self._owner:
            write(self._out, {"end": 1, "called": self.called, **report})
        os._exit(0)


class Page(types.ModuleType):
    """Module `page`: one function for each primitive."""

    def __init__(self, send: Callable[[str, Message], Any]) -> None:
        super().__init__("page")
        self.functions: dict[str, Any] = {"PageError": PageError}
        for name, entry in primitives.PRIMITIVES.items():
            self.functions[name] = _function(send, name, entry.doc)
        self.__dict__.update(self.functions)
        self.__all__ = list(self.functions)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise PageError(f"page has no {name!r}; it has {', '.join(primitives.PRIMITIVES)}")


def _function(send: Callable[[str, Message], Any], name: str, doc: str) -> Callable[..., Any]:
    names = primitives.signature(name)

    def function(*positional: Any, **keywords: Any) -> Any:
        if len(positional) > len(names):
            raise PageError(
                f"{name} takes {len(names)} arguments without a keyword"
                + (f": {', '.join(names)}" if names else "")
            )
        args = dict(zip(names, positional, strict=False))
        for key, value in keywords.items():
            if key in args:
                raise PageError(f"{name} got {key} twice")
            args[key] = value
        wrong = primitives.problem(name, args)
        if wrong is not None:
            raise PageError(wrong)
        return send(name, {key: _clean(value) for key, value in args.items()})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _clean(value: Any) -> Any:
    # Half a surrogate pair cannot be written as UTF-8, and the host refuses it.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class Library(types.ModuleType):
    """Module `library`: each skill's function, compiled when it is first asked for."""

    def __init__(self, sources: dict[str, str], called: list[str]) -> None:
        super().__init__("library")
        self.__all__ = list(sources)
        self._sources = sources
        self._called = called

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._sources:
            known = ", ".join(self._sources) or "nothing yet"
            raise ImportError(f"library has no {name!r}; it has {known}")
        scope: dict[str, Any] = {"__name__": name}
        exec(compile(self._sources[name], name, "exec"), scope)
        function = scope.get(name)
        if not callable(function):
            raise ImportError(f"the skill {name} defines no function {name}")

        @functools.wraps(function)
        def credited(*args: Any, **keywords: Any) -> Any:
            if name not in self._called:
                self._called.append(name)
            return function(*args, **keywords)

        setattr(self, name, credited)
        return credited


def execute(request: Message, channel: Channel) -> NoReturn:
    """Run the request's code and report. The value is that of a last line that is an expression."""
    page = Page(channel.call)
    library: dict[str, str] = request["library"]
    sys.modules.update(page=page, library=Library(library, channel.called))
    scope: dict[str, Any] = {"__name__": "__main__", **page.functions}
    value = None
    try:
        tree = ast.parse(request["code"], ACTION)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, ACTION, "exec"), scope)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), ACTION, "eval"), scope)
    except SystemExit as leave:
        if leave.code not in (None, 0):
            code = leave.code if isinstance(leave.code, int) and 0 < leave.code < 256 else 1
            error = _clean(f"the action ended itself with exit({leave.code!r})"[:300])
            channel.end({"exit_code": code, "error": error, "value": None})
    except BaseException as error:
        sources = {**library, ACTION: request["code"]}
        shown = _clean(faults.sentence(error, sources, request["limits"]))
        channel.end({"exit_code": 1, "error": shown, "value": None})
    channel.end({"exit_code": 0, "error": None, "value": value if _is_json(value) else None})


def _is_json(value: Any) -> bool:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return len(text.encode()) <= VALUE and _depth(value) <= 20
    except (TypeError, ValueError, RecursionError):
        return False


def _depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, items), default=0) if isinstance(value, dict | list | tuple) else 0
