from __future__ import annotations

import functools
import re
import runpy
from pathlib import Path

import pytest

import journeyman
from journeyman import Agent, ScriptedModel
from journeyman.agent.cli.app import app
from journeyman.memory.embed import HashEmbedder

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.browser
def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    replies = ['fill("textbox", "Name", "Ada")\nclick("button", "Book")', "done()", "done()"]
    scripted = functools.partial(
        Agent, model=ScriptedModel(replies), workspace=tmp_path, embedder=HashEmbedder()
    )
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(journeyman, "Agent", scripted, raising=False)
    (tmp_path / "readme.py").write_text(code)
    runpy.run_path(str(tmp_path / "readme.py"))
    assert "Outcome(" in capsys.readouterr().out


def test_the_commands_of_the_readme_exist() -> None:
    named = set(re.findall(r"\bjourneyman ([a-z]+)\b", README)) - {"import"}
    known = {part.name for part in (*app.registered_commands, *app.registered_groups)}
    assert named
    assert named <= known


def test_what_the_readme_names_is_there() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", README)
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "examples/embed.py"} <= set(links)
    for link in links:
        assert (ROOT / link).exists(), link
