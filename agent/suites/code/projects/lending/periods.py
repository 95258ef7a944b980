"""How long a loan lasts, and how late it is."""

from datetime import date, timedelta

from . import settings


def due_date(start: str) -> str:
    """The day a loan is due that began on a day: LOAN_DAYS later."""
    return str(date.fromisoformat(start) + timedelta(days=settings.LOAN_DAYS))


def days_late(due: str, returned: str) -> int:
    """Days from the day it was due to the day it was returned; 0 when it was in time."""
    return max(0, (date.fromisoformat(returned) - date.fromisoformat(due)).days)
