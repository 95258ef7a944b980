"""The vocabulary that the agent's actions and the skills' bodies share. Standard library only.

This file is also bound into the sandbox, where the runner makes one function of each entry in
module `page`: `from page import click`. The host checks every call against the same table.

A *locator* is semantic: a role and a name, or a predicate on the name, and what tells equals apart.
Covered: shape and type of every argument. Not covered: whether the element exists, and policy.
"""

from __future__ import annotations

LOCATOR = {
    "role": (str, True),
    "name": (str, False),  # exact, after white space is folded
    "starts": (str, False),
    "ends": (str, False),
    "contains": (str, False),
    "row": (str, False),  # text of the repeated item (row, card) that holds the element
    "kind": (str, False),  # what marks elements made alike
    "nth": (int, False),  # position among what matches, from 0
}
"""Argument name -> (type, required)."""

POSITIONAL = ("role", "name")

CONTENT = "data"
"""Argument that carries a file's bytes in base64; the function inside adds it to the call."""
LONGEST = {CONTENT: 175_000}
"""Characters of an argument, where it may be longer than `LONG`."""
LONG = 10_000


class Primitive:
    """One entry: its name, effect class, further positional arguments after the locator."""

    __slots__ = ("doc", "effect", "extra", "locates", "name")

    def __init__(
        self, name: str, effect: str, locates: bool, extra: dict[str, tuple[type, bool]], doc: str
    ) -> None:
        self.name = name
        self.effect = effect
        self.locates = locates
        self.extra = extra
        self.doc = doc


PRIMITIVES = {
    entry.name: entry
    for entry in (
        Primitive("click", "effect", True, {}, "Click the element."),
        Primitive("fill", "idempotent", True, {"text": (str, True)}, "Replace a field's text."),
        Primitive("select", "idempotent", True, {"option": (str, True)}, "Choose in a list box."),
        Primitive(
            "check", "idempotent", True, {"on": (bool, False)}, "Tick; untick with on=False."
        ),
        Primitive("press", "effect", False, {"key": (str, True)}, "Press a key, such as Enter."),
        Primitive(
            "upload", "effect", True, {"file": (str, True)}, "Give a file field a file of yours."
        ),
        Primitive(
            "accept_dialog",
            "idempotent",
            False,
            {"text": (str, False)},
            "Answer the page's next question box with OK; else it gets Cancel.",
        ),
        Primitive("open_url", "effect", False, {"url": (str, True)}, "Go to an address."),
        Primitive("visible", "read", True, {}, "Whether such an element is in view."),
        Primitive("count", "read", True, {}, "How many such elements are in view."),
        Primitive("names", "read", True, {}, "The names of such elements, in order."),
        Primitive("value", "read", True, {}, "A field's text."),
        Primitive("text", "read", False, {}, "The visible text of the page."),
    )
}


def signature(primitive: str) -> tuple[str, ...]:
    """The positional arguments of a primitive, in order: `fill(role, name, text)`."""
    entry = PRIMITIVES[primitive]
    return (POSITIONAL if entry.locates else ()) + tuple(entry.extra)


def problem(primitive: str, args: dict[str, object]) -> str | None:
    """Say in one sentence what is wrong with a call, or None when it is well formed."""
    entry = PRIMITIVES.get(primitive)
    if entry is None:
        return f"there is no primitive {primitive!r}; there are {', '.join(PRIMITIVES)}"
    table = {**(LOCATOR if entry.locates else {}), **entry.extra}
    if "file" in entry.extra:
        table[CONTENT] = (str, True)
    for key, value in args.items():
        if key not in table:
            return f"{primitive} takes no argument {key!r}"
        wanted = table[key][0]
        # bool is an int in Python, yet nth=True is a slip.
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            return f"{primitive}: {key} must be {wanted.__name__}, not {type(value).__name__}"
        if isinstance(value, int) and value < 0:
            return f"{primitive}: {key} counts from 0, so it cannot be {value}"
        most = LONGEST.get(key, LONG)
        if isinstance(value, str) and len(value) > most:
            return f"{primitive}: {key} is longer than {most} characters"
    for key, (_, required) in table.items():
        if required and key not in args:
            return f"{primitive} needs {key!r}"
    return None
