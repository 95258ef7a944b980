"""Static checks: each refusal names the line and what to do; sound programs pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.skills.check import check
from journeyman.skills.naming import free_name, rename_function
from journeyman.skills.skill import Candidate, Manifest, Slot, Template

Make = Callable[..., Candidate]
ALL = Manifest(
    ("http://shop.test",),
    ("click", "fill", "press", "visible", "names", "text"),
    tools=("open-menu",),
    data="secret",
)

BODY = '''from page import click, fill, names


def log_in(user: str) -> None:
    """Log in."""
    {body}
'''


def body(text: str) -> str:
    return BODY.format(body=text.replace("\n", "\n    "))


def test_a_sound_candidate_passes(candidate: Make) -> None:
    assert check(candidate()) == []


@pytest.mark.parametrize(
    "code",
    [
        body('for name in names("link"):\n    if user in name:\n        click("link", name)'),
        body('while True:\n    click("link", user)\n    break'),
        body("while True:\n    for _ in range(3):\n        break\n    return"),
        body('fill("textbox", "Password", "<secret:password>")'),
        body('fill("textbox", "Name", "a-plain-value-of-a-form")'),
        body('click("link", "http://shop.test/catalogue/hats/red-hat-number-12.html")'),
        '"""Doc."""\nimport re\nfrom datetime import date\nfrom library import open_menu\n'
        "from page import PageError\n_MONTHS = ['May']\n\ndef _help(a):\n    return a\n\n"
        'def log_in(user: str) -> None:\n    """Do."""\n    try:\n        open_menu()\n'
        "    except PageError:\n        _help(re.escape(user))\n",
    ],
)
def test_ordinary_programs_pass(candidate: Make, code: str) -> None:
    assert check(candidate(code=code, manifest=ALL)) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def log_in(", "not valid Python"),
        ("x\0", "cannot be read|not valid"),
        (body("import socket"), "imports socket: a skill may import"),
        (body("from os import path"), "imports os"),
        (body("from .page import click"), r"imports \.page"),
        (body("import page"), "imports page"),
        (body("from page import *") + "\n", r"imports \*"),
        (body("from page import teleport"), "page has no teleport"),
        (body("eval(user)"), "eval is not allowed"),
        (body("print(__builtins__)"), "__builtins__ is not allowed"),
        (body("user.__class__"), "__class__ is not allowed"),
        (body("import collections\ncollections._sys"), "_sys is not allowed"),
        (body("'{0.__class__}'.format(user)"), "__names__"),
        (body("while 1:\n    click('link', user)"), "no way out"),
        (body("while True:\n    for a in user:\n        break"), "no way out"),
        (body("class A: pass"), "plain functions"),
        (body("pass") + "\nprint(1)\n", "nothing that runs"),
        (body("pass") + "\nX = open('f')\n", "only constants"),
        (body("pass") + "\ndef other(): pass\n", "one public function"),
        ("def other(user: str):\n    'Do.'\n", "one public function, log_in"),
        ("async def log_in(user: str):\n    'Do.'\n", "plain functions"),
        ("def log_in(user: str):\n    pass\n", "docstring"),
        ("def log_in(user):\n    'Do.'\n", "annotate user"),
        ("def log_in(name: str):\n    'Do.'\n", "slots are user"),
        ("def log_in(*user: str):\n    'Do.'\n", "plain parameters"),
        ("@print\ndef log_in(user: str):\n    'Do.'\n", "decorator"),
        (body("from page import press\npress('Enter')"), "press, which the manifest"),
        (body('fill("textbox", "Password", "hunter2")'), "looks like a secret"),
        (body('fill("textbox", contains="API key", text="abc")'), "looks like a secret"),
        (body("key = 'sk-live-4eC39HqLyjWDarjtT1zdp7dc'"), "looks like a secret"),
        (body("key = 'ghp_0123456789abcdefghijABCDEFGHIJ'"), "looks like a secret"),
        (body("key = 'wJalrXUtnFEMI7K7MDENGbPxRfiCYEXAMPLEKEY'"), "looks like a secret"),
        (body("click('link', 'http://bob:pw@shop.test/')"), "looks like a secret"),
        ("x = 1\n" * 10_000, "at most 20000"),
    ],
)
def test_a_refusal_says_what_is_wrong(candidate: Make, code: str, reason: str) -> None:
    reasons = check(candidate(code=code))
    assert re.search(reason, "\n".join(reasons)), reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "Log-In"}, "single hyphens"),
        ({"name": "log--in"}, "single hyphens"),
        ({"name": "a" * 65}, "1 to 64"),
        ({"name": "2-fast"}, "Python does not allow"),
        ({"name": "class"}, "Python does not allow"),
        ({"name": "click"}, "that of a primitive"),
        ({"description": " "}, "1 to 1024"),
        ({"description": "a" * 1025}, "1 to 1024"),
        ({"description": "a\x1b[31m"}, "cannot be printed"),
        ({"template": Template("Log in as {user", (Slot("user"),))}, "not closed"),
        ({"template": Template("Log in.", (Slot("user"),))}, "names nothing"),
        ({"template": Template("As {a-b}.", (Slot("a-b"),))}, "no Python name"),
        ({"manifest": Manifest((), ("click", "fill", "hack"))}, "unknown primitives: hack"),
    ],
)
def test_the_frame_is_checked_too(candidate: Make, changes: dict[str, Any], reason: str) -> None:
    assert reason in "\n".join(check(candidate(**changes)))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text("def log_in(user:st)\n 'x\"=[]{}\\", max_size=60))
def test_no_text_breaks_the_check(code: str) -> None:
    plain = Candidate("log-in", "d", Template("x"), code, Manifest((), ()))
    assert check(plain)


def test_deep_nesting_is_refused(candidate: Make) -> None:
    assert check(candidate(code="(" * 5000))
    assert check(candidate(code=body("x = " + "-" * 9000 + "1")))


def test_renaming_touches_the_function_only() -> None:
    code = 'def  go(a: str):\n    """go é"""\n    é = go; return "go"\n\ndef _x(): go("b")\n'
    renamed = rename_function(code, "go", "go_2")
    assert renamed == code.replace("def  go", "def  go_2").replace("= go;", "= go_2;").replace(
        'go("b")', 'go_2("b")'
    )
    taken = {"a", "a-2", "b" * 64}
    assert free_name("a", taken.__contains__) == "a-3"
    assert free_name("b" * 64, taken.__contains__) == "b" * 62 + "-2"
