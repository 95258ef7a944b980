from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from journeyman import Agent, ScriptedModel, Trajectory
from journeyman.memory.embed import HashEmbedder

EXAMPLES = Path(__file__).parents[2] / "examples"
SITE = EXAMPLES / "site"


async def attempt(tmp_path: Path, page: str, goal: str, *replies: str) -> Trajectory:
    agent = Agent(
        model=ScriptedModel(replies), workspace=tmp_path / "workspace", embedder=HashEmbedder()
    )
    async with agent:
        return await agent.run(goal, str(SITE / page))


@pytest.mark.browser
async def test_the_embedding_example_books_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = runpy.run_path(str(EXAMPLES / "embed.py"))["book"]
    model = ScriptedModel(
        ['fill("textbox", "Name", "Ada")\nclick("button", "Book")', "done()", "done()"]
    )
    agent = Agent(model=model, workspace=tmp_path / "workspace", embedder=HashEmbedder())
    run = await book(agent, "Ada", str(SITE / "index.html"))
    assert "Booked for Ada: Tuesday at 18:00, 2 guests." in run.final_view
    assert "model calls" in capsys.readouterr().out


@pytest.mark.browser
async def test_the_list_has_pages_a_search_and_rows(tmp_path: Path) -> None:
    run = await attempt(
        tmp_path,
        "wines.html",
        "Add the Chianti to the basket.",
        'click("button", "Next page")',
        'click("button", "Next page")',
        'click("button", "Add", nth=1)',
        "done()",
        "done()",
    )
    assert "In the basket: Chianti (12 euros)." in run.final_view


@pytest.mark.browser
async def test_the_tabs_show_one_panel_at_a_time(tmp_path: Path) -> None:
    run = await attempt(
        tmp_path,
        "visit.html",
        "Subscribe ada@example.org to the monthly letter.",
        'click("tab", "Newsletter")',
        'fill("textbox", "E-mail", "ada@example.org")\ncheck("radio", "monthly")'
        '\nclick("button", "Subscribe")',
        "done()",
        "done()",
    )
    assert "Thank you: ada@example.org will get the monthly letter." in run.final_view
    assert "Tuesday to Saturday" not in run.final_view


def test_the_site_and_the_example_are_small_and_reach_nothing_outside() -> None:
    for path in SITE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
    code = (EXAMPLES / "embed.py").read_text().split("async def", 1)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
