"""Packs of PACK_SIZE units."""

from . import settings
from .levels import missing


def packs(units: int) -> int:
    """How many packs hold some units; the last may be part full."""
    return -(-units // settings.PACK_SIZE)


def packs_to_order(levels: dict[str, int], wanted: dict[str, int]) -> dict[str, int]:
    """The packs to order for each name of which levels lack units that are wanted."""
    return {name: packs(units) for name, units in missing(levels, wanted).items()}
