"""Says in one sentence, inside the sandbox, what went wrong with code. Standard library only."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from . import primitives
else:
    import primitives

ACTION = "the action"

Message = dict[str, Any]


def sentence(error: BaseException, sources: dict[str, str], limits: Message) -> str:
    """Say what went wrong and at which line of the code, for a model or a person."""
    where, number, trace = None, 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in sources:
            where, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename in sources:
        where, number = error.filename, error.lineno or 1
        text = f"not valid Python ({type(error).__name__}): {error.msg}"
    else:
        try:
            detail = str(error).strip().splitlines()
        except Exception:
            detail = []
        text = f"{type(error).__name__}: {detail[0][:300]}" if detail else type(error).__name__
    if where is not None:
        lines = sources[where].splitlines()
        line = lines[number - 1].strip()[:160] if 0 < number <= len(lines) else ""
        text += f", at line {number}" + (f" of the skill {where}" if where != ACTION else "")
        text += f": {line}" if line else ""
    hint = _hint(error, limits, sources.get(where or ACTION, ""))
    return f"{text} ({hint})" if hint else text


def _hint(error: BaseException, limits: Message, source: str) -> str:
    if isinstance(error, MemoryError):
        return f"the action used more than {limits['memory_mb']} MB"
    if isinstance(error, NameError):
        # What imports modules is a program on files; the page functions would lead it astray.
        if any(line.startswith(("import ", "from ")) for line in source.splitlines()):
            return "it is neither defined nor imported"
        return f"the page functions are {', '.join(primitives.PRIMITIVES)}"
    if isinstance(error, FileNotFoundError):
        return "none of the machine's own files are in the sandbox"
    hints = {
        errno.EPERM: "the sandbox has no network and gives no rights",
        errno.EACCES: "the sandbox gives no rights",
        errno.EROFS: "only /tmp can be written",
        errno.EAGAIN: f"an action may run at most {limits['processes']} processes",
        errno.ENOSPC: f"an action may keep at most {limits['file_mb']} MB of files",
        errno.EFBIG: f"an action may keep at most {limits['file_mb']} MB of files",
    }
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return hints[errno.EAGAIN]
    return hints.get(error.errno or 0, "") if isinstance(error, OSError) else ""
