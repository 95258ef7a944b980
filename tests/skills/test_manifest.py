"""Manifests: the least that was used, what is beyond, and those of before there were all fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from journeyman.memory.embed import HashEmbedder
from journeyman.memory.trajectory import Call
from journeyman.sandbox import PrimitiveRefused
from journeyman.sandbox.base import Element, View, view_to_json
from journeyman.sandbox.bounds import EVERYTHING, Bounds
from journeyman.sandbox.worker import Worker
from journeyman.skills import SkillNotFound
from journeyman.skills.check import check
from journeyman.skills.library import SkillLibrary
from journeyman.skills.manifest import least
from journeyman.skills.moves import moves_of
from journeyman.skills.records import version_record
from journeyman.skills.skill import Candidate, Evidence, Manifest, SkillVersion, TrialReport
from journeyman.skills.tools import tools_of
from journeyman.skills.trial import execute

Make = Callable[..., Candidate]
Report = Callable[..., TrialReport]
HEAD = "from page import click, fill, value, names\n"
BODY = 'def log_in(user: str) -> None:\n    """Do."""\n'


def code(line: str, head: str = HEAD) -> str:
    return f"{head}\n\n{BODY}    {line}\n"


def done(url: str, text: str) -> list[Any]:
    view = view_to_json(View(url, "t", (Element("textbox", "P"),)))
    args = {"role": "textbox", "name": "P", "text": text}
    return moves_of([Call(1, "fill", args, "idempotent", view=view)])


@pytest.mark.parametrize(
    ("line", "text", "primitives", "data"),
    [
        ('click("button", user)', "x", ("click",), "public"),
        ('names("link")', "x", ("names",), "public"),
        ('click("button", value("textbox", user))', "x", ("click", "value"), "personal"),
        ('fill("textbox", "P", "<secret:pin>")', "x", ("fill",), "secret"),
        # A slot of the goal may hold it, and then only the source tells.
        ('fill("textbox", "P", user)', "<secret:pin>", ("fill",), "secret"),
        ("return", "x", (), "public"),
        ("if (:", "x", (), "public"),
    ],
)
def test_the_least_is_what_the_code_names_and_its_sources_used(
    line: str, text: str, primitives: tuple[str, ...], data: str
) -> None:
    moves = done("https://login.shop.example/a", text)
    found = least(code(line), ["https://shop.example/", "about:blank"], moves)
    assert found.primitives == primitives and found.data == data
    assert found.origins == ("https://login.shop.example", "https://shop.example")
    assert found.tools == () and found.bounds == Bounds(primitives, found.origins, found.data)


def test_the_least_names_the_tools_that_are_called() -> None:
    source = code("open_menu(user)", "from library import open_menu, unused\n")
    assert least(source, [], []).tools == ("open-menu",)


@pytest.mark.parametrize(
    ("line", "head", "changes", "reason"),
    [
        ("open_menu()", "from library import open_menu\n", {}, "calls open_menu of the library"),
        ('value("textbox", user)', HEAD, {"data": "public"}, "handles personal data"),
        ('fill("textbox", "P", "<secret:pin>")', HEAD, {}, "handles secret data and"),
        ('click("link", user)', HEAD, {"data": "private"}, "public, personal, secret"),
        ('click("link", user)', HEAD, {"primitives": ("fill",)}, "uses click"),
    ],
)
def test_code_beyond_its_manifest_is_refused(
    candidate: Make, line: str, head: str, changes: dict[str, Any], reason: str
) -> None:
    whole = Manifest(("http://shop.test",), ("click", "fill", "value"))
    made = candidate(code=code(line, head), manifest=replace(whole, **changes))
    assert reason in "\n".join(check(made))
    kept = replace(whole, tools=("open-menu",), data="secret")
    assert check(replace(made, manifest=kept)) == []


async def test_a_library_of_before_these_fields_loads_and_does_what_it_did(
    candidate: Make, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_it_was(version: SkillVersion) -> dict[str, Any]:
        record = version_record(version)
        del record["manifest"]["tools"], record["manifest"]["data"]
        return record

    made = candidate()
    with monkeypatch.context() as then:
        for module in ("folder", "store"):
            then.setattr(f"journeyman.skills.{module}.version_record", as_it_was)
        library = SkillLibrary.open(tmp_path / "library", HashEmbedder())
        await library.admit(made, report(made))
        await library.close()
    files = [path for path in (tmp_path / "library").rglob("*.json*") if path.is_file()]
    assert len(files) >= 3 and not any('"data"' in path.read_text() for path in files)
    opened = SkillLibrary.open(tmp_path / "library", HashEmbedder())
    held = opened.get("log-in").current
    assert held.manifest == made.manifest and opened.fsck() == []
    assert held.manifest.bounds == Bounds(("click", "fill"), ("http://shop.test",), "personal")
    await opened.close()


# Tools --------------------------------------------------------------------------------------------


@pytest.fixture
async def library(candidate: Make, report: Report, tmp_path: Path) -> SkillLibrary:
    """`log-in`, which calls `open-menu`, which calls `press-all`, which calls `log-in`."""
    library = SkillLibrary.open(tmp_path / "library", HashEmbedder())
    chain = ("log-in", "open-menu", "press-all", "log-in")
    for name, tool in pairwise(chain):
        made = candidate(name=name, button=name)
        made = replace(made, manifest=replace(made.manifest, tools=(tool,)))
        await library.admit(made, report(made))
    return library


async def test_the_tools_of_tools_come_along_and_nothing_else(
    library: SkillLibrary, candidate: Make, report: Report
) -> None:
    other = candidate(name="other", button="other")
    await library.admit(other, report(other))
    found = tools_of(library)(library.get("log-in").current.manifest)
    assert set(found) == {"log_in", "open_menu", "press_all"}
    assert found["open_menu"] == library.get("open-menu").current.code
    assert tools_of(library)(library.get("other").current.manifest) == {}


async def test_a_tool_that_is_not_in_service_cannot_be_called(library: SkillLibrary) -> None:
    manifest = library.get("log-in").current.manifest
    await library.record(Evidence("press-all", 1, "excess", False, reason="it went elsewhere"))
    with pytest.raises(SkillNotFound, match="press-all is quarantined and cannot be called"):
        tools_of(library)(manifest)
    await library.retire("open-menu")
    with pytest.raises(SkillNotFound, match="open-menu is retired"):
        tools_of(library)(manifest)


class Held:
    """An episode on a toy page that is held to the bounds it is given."""

    def __init__(self, page: Any, sandbox: Worker) -> None:
        self.page, self.sandbox, self.beyond = page, sandbox, list[str]()
        self.given: set[str] = set()

    async def run(self, code: str, library: Any = None, bounds: Bounds = EVERYTHING) -> Any:
        self.given = set(library)

        async def serve(primitive: str, args: dict[str, Any]) -> Any:
            beyond = bounds.refuse(primitive, args, "http://shop.test/")
            if beyond is not None:
                self.beyond.append(beyond)
                raise PrimitiveRefused(beyond)
            return await self.page.serve(primitive, args)

        return await self.sandbox.run(code, serve=serve, library=library)

    def excesses(self) -> tuple[str, ...]:
        return tuple(self.beyond)


async def test_a_skill_runs_with_its_tools_and_they_within_its_manifest(
    library: SkillLibrary, toy: Any, bubblewrap: Worker
) -> None:
    tool = 'from page import click, text\n\n\ndef open_menu() -> None:\n    """O."""\n    click("button", "Go")\n    text()\n'
    held = library.get("log-in").current
    calls = "from library import open_menu\n\n\ndef log_in() -> None:\n    open_menu()\n"

    def version(*primitives: str) -> SkillVersion:
        return replace(held, code=calls, manifest=replace(held.manifest, primitives=primitives))

    page = toy(Element("button", "Go"))
    episode: Any = Held(page, bubblewrap)
    narrow = await execute(version("click"), {}, episode, tools=lambda _: {"open_menu": tool})
    assert (
        not narrow.ok
        and narrow.excess == narrow.reason == "text is not in the manifest, which has click"
    )
    wide = await execute(version("click", "text"), {}, episode, tools=lambda _: {"open_menu": tool})
    assert wide.ok and page.done == [("click", "Go"), ("click", "Go")]
    assert episode.given == {"log_in", "open_menu"}
    await library.retire("open-menu")
    missing = await execute(version("click"), {}, episode, tools=tools_of(library))
    assert not missing.began and "open-menu is retired" in missing.reason
