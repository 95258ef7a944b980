"""Acts: runs untrusted code where it can do no harm, and serves it a browser page as a capability.

SandboxError              anything this room raises
├── SandboxUnavailable    (also RuntimeError)    nothing here can isolate; says what to install
├── PrimitiveRefused      (also PermissionError) a call outside policy or manifest
├── PrimitiveFailed       (also RuntimeError)    a legal call that did not work on this page
├── EpisodeOver           (also RuntimeError)    the task has ended; nothing goes on
├── StateUnknown          (also RuntimeError)    files cannot be kept or brought back
├── ScriptExhausted       (also LookupError)     a scripted sandbox was asked for more than it has
└── ProtocolError         (also ValueError)      a line that is not a valid message
"""


class SandboxError(Exception):
    """Anything the sandbox room raises."""


class SandboxUnavailable(SandboxError, RuntimeError):
    """Nothing on this machine can isolate code; the message says what to install."""


class PrimitiveRefused(SandboxError, PermissionError):
    """The call is outside the policy or the skill's manifest."""


class PrimitiveFailed(SandboxError, RuntimeError):
    """The call is legal but did not work on this page; the message says why."""


class EpisodeOver(SandboxError, RuntimeError):
    """The task has ended: no further call is carried out."""


class ProtocolError(SandboxError, ValueError):
    """A line from the other side is not a valid message."""


class StateUnknown(SandboxError, RuntimeError):
    """A sandbox's files cannot be kept, or were not brought back, as they were."""


class ScriptExhausted(SandboxError, LookupError):
    """More was run than was scripted; the message names the code."""
