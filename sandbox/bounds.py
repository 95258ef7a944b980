"""What the code of one run may do with its page. Whatever is beyond is refused at the call.

The run is the unit: code inside shares its interpreter with all it imports, so which of them makes
a call can be forged, and is never asked. Whoever wants a program held to less gives it a run of its
own. Not covered: what it does with the calls it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .policy import origin_of
from .secrets import PLACEHOLDER

DataClass = Literal["public", "personal", "secret"]
DATA: tuple[DataClass, ...] = ("public", "personal", "secret")
"""What may be handled, each with those before it: what a page shows to anyone who looks; what its
fields hold (`value`); secrets, typed by their placeholders."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a run may do. By default whatever the policy of its page allows."""

    primitives: tuple[str, ...] | None = None
    """The calls it may make; None for all."""
    origins: tuple[str, ...] | None = None
    """Where its page may be meanwhile, such as `https://shop.example`; None for anywhere."""
    data: DataClass = "secret"

    def refuse(self, primitive: str, args: dict[str, object], url: str) -> str | None:
        """Say why a call on a page of this address is beyond these bounds, or None."""
        if self.primitives is not None and primitive not in self.primitives:
            have = ", ".join(sorted(self.primitives)) or "none"
            return f"{primitive} is not in the manifest, which has {have}"
        for place in (url, str(args["url"])) if primitive == "open_url" else (url,):
            if not self._within(place):
                where = ", ".join(self.origins or ()) or "nowhere"
                return f"{primitive} at {place[:80]} is beyond the manifest, which names {where}"
        needed = handled(primitive, args)
        if DATA.index(needed) > DATA.index(self.data):
            return f"{primitive} handles {needed} data and the manifest allows {self.data}"
        return None

    def __and__(self, other: Bounds) -> Bounds:
        """What both allow."""
        return Bounds(
            _common(self.primitives, other.primitives),
            _common(self.origins, other.origins),
            min(self.data, other.data, key=DATA.index),
        )

    def _within(self, url: str) -> bool:
        if self.origins is None:
            return True
        here = origin_of(url)
        return here is not None and here in map(origin_of, self.origins)


EVERYTHING = Bounds()


def handled(primitive: str, args: dict[str, object]) -> DataClass:
    """The class of data that one call handles."""
    if PLACEHOLDER.search(str(args.get("text", ""))):
        return "secret"
    return "personal" if primitive == "value" else "public"


def _common(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return one if other is None else other
    return tuple(item for item in one if item in other)
