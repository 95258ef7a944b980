from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent.cli.said import understand

SESSION = """
import asyncio, sys, time
from pathlib import Path
from journeyman.agent.cli.repl import repl
from journeyman.agent.config import load_settings
from journeyman.agent.events import Event
from journeyman.memory.trajectory import Outcome, Step, Task, Trajectory

class Agent:
    # Not the real one: this session is about the terminal, and the real one needs a browser.
    async def __aenter__(self):
        return self
    async def __aexit__(self, *error):
        print("closed")
    async def run(self, goal, url="", *, on_event=None):
        on_event(Event("action", f'click("link", "{goal}")'))
        if goal == "wait":
            await asyncio.sleep(60)
        step = Step(1, "click()", "", prompt_tokens=100, reply_tokens=5, model_calls=1)
        return Trajectory("t1", Task("x", goal, url), (step,), Outcome(None), seconds=1.0)
    async def feedback(self, trajectory_id, worked, correction=""):
        return [f"kept {trajectory_id} {worked} {correction}"]

sys.exit(repl(load_settings(given={"workspace": sys.argv[1]}), Agent))
"""


class Terminal:
    """A session under a pseudo-terminal."""

    def __init__(self, argv: list[str]) -> None:
        self.busy = 0.0
        """Seconds of processor time of the whole session, known at its end."""
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            # Nobody answers here when the cursor's place is asked for.
            os.environ |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
            os.execv(argv[0], argv)
        self.text = ""

    def until(self, words: str, seconds: float = 20.0) -> str:
        """Read until the words come; returns what came, and forgets it."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} did not come in: {self.text!r}"
            ready, _, _ = select.select([self.end], [], [], left)
            if ready:
                try:
                    self.text += os.read(self.end, 65536).decode(errors="replace")
                except OSError:  # the other side has closed
                    assert words in self.text, f"ended without {words!r}: {self.text!r}"
        before, _, self.text = self.text.partition(words)
        return before + words

    def say(self, line: str) -> None:
        os.write(self.end, f"{line}\r".encode())

    def ended(self, seconds: float = 20.0) -> int:
        """Wait for the end; the exit status."""
        deadline = time.monotonic() + seconds
        try:
            while select.select([self.end], [], [], max(0.0, deadline - time.monotonic()))[0]:
                os.read(self.end, 65536)
            raise AssertionError("the session did not end")
        except OSError:  # the other side has closed
            _, status, used = os.wait4(self.pid, 0)
        self.pid = 0
        self.busy = used.ru_utime + used.ru_stime
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    held = Terminal([sys.executable, "-c", SESSION, str(tmp_path / "workspace")])
    yield held
    if held.pid:
        os.kill(held.pid, signal.SIGKILL)
        os.waitpid(held.pid, 0)
    os.close(held.end)


def test_a_goal_runs_is_shown_and_takes_feedback(terminal: Terminal) -> None:
    terminal.until(">")
    terminal.say("https://example.org open the imprint")
    terminal.until('click("link", "open the imprint")')
    terminal.until("done, not judged; 1 step, 1 model call, 105 tokens")
    terminal.say("that worked")
    terminal.until("kept t1 True")
    terminal.say("open it again")
    terminal.until("tokens")
    terminal.say("no, like this: use the footer")
    terminal.until("kept t1 False use the footer")
    terminal.say("/cost")
    terminal.until("2 runs, 2 model calls, 210 tokens")
    terminal.say("/skills")
    terminal.until("Nothing yet")
    terminal.say("/nonsense")
    terminal.until("There is no /nonsense")
    terminal.say("/quit")
    assert terminal.ended() == 0


def test_ctrl_c_stops_the_run_and_not_the_session(terminal: Terminal) -> None:
    terminal.until(">")
    terminal.say("https://example.org wait")
    terminal.until('click("link", "wait")')
    os.write(terminal.end, b"\x03")
    terminal.until("Stopped. What was done is kept.")
    os.write(terminal.end, b"\x03")  # once more, out of impatience
    terminal.say("/help")
    terminal.until("/open URL")
    terminal.until(">")
    os.write(terminal.end, b"half a line\x03")
    terminal.say("/cost")
    terminal.until("0 runs")
    terminal.until(">")
    os.write(terminal.end, b"\x04")
    assert terminal.ended() == 0


def test_a_goal_without_a_page_and_a_wrong_address_are_answered(terminal: Terminal) -> None:
    terminal.until(">")
    terminal.say("open the imprint")
    terminal.until("Say where first")
    terminal.say("/open ftp://example.org")
    terminal.until("no web address")
    terminal.say("/quit")
    assert terminal.ended() == 0


def test_the_prompt_takes_less_than_a_second_of_work(tmp_path: Path) -> None:
    code = "import sys; from journeyman.agent.cli import main; sys.exit(main())"
    held = Terminal([sys.executable, "-c", code, "--workspace", str(tmp_path / "workspace")])
    held.until(">")
    held.say("/quit")
    assert held.ended() == 0
    os.close(held.end)
    # Processor time, since other jobs share the machine; leaving is part of it.
    assert held.busy < 1.0


@pytest.mark.parametrize(
    ("line", "kind", "text", "url"),
    [
        ("", "empty", "", ""),
        ("open the imprint", "goal", "open the imprint", ""),
        ("https://a.org  open it", "goal", "open it", "https://a.org"),
        ("https://a.org", "open", "", "https://a.org"),
        ("/open https://a.org ", "open", "", "https://a.org"),
        ("/quit", "quit", "", ""),
        ("/what now", "unknown", "/what", ""),
        ("That worked!", "worked", "", ""),
        ("yes, it worked", "worked", "", ""),
        ("no", "wrong", "", ""),
        ("No, like this: press Enter", "wrong", "press Enter", ""),
        ("that is wrong. Use the footer", "wrong", "Use the footer", ""),
        ("note the price", "goal", "note the price", ""),
        ("that worked yesterday, do it again", "goal", "that worked yesterday, do it again", ""),
    ],
)
def test_a_line_is_understood(line: str, kind: str, text: str, url: str) -> None:
    said = understand(line, ran=True)
    assert (said.kind, said.text, said.url) == (kind, text, url)


def test_before_any_run_no_is_a_goal() -> None:
    assert understand("no, like this: x", ran=False).kind == "goal"


@given(st.text(), st.booleans())
def test_every_line_has_a_meaning(line: str, ran: bool) -> None:
    assert understand(line, ran=ran).kind
