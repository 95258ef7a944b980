"""Going back to a moment of an attempt: from the reset start, the same calls, proved by digest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from journeyman.agent.arena import SuiteArena
from journeyman.agent.episode import PageEpisode
from journeyman.agent.suites.web import Web
from journeyman.memory.trajectory import Task
from journeyman.sandbox import StateUnknown
from journeyman.sandbox.base import Limits
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.worker import Worker

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGE = """<!doctype html><title>Basket</title>
<label>Item <input id=item></label><button onclick="put()">Put in</button>
<p id=held></p>
<script>
const held = () => document.getElementById('held');
held().textContent = localStorage.held || '';
function put() {
  localStorage.held = (localStorage.held || '') + ' ' + document.getElementById('item').value;
  document.cookie = 'last=' + document.getElementById('item').value + ';max-age=999';
  held().textContent = localStorage.held;
}
</script>"""
TASK = Task("t", "Put jam and tea into the basket", "http://site.test/index.html", reset="full")


@pytest_asyncio.fixture(loop_scope="module")
async def arena(chromium: Browser, tmp_path: Path) -> AsyncIterator[SuiteArena]:
    (tmp_path / "index.html").write_text(PAGE)
    suite = Web()
    suite.address(str(tmp_path / "index.html"))
    yield SuiteArena(suite, chromium, lambda: Worker(Bubblewrap()), Limits())


async def put(episode: PageEpisode, item: str) -> None:
    code = f"fill('textbox', 'Item', {item!r})\nclick('button', 'Put in')"
    assert (await episode.run(code)).ok


async def test_an_attempt_goes_on_from_an_earlier_moment(arena: SuiteArena) -> None:
    async with arena.open(TASK) as episode:
        assert isinstance(episode, PageEpisode)
        await put(episode, "jam")
        moment = await episode.moment()
        await put(episode, "glue")
        assert "jam glue" in (await episode.view()).text
    for _ in range(2):
        async with arena.resume(TASK, moment) as episode:
            assert "jam" in (await episode.view()).text and "glue" not in str(await episode.view())
            await put(episode, "tea")
            assert "jam tea" in (await episode.view()).text


async def test_a_page_that_comes_otherwise_is_not_taken_for_the_same(arena: SuiteArena) -> None:
    async with arena.open(TASK) as episode:
        assert isinstance(episode, PageEpisode)
        await put(episode, "jam")
        moment = await episode.moment()
    other = replace(moment.calls[0], args={**moment.calls[0].args, "text": "ham"})
    changed = replace(moment, calls=(other, *moment.calls[1:]))
    with pytest.raises(StateUnknown, match="did not come back as it was"):
        async with arena.resume(TASK, changed):
            pass
    missing = replace(moment.calls[0], args={"role": "textbox", "name": "None", "text": "x"})
    with pytest.raises(StateUnknown, match="failed this time"):
        async with arena.resume(TASK, replace(moment, calls=(missing,))):
            pass


async def test_without_a_reset_nothing_is_done_over_again(arena: SuiteArena) -> None:
    async with arena.open(replace(TASK, reset="none")) as episode:
        assert isinstance(episode, PageEpisode)
        with pytest.raises(StateUnknown, match="cannot be reset"):
            await episode.moment()
