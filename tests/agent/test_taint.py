from __future__ import annotations

from journeyman.agent.taint import taint_of
from journeyman.memory.trajectory import Call, Task

TASK = Task("t", "Open http://other.test/a and read", "http://home.test/index.html")


def opened(url: str) -> list[Call]:
    return [Call(1, "open_url", {"url": url}, "effect")]


def test_the_own_site_and_what_the_goal_names_leave_it_clean() -> None:
    assert taint_of(TASK, opened("http://home.test/next.html")) == ""
    assert taint_of(TASK, opened("http://other.test/a")) == ""
    assert taint_of(TASK, [Call(1, "click", {"role": "link", "name": "x"}, "effect")]) == ""


def test_an_address_from_elsewhere_taints_and_is_named() -> None:
    assert "http://evil.test/x" in taint_of(TASK, opened("http://evil.test/x"))
