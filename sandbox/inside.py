"""What the process of one run does inside: modules `page` and `library`, then the code.

Standard library only; bound into the sandbox beside `runner.py`, which forks this process. All of
it shares its interpreter with the code, so nothing here guards anything: what is reported about a
run may be forged by that run.
"""

from __future__ import annotations

import _thread
import ast
import binascii
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
CODE = 5 * 1024 * 1024
VALUE = 64 * 1024
UPLOAD = 128 * 1024
"""Bytes of a file that a page may be given: it crosses to the host in one line."""
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


def dump(message: Message) -> bytes:
    """The message as a line. Raises ValueError or RecursionError for what cannot be one."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def write(fd: int, message: Message) -> None:
    """Write one message as a line."""
    write_all(fd, dump(message))


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, however often the pipe is full."""
    while data:
        data = data[os.write(fd, data) :]


class Channel:
    """This process's end of its line to the runner."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self._number, self._lock = 0, _thread.allocate_lock()

    def open(self, to_runner: int, from_runner: int) -> tuple[Message, int]:
        """Take the process's pipes, and wait there for its request and the runner's number."""
        self._out, self._in, self._owner = to_runner, Lines(from_runner, CODE), os.getpid()
        number, _, line = self._hear().partition(b" ")
        return json.loads(line), int(number)

    def call(self, primitive: str, args: Message) -> Any:
        """Have the host carry out a primitive. Raises `PageError`; may end the process."""
        if os.getpid() != self._owner:
            raise PageError("the page can be used only by the process that runs the action")
        with self._lock:
            self._number += 1
            write(self._out, {"call": self._number, "primitive": primitive, "args": args})
            reply = json.loads(self._hear())
        if reply.get("over"):
            # No `finally` and no other thread of the code's goes on after the task has ended.
            self.end({"exit_code": 0, "error": None, "value": None})
        if "error" in reply:
            raise PageError(reply["error"])
        return reply["value"]

    def _hear(self) -> bytes:
        lines: list[bytes] | None = []
        while not lines:
            lines = self._in.read()
            if lines is None:
                os._exit(1)
        return lines[0]

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
        if isinstance(args.get("file"), str):
            args[primitives.CONTENT] = _content(args["file"])
        wrong = primitives.problem(name, args)
        if wrong is not None:
            raise PageError(wrong)
        return send(name, {key: _clean(value) for key, value in args.items()})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _content(file: str) -> str:
    """A file of the work area, as it crosses to the host."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(UPLOAD + 1)
    except (OSError, ValueError) as error:
        raise PageError(f"the file {file!r} cannot be read: {error}") from error
    if len(data) > UPLOAD:
        raise PageError(f"the file {file!r} is larger than {UPLOAD} bytes, the most for an upload")
    return binascii.b2a_base64(data, newline=False).decode()


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


def become_program(command: list[str], channel: Channel) -> NoReturn:
    """Turn this process into a program of the system, found on the path."""
    try:
        os.execvp(command[0], command)
    except (OSError, ValueError) as error:
        why = f"{command[0][:100]} cannot be run: {getattr(error, 'strerror', None) or error}"
        channel.end({"exit_code": 127, "error": _clean(why), "value": None})


def execute(request: Message, channel: Channel, page: Page) -> NoReturn:
    """Run the request's code and report. The value is that of a last line that is an expression."""
    # Modules among the files can be imported; those of the system come first.
    sys.path.append(os.getcwd())
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
