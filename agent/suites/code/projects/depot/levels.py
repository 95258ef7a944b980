"""Changing and comparing levels."""

from . import settings
from .names import clean


def receive(levels: dict[str, int], name: str, units: int) -> dict[str, int]:
    """The levels after some units of a thing came in, under its clean name."""
    known = clean(name)
    return {**levels, known: levels.get(known, 0) + units}


def running_low(levels: dict[str, int]) -> list[str]:
    """The names of what there are fewer than LEAST_UNITS of, sorted."""
    return sorted(name for name, units in levels.items() if units < settings.LEAST_UNITS)


def missing(levels: dict[str, int], wanted: dict[str, int]) -> dict[str, int]:
    """The units that levels lack of what is wanted, for each name that lacks any."""
    lacking = {name: units - levels.get(name, 0) for name, units in wanted.items()}
    return {name: units for name, units in lacking.items() if units > 0}
