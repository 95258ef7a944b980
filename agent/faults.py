"""What a model's service refused, as our errors: one sentence each, with what to do."""

from __future__ import annotations

from typing import Any

from . import ContextTooLong, KeyMissing, ModelError, ModelMissing, ModelUnreachable


def missing_keys(litellm: Any, name: str) -> list[str]:
    """The variables that litellm misses for a model's key."""
    found = litellm.validate_environment(name)
    return [key for key in found["missing_keys"] if key.endswith("_KEY")]


def as_model_error(litellm: Any, name: str, error: BaseException) -> ModelError:
    """Turn what litellm raised into one sentence; our own errors, wrapped by it, come out again."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    kinds = litellm.exceptions
    unreachable = isinstance(error, (kinds.APIConnectionError, kinds.Timeout))
    too_long = isinstance(error, kinds.ContextWindowExceededError)
    status = getattr(error, "status_code", None)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ModelError):
            return inner
        # The service's own status: litellm goes by the words of the message and mistakes some.
        status = getattr(inner, "status_code", None) or status
        inner = inner.__cause__ or inner.__context__
    if too_long:
        return ContextTooLong(f"the prompt does not fit {name}: shorten it ({said})")
    if status in (401, 403):
        return KeyMissing(f"the service of {name} refused the key: set a valid one ({said})")
    if status == 404:
        return ModelMissing(f"the service does not know {name}: correct the name ({said})")
    if unreachable or status in (408, 409, 429) or (isinstance(status, int) and status >= 500):
        return ModelUnreachable(f"{name} does not answer: try again later ({said})")
    return ModelError(f"{name} refused the request: {said}")
