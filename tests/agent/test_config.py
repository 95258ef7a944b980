from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journeyman.agent import ConfigError
from journeyman.agent.config import Settings, load_settings


def write(folder: Path, text: str) -> None:
    (folder / "journeyman.toml").write_text(text, encoding="utf-8")


def test_the_defaults_are_those_of_the_design(tmp_path: Path, monkeypatch: object) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.model.name == "local/qwen2.5-coder-1.5b"
    assert settings.budget.budget().steps == 8
    assert settings.gates.gates().siblings == 5
    assert settings.sandbox.limits().memory_mb == 256
    assert settings.practice.seconds == 1200


def test_the_workspace_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert load_settings(tmp_path, {}).workspace == tmp_path / "data" / "journeyman"


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[model]\nname = "a"\ncontext = 1024\n[budget]\nsteps = 3\n')
    environ = {"JOURNEYMAN_MODEL__NAME": "b", "JOURNEYMAN_BUDGET__STEPS": "4"}
    settings = load_settings(tmp_path, environ, {"model.name": "c"})
    assert settings.model.name == "c"
    assert settings.model.context == 1024
    assert settings.budget.steps == 4


def test_a_list_in_the_environment_is_split_at_commas(tmp_path: Path) -> None:
    environ = {"JOURNEYMAN_BROWSER__DOMAINS": "a.test, b.test"}
    assert load_settings(tmp_path, environ).browser.domains == ("a.test", "b.test")


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        load_settings(tmp_path, {}).model.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ("[model]\ncontext = 1", {}, ["model.context", "journeyman.toml", "greater"]),
        ("[model]\nnmae = 'x'", {}, ["model.nmae", "journeyman.toml", "name, weights"]),
        ("[nonsense]\nx = 1", {}, ["nonsense", "journeyman.toml", "workspace"]),
        ("model = 3", {}, ["model", "journeyman.toml"]),
        ("[model", {}, ["journeyman.toml", "TOML"]),
        ("[sandbox]\nbackend = 'none'", {}, ["sandbox.backend", "bubblewrap", "landlock"]),
        ("", {"JOURNEYMAN_BUDGET__STEPS": "many"}, ["budget.steps", "BUDGET__STEPS", "many"]),
        ("", {"JOURNEYMAN_WORKSAPCE": "/x"}, ["worksapce", "JOURNEYMAN_WORKSAPCE"]),
        ("model = 3", {"JOURNEYMAN_MODEL__NAME": "x"}, ["model"]),
        ("[model]\nname = 'x'", {"JOURNEYMAN_MODEL": "3"}, ["model"]),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_key_and_place(
    tmp_path: Path, text: str, environ: dict[str, str], words: list[str]
) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, environ)
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said


@given(st.dictionaries(st.text(max_size=12).map(lambda t: f"JOURNEYMAN_{t}"), st.text(max_size=8)))
def test_any_environment_gives_settings_or_a_config_error(environ: dict[str, str]) -> None:
    try:
        assert isinstance(load_settings(Path("/nonexistent"), environ), Settings)
    except ConfigError as error:
        assert str(error)
