"""The command line. `main` is the program `journeyman`.

Whatever a person can get wrong ends in one sentence on standard error and status 2, without a
traceback; Ctrl-C ends with 130. Anything else is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ...memory import MemoryFault
from ...sandbox import SandboxError
from ...skills import SkillError
from .. import AgentError

BAD_INPUT = 2
INTERRUPTED = 130


class Refused(AgentError, ValueError):
    """What was asked on the command line cannot be done; the message says what to do instead."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    # Not in `typer` itself, and Click's own classes no longer match since typer carries a copy.
    from typer.exceptions import TyperException

    from .app import app

    try:
        status = app(args=argv, prog_name="journeyman", standalone_mode=False)
        if status == INTERRUPTED:  # typer makes this status of a KeyboardInterrupt
            raise KeyboardInterrupt
        return status if isinstance(status, int) else 0
    except (AgentError, MemoryFault, SandboxError, SkillError, TyperException) as error:
        message = str(error)
        if isinstance(error, TyperException):
            message = (
                f"{error.format_message().rstrip('.')}; `journeyman --help` says what there is"
            )
        return _say(message, BAD_INPUT)
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror}: make room or correct the path", BAD_INPUT)
    except KeyboardInterrupt:
        return _say("stopped; what was done is kept: run it again to go on", INTERRUPTED)


def _say(message: str, status: int) -> int:
    print(f"journeyman: {' '.join(message.split())}", file=sys.stderr)
    return status
