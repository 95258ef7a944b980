"""Files between a page and the code, what a page said, and a trace: through a whole episode."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from journeyman.agent.arena import open_episode
from journeyman.agent.episode import PageEpisode
from journeyman.agent.suites.web import Web
from journeyman.memory.journal import Journal
from journeyman.memory.trajectory import Task
from journeyman.sandbox import PrimitiveRefused
from journeyman.sandbox.base import Limits
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.secrets import Secret, Secrets
from journeyman.sandbox.worker import Worker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PIN = Secret("pin", "13579-secret", ("http://site.test",))

PAGE = """<!doctype html><a download=list.csv id=a>List</a>
<label>Paper <input type=file onchange="this.files[0].text().then(text => { said.textContent =
  this.files[0].name + ': ' + text })"></label><p id=said></p>
<button onclick="said.textContent = confirm('Delete 13579-secret?')">Delete</button>
<script>a.href = URL.createObjectURL(new Blob(['one,two']))</script>"""

Open = Callable[..., Awaitable[PageEpisode]]


def sandbox() -> Worker:
    return Worker(Bubblewrap())


@pytest_asyncio.fixture(loop_scope="module")
async def begin(chromium: Browser, tmp_path: Path) -> AsyncIterator[Open]:
    (tmp_path / "index.html").write_text(PAGE)
    web = Web(downloads_mb=1)
    task = Task(id="t", goal="g", url=web.address(str(tmp_path / "index.html")))
    async with AsyncExitStack() as stack:

        async def begin(
            journal: Journal | None = None,
            secrets: Secrets | None = None,
            trace: Path | None = None,
        ) -> PageEpisode:
            if journal is not None:
                await journal.begin("one", task, "none", 0, "agent")
            episode = await stack.enter_async_context(
                open_episode(
                    task, web, chromium, sandbox, Limits(), journal, "one",
                    secrets or Secrets(), trace,
                )
            )  # fmt: skip
            assert isinstance(episode, PageEpisode)
            return episode

        yield begin


async def test_a_download_is_a_file_of_the_next_action(begin: Open) -> None:
    episode = await begin()
    came = await episode.run(
        "import os\nfrom page import click\nclick('link', 'List')\nos.listdir()"
    )
    assert came.ok and came.value == []
    notes: list[str] = []
    async with asyncio.timeout(20):
        while not notes:
            notes = episode.notes()
            await asyncio.sleep(0.02)
    assert notes == ["the file 'list.csv' has come; it lies in downloads/ from the next action on"]
    read = await episode.run("open('downloads/list.csv').read()")
    assert read.value == "one,two"


async def test_a_file_of_the_work_area_is_given_to_a_page_and_not_to_the_journal(
    begin: Open, tmp_path: Path
) -> None:
    journal = await Journal.open(tmp_path / "journal.sqlite")
    try:
        episode = await begin(journal)
        given = await episode.run(
            "from page import upload, text\nopen('note.txt', 'w').write('from inside')\n"
            "upload('button', 'Paper', 'note.txt')\ntext()"
        )
        assert given.ok and "note.txt: from inside" in given.value
        made = episode.calls()[0]
        assert made.args == {"role": "button", "name": "Paper", "file": "note.txt"}
        for code, words in (
            ("upload('button', 'Paper', 'nothing.txt')", "cannot be read"),
            ("open('big', 'wb').write(bytes(200_000))\nupload('button', 'Paper', 'big')", "larger"),
            ("upload('button', 'Paper', '/etc/passwd')", "cannot be read"),
        ):
            result = await episode.run(f"from page import upload\n{code}")
            assert words in str(result.error)
    finally:
        await journal.close()


async def test_what_a_page_asked_is_told_without_its_secrets(begin: Open) -> None:
    episode = await begin(secrets=Secrets([PIN]))
    await episode.run("from page import click\nclick('button', 'Delete')")
    assert episode.notes() == ["the page asked: 'Delete <secret:pin>?', and was answered Cancel"]
    done = await episode.run(
        "from page import accept_dialog, click, text\naccept_dialog()\n"
        "click('button', 'Delete')\ntext()"
    )
    assert "true" in done.value


async def test_a_trace_is_kept_on_demand_and_never_of_secrets(
    chromium: Browser, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    web, kept = Web(), tmp_path / "traces" / "one.zip"
    task = Task(id="t", goal="g", url=web.address(str(tmp_path / "index.html")))
    async with open_episode(task, web, chromium, sandbox, Limits(), trace=kept) as episode:
        await episode.run("from page import text\ntext()")
    assert any(name.endswith(".trace") for name in zipfile.ZipFile(kept).namelist())
    with pytest.raises(PrimitiveRefused, match="trace would hold"):
        async with open_episode(
            task, web, chromium, sandbox, Limits(), secrets=Secrets([PIN]), trace=kept
        ):
            pass
