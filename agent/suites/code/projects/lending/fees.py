"""What being late costs, in cents."""

from . import settings
from .periods import days_late, due_date


def fee(days: int) -> int:
    """FEE_PER_DAY for each day late, and never more than FEE_MOST."""
    return min(days * settings.FEE_PER_DAY, settings.FEE_MOST)


def fee_for(start: str, returned: str) -> int:
    """The fee of a loan by the day it began and the day it was returned."""
    return fee(days_late(due_date(start), returned))
