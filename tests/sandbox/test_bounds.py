"""What is within bounds, and what is beyond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox.bounds import DATA, EVERYTHING, Bounds
from journeyman.sandbox.primitives import PRIMITIVES

SHOP = Bounds(("click", "fill", "open_url"), ("https://shop.example",), "public")
HERE = "https://shop.example/a"


@pytest.mark.parametrize(
    ("primitive", "args", "url", "words"),
    [
        ("click", {}, HERE, ""),
        ("click", {}, "https://shop.example:443/", ""),
        ("text", {}, HERE, "text is not in the manifest, which has click, fill, open_url"),
        ("click", {}, "https://evil.example/", "click at https://evil.example/ is beyond"),
        ("click", {}, "http://shop.example/", "beyond"),
        ("click", {}, "about:blank", "beyond"),
        ("open_url", {"url": "https://shop.example/b"}, HERE, ""),
        ("open_url", {"url": "https://evil.example/"}, HERE, "beyond"),
        ("open_url", {"url": "https://shop.example@evil.example/"}, HERE, "beyond"),
        ("fill", {"text": "plain"}, HERE, ""),
        ("fill", {"text": "<secret:a>"}, HERE, "secret data and the manifest allows public"),
    ],
)
def test_a_call_is_held_to_calls_places_and_data(
    primitive: str, args: dict[str, object], url: str, words: str
) -> None:
    said = SHOP.refuse(primitive, args, url)
    assert (said is None) is (words == "")
    assert words in (said or "")


def test_reading_a_field_needs_the_right_to_personal_data() -> None:
    assert "personal" in (Bounds(data="public").refuse("value", {}, HERE) or "")
    assert Bounds(data="personal").refuse("value", {}, HERE) is None
    assert EVERYTHING.refuse("fill", {"text": "<secret:a>"}, "about:blank") is None
    assert (
        Bounds(primitives=()).refuse("text", {}, HERE)
        == "text is not in the manifest, which has none"
    )


some = st.none() | st.lists(st.sampled_from(["click", "fill", "value"])).map(tuple)
places = st.none() | st.lists(st.sampled_from(["https://a.test", "https://b.test"])).map(tuple)
bounds = st.builds(Bounds, some, places, st.sampled_from(DATA))


@given(
    bounds,
    bounds,
    st.sampled_from(list(PRIMITIVES)),
    st.sampled_from(["https://a.test/", "https://b.test/x", "https://c.test/"]),
    st.sampled_from(["x", "<secret:a>"]),
)
def test_two_bounds_together_allow_what_both_allow(
    one: Bounds, other: Bounds, primitive: str, url: str, text: str
) -> None:
    args: dict[str, object] = {"text": text, "url": url}
    both = one.refuse(primitive, args, url) is None and other.refuse(primitive, args, url) is None
    assert ((one & other).refuse(primitive, args, url) is None) is both
