"""Wages of shifts such as {"start": "08:30", "end": "17:00", "day": "Sunday"}."""

from . import settings
from .work import worked


def wage(minutes: int, per_hour: int) -> int:
    """The wage of some minutes at a wage per hour; parts of a cent are dropped."""
    return minutes * per_hour // 60


def shift_wage(shift: dict[str, str], per_hour: int) -> int:
    """The wage of the minutes worked, SUNDAY_PERCENT more per hour on a Sunday."""
    extra = settings.SUNDAY_PERCENT if shift["day"] == "Sunday" else 0
    return wage(worked(shift["start"], shift["end"]), per_hour * (100 + extra) // 100)


def week_wage(shifts: list[dict[str, str]], per_hour: int) -> int:
    """The wages of all shifts together."""
    return sum(shift_wage(shift, per_hour) for shift in shifts)
