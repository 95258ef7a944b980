"""The lines between the host and the runner: JSON, one object a line, read as if an enemy wrote it.

To the runner:    {"id", "code", "command", "library", "limits"}   {"stop": id}
                  {"reply": n, "value"}   {"reply": n, "error", "over"}
                  {"file": n, "do", ...}, between runs; see `area.py`   {"anew": 1}, likewise
To the host:      {"ready": 1}   {"call": n, "primitive", "args"}   {"filed": n, "value", "error"}
                  {"done": id, "exit_code", "error", "output", "value", "called", "stopped"}

Covered: size, depth, type and keys of every line, text that cannot be encoded, order of the calls,
errors as one plain line.
Not covered: whether what code says about itself (`error`, `value`, `called`) is true.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from . import ProtocolError
from .base import Json, Limits

LINE = 256 * 1024
"""Bytes of the longest call, reply or value."""
CODE = 4 * 1024 * 1024
"""Bytes of the longest run request: the action and the whole library."""
DEPTH = 24
"""Deepest nesting of lists and objects."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The runner waits for its first run."""


@dataclass(frozen=True, slots=True)
class CallLine:
    """Code inside asks for a primitive."""

    number: int
    primitive: str
    args: dict[str, Json]


@dataclass(frozen=True, slots=True)
class DoneLine:
    """A run has ended and none of its processes is left."""

    exit_code: int
    error: str | None
    output: str
    value: Json
    called: tuple[str, ...]
    stopped: str | None
    """Why the runner ended it: `output`, `files`, `space`, `protocol` or `asked`; else None."""


@dataclass(frozen=True, slots=True)
class FiledLine:
    """The answer to a request about files."""

    value: Json
    error: str | None


def output_line(output_bytes: int) -> int:
    """Bytes of the longest done line: JSON may write one byte of output as six."""
    return LINE + 6 * output_bytes


def run_line(
    run: str,
    code: str,
    library: Mapping[str, str],
    limits: Limits,
    command: Sequence[str] = (),
) -> bytes:
    """Write a request to run code, or a command. Raises ValueError when it is too long."""
    message = {
        "id": run,
        "code": code,
        "command": list(command),
        "library": dict(library),
        "limits": asdict(limits),
    }
    line = _dump(message)
    if len(line) > CODE:
        raise ValueError(f"the action and the library are longer than {CODE} bytes together")
    return line


def reply_line(number: int, value: Json) -> bytes:
    """Write the answer to a call; one that is too long becomes an error the code can read."""
    line = _dump({"reply": number, "value": value})
    if len(line) > LINE:
        return error_line(number, "the page's answer is too long to be given", over=False)
    return line


def error_line(number: int, message: str, *, over: bool) -> bytes:
    """Write that a call failed; `over` ends the run quietly."""
    return _dump({"reply": number, "error": message[:2000], "over": over})


def stop_line(run: str) -> bytes:
    """Ask the runner to end a run now."""
    return _dump({"stop": run})


def file_line(number: int, do: str, **facts: Json) -> bytes:
    """Ask something of the files in the work area."""
    return _dump({"file": number, "do": do, **facts})


def anew_line() -> bytes:
    """Have the runner start from its beginning, as its own successor."""
    return _dump({"anew": 1})


def parse_filed(line: bytes, number: int) -> FiledLine:
    """Read the answer to request `number`. Raises `ProtocolError` on anything else."""
    if len(line) > 2 * LINE:
        raise ProtocolError("a line is too long")
    message = _load(line)
    _keys(message, {"filed", "value", "error"})
    if type(message["filed"]) is not int or message["filed"] != number:
        raise ProtocolError("the answer to another request came")
    error = message["error"]
    if error is not None and not isinstance(error, str):
        raise ProtocolError("an error must be a text")
    return FiledLine(message["value"], error[:500] if error is not None else None)


def parse(line: bytes, *, run: str, call: int, output_bytes: int) -> Ready | CallLine | DoneLine:
    """Read one line of the runner's. Raises `ProtocolError` on anything unexpected.

    `run` is the id in progress and `call` the only call number that may come next.
    """
    if len(line) > output_line(output_bytes):
        raise ProtocolError("a line is too long")
    message = _load(line)
    if "done" in message:
        return _done(message, run, output_bytes)
    if len(line) > LINE:
        raise ProtocolError("a call is too long")
    if "call" in message:
        return _call(message, call)
    if message == {"ready": 1}:
        return Ready()
    raise ProtocolError("a line is neither a call nor an end")


def _call(message: dict[str, Json], expected: int) -> CallLine:
    _keys(message, {"call", "primitive", "args"})
    number, primitive, args = message["call"], message["primitive"], message["args"]
    if type(number) is not int or number != expected:
        raise ProtocolError(f"call {expected} was due, not {number!a:.20}")
    if not isinstance(primitive, str) or len(primitive) > 100:
        raise ProtocolError("the primitive of a call must be a short text")
    if not isinstance(args, dict) or len(args) > 20:
        raise ProtocolError("the arguments of a call must be an object of at most 20 entries")
    return CallLine(number, primitive, args)


def _done(message: dict[str, Json], run: str, output_bytes: int) -> DoneLine:
    _keys(message, {"done", "exit_code", "error", "output", "value", "called", "stopped"})
    if message["done"] != run:
        raise ProtocolError("the end of another run came")
    code, error, output = message["exit_code"], message["error"], message["output"]
    if type(code) is not int or not -256 < code < 256:
        raise ProtocolError("an exit code must be a small number")
    if error is not None and not isinstance(error, str):
        raise ProtocolError("an error must be a text")
    # A byte that is no UTF-8 was replaced by a character of three.
    if not isinstance(output, str) or len(output.encode()) > 3 * output_bytes:
        raise ProtocolError("the output must be a text within its limit")
    called = message["called"]
    if (
        not isinstance(called, list)
        or len(called) > 1000
        or not all(isinstance(name, str) and len(name) <= 100 for name in called)
    ):
        raise ProtocolError("the called functions must be a list of short names")
    stopped = message["stopped"]
    if stopped not in (None, "output", "files", "space", "protocol", "asked"):
        raise ProtocolError("the reason of a stop is unknown")
    shown = _sentence(error) if error is not None else None
    return DoneLine(code, shown, output, message["value"], tuple(called), stopped)


def _sentence(text: str) -> str:
    """One line without control characters: it goes into prompts and onto terminals."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text[:4000])
    return " ".join(plain.split())[:2000]


def _keys(message: dict[str, Json], wanted: set[str]) -> None:
    if message.keys() != wanted:
        raise ProtocolError(f"a line must have exactly the keys {', '.join(sorted(wanted))}")


def _load(line: bytes) -> dict[str, Json]:
    try:
        message: Any = json.loads(line.decode(), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a line is not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("a line is not an object")
    _check(message)
    return message


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    """The number. 1e999 is JSON, yet read as infinity it could never be written again."""
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits[:20])


def _check(root: Json) -> None:
    """Refuse what is nested too deeply, and text that no file or database would take."""
    level: list[Json] = [root]
    for _ in range(DEPTH):
        below: list[Json] = []
        for item in level:
            if isinstance(item, str):
                _encodable(item)
            elif isinstance(item, dict):
                for key in item:
                    _encodable(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise ProtocolError(f"a line is nested more than {DEPTH} deep")


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("a text holds half a character") from error


def _dump(message: dict[str, Json]) -> bytes:
    # ASCII escapes carry what a page's text may hold, half characters included.
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"
