"""What a secret may be, where it may be typed, and that no spelling of it is left in a text."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeyman.sandbox import PrimitiveRefused
from journeyman.sandbox.base import Element, View, view_to_json
from journeyman.sandbox.secrets import PLACEHOLDER, Secret, Secrets

VALUE = "Hunter2 & <Söhne>'\"\\/%+"
SHOP = Secret("shop-password", VALUE, ("shop.example", "http://shop.test"))
HELD = Secrets([SHOP])

WAYS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.lower,
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text)),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    lambda text: "".join(f"&#x{ord(letter):X}" for letter in text),
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(json.dumps(text)),
    repr,
    "\u200b".join,
    lambda text: text.replace(" ", " \n\t "),
    lambda text: text.encode().hex(),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(f"user:{text}".encode()).decode(),
    lambda text: base64.b64encode(f"a:{text}!".encode()).decode(),
]


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_no_way_of_writing_a_value_is_left(way: int) -> None:
    text = f"before {WAYS[way](VALUE)} after"
    hidden = HELD.hide(text)
    assert hidden.startswith("before ") and hidden.endswith(" after")
    assert SHOP.placeholder in hidden and "unter" not in hidden.lower()
    assert HELD.shows(text) and not HELD.shows(hidden)


values = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=4, max_size=30
).filter(lambda text: text.isprintable() and text.strip() == text)


@given(values, st.sampled_from(WAYS[3:14]), st.text(max_size=20), st.text(max_size=20))
@example("\\\\\\\\", json.dumps, "", "")
def test_any_value_is_hidden_once_and_for_all(
    value: str, way: Callable[[str], str], before: str, after: str
) -> None:
    held = Secrets([Secret("a", value, ("x.test",))])
    hidden = held.hide(before + way(value) + after)
    assert "<secret:a>" in hidden
    assert held.hide(hidden) == hidden


@given(st.lists(values, min_size=1, max_size=4, unique=True), st.text(max_size=60))
def test_texts_without_a_value_stay_as_they_are(found: list[str], text: str) -> None:
    held = Secrets(Secret(f"s-{n}", value, ("x.test",)) for n, value in enumerate(found))
    folded = " ".join(text.split()).lower()
    if (
        not any(value[:2].lower() in folded for value in found)
        and text.isascii()
        and text.isalpha()
    ):
        assert held.hide(text) == text


def test_one_secret_inside_another_or_in_its_name_is_no_trouble() -> None:
    held = Secrets(
        [Secret("b", "hunter2", ("x.test",)), Secret("hunter2", "longhunter2", ("x.test",))]
    )
    assert held.hide("longhunter2 hunter2") == "<secret:hunter2> <secret:b>"
    assert held.hide("<secret:hunter2>") == "<secret:hunter2>"
    # What only looks like a placeholder hides nothing.
    assert "hunter2>" not in Secrets([Secret("b", "hunter2", ("x.test",))]).hide("<secret:hunter2>")


def test_json_and_views_are_hidden_through_and_through() -> None:
    assert HELD.hide_json({VALUE: [1, None, VALUE, {"a": f"x{VALUE}"}]}) == {
        SHOP.placeholder: [1, None, SHOP.placeholder, {"a": f"x{SHOP.placeholder}"}]
    }
    element = Element("button", VALUE, value=VALUE, kind=VALUE, options=(VALUE,), row=("a", VALUE))
    view = View(f"http://shop.test/?q={quote(VALUE)}", VALUE, (element,), f"You are {VALUE}.")
    hidden = HELD.hide_view(view)
    assert "unter" not in view_to_json(hidden) and hidden.text == f"You are {SHOP.placeholder}."
    assert Secrets().hide_view(view) is view and Secrets().hide(VALUE) == VALUE


def test_nothing_prints_a_value() -> None:
    assert "unter" not in f"{SHOP} {HELD} {[*HELD]!r}"
    assert repr(HELD) == "Secrets(shop-password)"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://shop.example/login?a=b", True),
        ("https://SHOP.example:443/", True),
        ("https://shop.example./", True),
        ("http://shop.test/", True),
        ("http://shop.example/", False),
        ("https://shop.test/", False),
        ("https://shop.example:8443/", False),
        ("https://www.shop.example/", False),
        ("https://shop.example.evil.test/", False),
        ("https://shop.example@evil.test/", False),
        ("https://evilshop.example/", False),
        ("about:blank", False),
        ("data:text/html,https://shop.example/", False),
        ("blob:https://shop.example/1", False),
        ("file:///shop.example", False),
        ("https://shop.example:x/", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_secret_is_for_its_origins_only(url: str, allowed: bool) -> None:
    assert (SHOP.refuse(url) is None) is allowed
    assert HELD.placeholders(url) == ([SHOP.placeholder] if allowed else [])
    if not allowed:
        said = SHOP.refuse(url)
        assert said is not None and "shop.example, http://shop.test" in said


def test_subdomains_and_ports_are_meant_when_they_are_named() -> None:
    wide = replace(SHOP, domains=("*.shop.example:8443", "http://127.0.0.1:8000", "http://[::1]"))
    assert wide.refuse("https://a.b.shop.example:8443/") is None
    assert wide.refuse("http://127.0.0.1:8000/") is None
    assert wide.refuse("http://[::1]/") is None
    assert wide.refuse("https://shop.example:8443/") is not None
    assert wide.refuse("http://127.0.0.1:8001/") is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Shop"}, "a-z, 0-9"),
        ({"name": "a" * 61}, "60 characters"),
        ({"value": "abc"}, "4 to 1000"),
        ({"value": "two\nlines"}, "one printable line"),
        ({"domains": ()}, "names no domain"),
        ({"domains": ("*",)}, "host"),
        ({"domains": ("*.com",)}, "host"),
        ({"domains": ("shop.example/login",)}, "host"),
        ({"domains": ("user@shop.example",)}, "host"),
        ({"domains": ("ftp://shop.example",)}, "host"),
        ({"domains": ("",)}, "host"),
        ({"domains": ("http://shop.example",)}, "unencrypted"),
        ({"domains": ("http://93.184.216.34",)}, "unencrypted"),
    ],
)
def test_a_wrong_secret_is_a_sentence_without_its_value(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words.replace("*", r"\*")) as caught:
        replace(SHOP, **changes)  # type: ignore[arg-type]
    assert str(changes.get("value", VALUE)) not in str(caught.value)


def test_a_text_names_a_secret_alone_or_not_at_all() -> None:
    assert HELD.named("ann") is None and HELD.named("<b>") is None
    assert HELD.named("<secret:shop-password>") is SHOP
    with pytest.raises(
        PrimitiveRefused, match="there is no secret <secret:bank>; there is <secret"
    ):
        HELD.named("<secret:bank>")
    with pytest.raises(PrimitiveRefused, match="alone"):
        HELD.named("q=<secret:shop-password>")
    assert PLACEHOLDER.fullmatch(json.loads(json.dumps(SHOP.placeholder)))
