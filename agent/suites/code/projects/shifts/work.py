"""Minutes at work."""

from . import settings
from .clock import to_minutes

DAY = 24 * 60


def present(start: str, end: str) -> int:
    """Minutes from start to end; an end before the start is on the next day."""
    return (to_minutes(end) - to_minutes(start)) % DAY


def worked(start: str, end: str) -> int:
    """Minutes present, less PAUSE_MINUTES where they are more than PAUSE_AFTER."""
    minutes = present(start, end)
    return minutes - settings.PAUSE_MINUTES if minutes > settings.PAUSE_AFTER else minutes
