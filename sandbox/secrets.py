"""Secrets: values that code and models name and never see.

A secret stands in code, prompts and records as its placeholder, `<secret:shop-password>`. Its value
leaves this process only into a field of a page of its own domains; `hide` puts the placeholder back
wherever text comes from a page or a person.

`hide` covers the value in capitals or not, its characters as an address, HTML, JSON or Python
writes them, folded white space, invisible characters in between, hexadecimal, and base64 from seven
bytes on, also inside longer base64. Not covered: parts of it (a text cut short, a box for each
digit), hashes, other encodings. A page that is given a secret could show it in a form of its own:
its domains are trusted with it. Code can try guesses, as many as a run may make calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from . import PrimitiveRefused
from .base import Element, Json, View
from .policy import PORTS, Origin, is_near, origin_of
from .spellings import spellings

PLACEHOLDER = re.compile(r"<secret:([a-z0-9]+(?:-[a-z0-9]+)*)>")
"""How a secret is named; it means the same in Python, JSON, a grammar and a goal."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 60
SHORTEST, LONGEST = 4, 1000
"""Characters of a value. A shorter one would be hidden in half of all texts."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value with its name and where it may be typed. Raises ValueError, never with the value."""

    name: str
    value: str = field(repr=False)
    domains: tuple[str, ...]
    """`shop.example`, `*.shop.example` (its subdomains), each over https and with a `:port` of its
    own if it has one; `http://` before a name that only this machine or network knows."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise ValueError(
                f"a secret's name has 1 to {LONGEST_NAME} characters of a-z, 0-9 and single"
                f" hyphens inside, not {self.name!r}"
            )
        if not SHORTEST <= len(self.value) <= LONGEST or not self.value.isprintable():
            raise ValueError(
                f"the value of the secret {self.name} must be one printable line of {SHORTEST} to"
                f" {LONGEST} characters"
            )
        if not self.domains:
            raise ValueError(f"the secret {self.name} names no domain: say where it may be typed")
        for entry in self.domains:
            _place(entry)

    @property
    def placeholder(self) -> str:
        return f"<secret:{self.name}>"

    def refuse(self, url: str) -> str | None:
        """Say why it may not be typed on a page of this address, or None."""
        here = origin_of(url)
        if here is not None and any(_holds(_place(entry), here) for entry in self.domains):
            return None
        where = url[:80] if here is None else f"{here[0]}://{here[1]}:{here[2]}"
        return f"{self.placeholder} is typed on {', '.join(self.domains)} only, not on {where}"


class Secrets:
    """The secrets of one agent: which may be typed where, and their way out of every text."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._held = {secret.name: secret for secret in secrets}
        # The longest first, so that one that holds another is hidden whole.
        ordered = sorted(self._held.values(), key=lambda secret: -len(secret.value))
        self._ordered = [secret.placeholder for secret in ordered]
        groups = [f"({'|'.join(spellings(secret.value))})" for secret in ordered]
        # Our placeholders are passed over: a value may stand in the name of another secret.
        own = f"({'|'.join(map(re.escape, self._ordered))})"
        self._pattern = re.compile("|".join((own, *groups)), re.IGNORECASE)

    def __iter__(self) -> Iterator[Secret]:
        return iter(self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._held)})"

    def placeholders(self, url: str) -> list[str]:
        """Those that may be typed on a page of this address."""
        return [secret.placeholder for secret in self if secret.refuse(url) is None]

    def named(self, text: str) -> Secret | None:
        """The secret that a text to be typed stands for. Raises `PrimitiveRefused` if unknown."""
        found = PLACEHOLDER.search(text)
        if found is None:
            return None
        secret = self._held.get(found[1])
        if secret is None:
            known = ", ".join(item.placeholder for item in self) or "none at all"
            raise PrimitiveRefused(f"there is no secret {found[0]}; there is {known}")
        if found[0] != text:
            raise PrimitiveRefused(f"{found[0]} is typed alone, with no other text around it")
        return secret

    def hide(self, text: str) -> str:
        """The text with every value replaced by its placeholder."""
        return self._pattern.sub(self._shown, text) if self._held else text

    def shows(self, text: str) -> bool:
        """Whether a text holds the value of a secret."""
        return self.hide(text) != text

    def hide_json(self, value: Json) -> Json:
        """The same for every text in a JSON value, keys too."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list | tuple):
            return [self.hide_json(item) for item in value]
        if isinstance(value, dict):
            return {self.hide(key): self.hide_json(item) for key, item in value.items()}
        return value

    def hide_view(self, view: View) -> View:
        """What is seen of a page, without them."""
        if not self._held:
            return view
        elements = tuple(map(self._hide_element, view.elements))
        url, title, text = map(self.hide, (view.url, view.title, view.text))
        return View(url, title, elements, text)

    def _hide_element(self, element: Element) -> Element:
        return replace(
            element,
            name=self.hide(element.name),
            value=self.hide(element.value),
            kind=self.hide(element.kind),
            options=tuple(map(self.hide, element.options)),
            row=tuple(map(self.hide, element.row)),
        )

    def _shown(self, found: re.Match[str]) -> str:
        # Group 1 is a placeholder; those of the values follow.
        number = found.lastindex or 1
        return found[0] if number == 1 else self._ordered[number - 2]


NO_SECRETS = Secrets()


def _place(entry: str) -> tuple[Origin, bool]:
    """An entry of `domains` as an origin, and whether its subdomains are meant."""
    scheme, mark, rest = entry.rpartition("://")
    scheme = scheme if mark else "https"
    name = rest.removeprefix("*.")
    wide = name != rest
    origin = origin_of(f"{scheme}://{name}") if scheme in PORTS else None
    if origin is None or "/" in name or "@" in name or (wide and "." not in name):
        raise ValueError(
            f"a secret's domain is host, *.host.tld, host:port or http://host, not {entry!r}"
        )
    if scheme == "http" and not is_near(origin[1]):
        raise ValueError(
            f"{entry} would send a secret unencrypted: http:// is for this machine and names that"
            " end in .test or .local; leave the http:// away"
        )
    return origin, wide


def _holds(place: tuple[Origin, bool], here: Origin) -> bool:
    (scheme, host, port), wide = place
    if (scheme, port) != (here[0], here[2]):
        return False
    return here[1].endswith(f".{host}") if wide else here[1] == host
