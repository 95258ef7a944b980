from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from journeyman.agent.config import Settings
from journeyman.agent.records import ExamRow, PracticeRow, Rows
from journeyman.agent.report import NothingToReport, build_from, exam_table
from journeyman.agent.report_curve import clock, curve_svg
from journeyman.agent.report_figures import compare, curve, figures, first_rows
from journeyman.agent.report_html import Pictures

KEYS = {"family", "seed", "success", "model_calls", "tokens", "seconds"}


class Tags(HTMLParser):
    """Every tag with its attributes, and the text outside <style>."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(workspace: Path) -> Tags:
    tags = Tags()
    tags.feed((workspace / "report.html").read_text(encoding="utf-8"))
    return tags


async def test_the_json_holds_exam_rows_skills_and_rejected_candidates(
    learnt_workspace: Path,
) -> None:
    told = await build_from(learnt_workspace, Settings())
    data = json.loads((learnt_workspace / "report.json").read_text())
    assert data == json.loads(json.dumps(told))
    assert [len(data["exam"][arm]) for arm in ("before", "after")] == [4, 4]
    assert all(set(row) == KEYS for arm in data["exam"].values() for row in arm)
    [skill] = data["skills"]
    assert skill["name"] == "book-a-table"
    assert skill["template"]["text"] == "Book a table for {guest}."
    assert len(skill["trials"]["runs"]) == 8
    assert skill["exam"] == {"uses": 2, "solved": 2}
    assert data["rejected"][0]["reasons"]
    assert data["settings"]["model"]["name"] == Settings().model.name


async def test_hostile_page_text_stays_text(learnt_workspace: Path) -> None:
    await build_from(learnt_workspace)
    tags = parsed(learnt_workspace)
    names = {tag for tag, _ in tags.tags}
    assert "script" not in names
    assert not [attrs for _, attrs in tags.tags if any(key.startswith("on") for key in attrs)]
    assert "<script>alert(1)</script>" in tags.text
    assert "{{ 7 * 7 }}" in tags.text  # no second rendering of what came from a page


async def test_the_page_needs_nothing_from_outside(learnt_workspace: Path) -> None:
    await build_from(learnt_workspace)
    tags = parsed(learnt_workspace)
    policies = [attrs["content"] for tag, attrs in tags.tags if "http-equiv" in attrs]
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert not [attrs for _, attrs in tags.tags if "style" in attrs]
    sources = [attrs["src"] for _, attrs in tags.tags if "src" in attrs]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = [attrs["href"] for _, attrs in tags.tags if "href" in attrs]
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"url\(|@import", (learnt_workspace / "report.html").read_text())


@pytest.mark.browser
async def test_chromium_shows_it_without_a_complaint(learnt_workspace: Path) -> None:
    from playwright.async_api import async_playwright

    from journeyman.sandbox.chromium import find_chromium

    await build_from(learnt_workspace, Settings())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        for width, scheme in ((1280, "light"), (390, "dark")):
            page = await browser.new_page(
                viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            said: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
            await page.goto((learnt_workspace / "report.html").as_uri())
            assert await page.locator("summary", has_text="book-a-table").count() >= 1
            # The style was applied (the CSP's digest is right) and nothing sticks out.
            assert await page.evaluate("getComputedStyle(document.body).maxWidth") == "992px"
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert said == []
            await page.close()
        await browser.close()


async def test_a_screenshot_outside_the_folder_is_not_embedded(learnt_workspace: Path) -> None:
    # t-source names ../../../etc/passwd as its screenshot.
    await build_from(learnt_workspace)
    tags = parsed(learnt_workspace)
    assert len([tag for tag, _ in tags.tags if tag == "img"]) == 1


async def test_screenshots_beyond_the_limit_are_left_out_and_counted(
    learnt_workspace: Path,
) -> None:
    from journeyman.memory.journal import Journal

    path = learnt_workspace / "exams" / "journal-after.sqlite"
    journal = await Journal.open(path, read_only=True)
    trajectory = await journal.get("t-exam")
    await journal.close()
    pictures = Pictures(learnt_workspace / "screenshots", room=10)
    assert pictures.uri(trajectory, trajectory.steps[0]) == ""
    assert pictures.left_out == 1


async def test_an_empty_workspace_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingToReport, match="journeyman demo"):
        await build_from(tmp_path)


async def test_a_workspace_with_practice_only_gets_a_report(tmp_path: Path) -> None:
    Rows(tmp_path / "practice.jsonl", PracticeRow).append(
        PracticeRow(5.0, "book", 1, "attempt", True)
    )
    data = await build_from(tmp_path)
    assert data["exam"] == {"before": [], "after": []}
    assert "No exam has been taken" in (tmp_path / "report.html").read_text()


async def test_a_skill_whose_folder_was_broken_by_hand_leaves_the_rest_readable(
    learnt_workspace: Path,
) -> None:
    trials = learnt_workspace / "library" / "versions" / "book-a-table" / "1" / "trials.json"
    trials.write_text("{")
    data = await build_from(learnt_workspace)
    assert data["skills"][0]["status"] == "quarantined"
    assert data["skills"][0]["trials"] is None


def test_figures_count_and_take_the_median() -> None:
    rows = [ExamRow("a", seed, seed > 0, 1, 100, float(seed)) for seed in range(3)]
    total = figures(rows)
    assert (total.tasks, total.solved, total.model_calls, total.tokens) == (3, 2, 3, 300)
    assert total.seconds == 1.0
    assert not total.mastered
    assert figures([]).rate == 0.0


def test_mastered_means_nearly_all_seeds_and_no_model_call() -> None:
    rows = [ExamRow("a", seed, seed > 0, 0, 0, 0.1) for seed in range(10)]
    assert figures(rows).mastered
    assert not figures([*rows[:-1], ExamRow("a", 9, True, 1, 50, 0.1)]).mastered


def test_a_second_row_of_an_exam_task_does_not_count() -> None:
    rows = [ExamRow("a", 1, False, 1, 1, 1.0), ExamRow("a", 1, True, 0, 0, 0.1)]
    assert first_rows(rows) == rows[:1]


def test_a_family_examined_only_once_is_still_compared() -> None:
    [one] = compare([ExamRow("a", 1, True, 0, 0, 1.0)], [])
    assert (one.before.tasks, one.after.tasks) == (1, 0)


def test_the_curve_counts_families_once_and_follows_recent_attempts() -> None:
    rows = [
        PracticeRow(1.0, "a", 1, "attempt", False),
        PracticeRow(2.0, "a", 1, "attempt", True),
        PracticeRow(3.0, "a", 1, "admitted", True),
        PracticeRow(4.0, "a", 1, "admitted", True),
    ]
    points = curve(rows)
    assert [point.families for point in points] == [0, 0, 0, 1, 1]
    assert [point.rate for point in points] == [None, 0.0, 0.5, 0.5, 0.5]
    assert "<b>" not in curve_svg(curve([PracticeRow(1.0, "<b>", 1, "admitted", True)]), 1)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (62.4, "1:02"), (3725, "1:02:05")])
def test_times_are_shown_as_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_the_terminal_table_shows_brackets_as_they_are() -> None:
    console = Console(width=120, record=True, file=StringIO())
    rows = [ExamRow("[red]a[/red]", 1, True, 0, 0, 0.5)]
    console.print(exam_table(rows, rows))
    text = console.export_text()
    assert "[red]a[/red]" in text
    assert "mastered" in text
