"""Secrets through a whole agent: read from where a person put them, used, learnt, and never kept."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent import ConfigError
from journeyman.agent.cli import Refused
from journeyman.agent.cli.run import named_secrets
from journeyman.agent.config import SecretSettings, Settings, load_settings
from journeyman.agent.report import build_from
from journeyman.agent.run import Agent
from journeyman.agent.secrets import read_secrets, without
from journeyman.memory.trajectory import Budget, Outcome, Task
from journeyman.sandbox.browser import Browser
from journeyman.sandbox.page import LivePage, answered
from journeyman.sandbox.policy import Policy
from journeyman.sandbox.secrets import Secret, Secrets
from journeyman.sandbox.server import open_url
from journeyman.skills import NotAdmitted
from journeyman.skills.skill import Candidate, TrialReport

Make = Callable[..., Agent]
VALUE = "s3cret & <pass>'word"
NAMED = "<secret:shop-password>"
SECRETS = Secrets([Secret("shop-password", VALUE, ("http://shop.test",))])

# Where values come from ---------------------------------------------------------------------------


def test_a_value_comes_from_the_environment_and_its_domains_from_the_settings(
    tmp_path: Path,
) -> None:
    (tmp_path / "journeyman.toml").write_text('[secrets.shop-password]\ndomains = ["shop.example"]')
    environ = {
        "JOURNEYMAN_SECRET_SHOP_PASSWORD": VALUE,
        "JOURNEYMAN_SECRETS__BANK_PIN__DOMAINS": "bank.example, *.bank.example",
        "JOURNEYMAN_SECRET_BANK_PIN": "1234",
    }
    settings = load_settings(tmp_path, environ)
    held = {secret.name: secret for secret in read_secrets(settings.secrets, environ)}
    assert held["shop-password"] == Secret("shop-password", VALUE, ("shop.example",))
    assert held["bank-pin"].domains == ("bank.example", "*.bank.example")
    assert VALUE not in str(settings.model_dump(mode="json"))


def test_a_value_comes_from_a_file_that_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{VALUE}\n")
    named = {"shop-password": SecretSettings(domains=("shop.example",), file=path)}
    for mode in (0o640, 0o604, 0o620, 0o610):
        path.chmod(mode)
        with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
            read_secrets(named, {})
    path.chmod(0o600)
    (secret,) = read_secrets(named, {})
    assert secret.value == VALUE
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secrets(named, {})
    os.mkdir(path, 0o700)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secrets(named, {})


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ('[secrets.pin]\ndomains = ["a.test"]', {}, ["JOURNEYMAN_SECRET_PIN", "secrets.pin.file"]),
        ('[secrets.pin]\nvalue = "s3cret"', {}, ["[secrets.NAME]", "a file"]),
        (
            '[secrets.pin]\ndomains = ["a.test"]\nvalue = "s3cret"',
            {},
            ["no setting", "domains, file"],
        ),
        ('[secrets]\npin = "s3cret"', {}, ["secrets.pin", "[secrets.NAME]"]),
        ('secrets = "s3cret"', {}, ["[secrets.NAME]"]),
        ("[secrets.pin]\ndomains = 3", {}, ["[secrets.NAME]"]),
        ('[secrets.pin]\ndomains = ["*"]', {"JOURNEYMAN_SECRET_PIN": "s3cret"}, ["host"]),
        (
            '[secrets.pin]\ndomains = ["a.test"]',
            {"JOURNEYMAN_SECRET_PIN": "s3\n"},
            ["one printable"],
        ),
    ],
)
def test_a_wrong_secret_is_a_sentence_that_does_not_repeat_it(
    tmp_path: Path, text: str, environ: dict[str, str], words: list[str]
) -> None:
    (tmp_path / "journeyman.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_secrets(load_settings(tmp_path, environ).secrets, environ)
    said = str(caught.value)
    assert "s3cret" not in said + "".join(traceback.format_exception(caught.value))
    assert "\n" not in said
    for word in words:
        assert word in said


def test_the_command_line_names_a_secret_and_never_holds_it(tmp_path: Path) -> None:
    given = named_secrets(["shop-password@shop.example", "shop-password@b.example"])
    assert given == {"secrets__shop-password__domains": ["shop.example", "b.example"]}
    dotted = {key.replace("__", "."): value for key, value in given.items()}
    settings = load_settings(tmp_path, {}, dotted)
    assert settings.secrets["shop-password"].domains == ("shop.example", "b.example")
    for text in ("s3cret", "Pass=s3cret@shop.example", "a@", "@b"):
        with pytest.raises(Refused, match="NAME@DOMAIN") as caught:
            named_secrets([text])
        assert "s3cret" not in str(caught.value)


def test_a_goal_with_a_value_is_kept_with_its_name_and_such_an_address_is_refused() -> None:
    task = Task("t", f"Log in with {VALUE}", "http://shop.test/")
    assert without(SECRETS, task).goal == f"Log in with {NAMED}"
    with pytest.raises(ConfigError, match="address") as caught:
        without(SECRETS, replace(task, url=f"http://shop.test/?p={VALUE}"))
    assert "s3cret" not in str(caught.value)


# A whole life of one ------------------------------------------------------------------------------

PAGE = """<!doctype html><meta charset=utf-8><title>Vault</title><body><script>
let done = false, solved = false;
const draw = (user) => {
  document.body.innerHTML = `<label>User <input id=u></label>
    <label>Password <input type=password id=p></label><p id=echo></p><button id=ok>Log in</button>`;
  p.oninput = () => { console.log(p.value); document.title = p.value; echo.textContent = p.value;
    localStorage.p = p.value; history.replaceState(0, '', '#' + encodeURIComponent(p.value)); };
  ok.onclick = () => { done = true; solved = u.value === user && p.value.length === 20;
    document.body.innerHTML = '<h1></h1><input id=again>';
    document.querySelector('h1').textContent = solved ? 'In.' : 'Out.';
    again.value = p.value; };
};
</script>"""


class Vault:
    """A log-in page that repeats what was typed wherever it can."""

    name = "vault"
    viewport = (500, 300)

    def __init__(self, folder: Path) -> None:
        (folder / "start.html").write_text(PAGE)
        self.folder = folder

    def families(self) -> list[str]:
        return ["log-in"]

    async def task(self, family: str, seed: int, browser: Browser) -> Task:
        return Task(
            f"vault:{seed}",
            f"Log in as user{seed}.",
            "http://shop.test/start.html",
            check="c",
            reset="full",
            budget=Budget(steps=3, seconds=60),
            family=family,
            seed=seed,
        )

    def trial_seeds(self, task: Task) -> Iterator[int]:
        return iter(range(5000, 5040))

    def policy(self, task: Task) -> Policy:
        return Policy(mounts={"shop.test": self.folder})

    async def start(self, page: LivePage, task: Task) -> None:
        await open_url(page, task.url)
        await page.page.evaluate("(user) => draw(user)", task.goal.split()[3].rstrip("."))

    async def over(self, page: LivePage) -> bool:
        return bool(await answered(page.page.evaluate("done")))

    async def verdict(self, page: LivePage, task: Task) -> Outcome:
        solved = await answered(page.page.evaluate("solved"))
        return Outcome(bool(solved), "check", "" if solved else f"not with {VALUE}")


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    folder = tmp_path / "pages"
    folder.mkdir()
    yield Vault(folder)


def leaks(folder: Path) -> list[str]:
    """The files that hold the value in any spelling, read as bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if SECRETS.shows(path.read_bytes().decode("latin-1"))]


def reply(user: str, password: str) -> str:
    return (
        f'fill("textbox", "User", "{user}")\nfill("textbox", "Password", "{password}")\n'
        'click("button", "Log in")'
    )


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_no_file_prompt_event_or_log_of_an_agent_ever_holds_one(
    make_agent: Make,
    vault: Vault,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Any] = []
    workspace = tmp_path / "workspace"
    agent = make_agent(
        reply("user1", NAMED), reply("user2", VALUE), secrets=SECRETS, screenshots=True,
        workspace=workspace,
    )  # fmt: skip
    first = await agent.task(vault, "log-in", 1)
    done = await agent.attempt(first, vault, on_event=events.append)
    assert done.outcome.success, done.outcome.reason
    fill = done.steps[0].calls[1]
    assert fill.args["text"] == NAMED and NAMED in fill.view + done.final_view + str(done.steps)
    assert f"You may fill in: {NAMED}" in agent.model.asked[0][1]["content"]  # type: ignore[attr-defined]
    assert leaks(workspace) == [], "with the write-ahead log still open"

    # A person puts the value into a goal and a correction; a model that knows it says it itself.
    second = replace(await agent.task(vault, "log-in", 2), goal=f"Log in as user2. Use {VALUE}")
    tried = await agent.attempt(second, vault, on_event=events.append)
    assert tried.outcome.success and tried.task.goal.endswith(NAMED)
    assert tried.steps[0].calls[1].args["text"] == NAMED
    told = await agent.feedback(
        tried.id, False, f"no: because it needs {VALUE} in the password field"
    )

    (learnt,) = await agent.learn_from([done], vault, say=lambda text: None, ask=False)
    assert learnt.version is not None, learnt.reasons
    assert NAMED in learnt.version.code and learnt.version.manifest.data == "secret"
    assert learnt.version.manifest.origins == ("http://shop.test",)
    again = await agent.attempt(await agent.task(vault, "log-in", 3), vault, on_event=events.append)
    assert again.outcome.success and again.model_calls == 0, again.outcome.reason

    await build_from(workspace, agent.settings)
    page = (workspace / "report.html").read_text()
    assert "&lt;secret:shop-password&gt;" in page
    await agent.close()
    assert leaks(workspace) == []
    asked = str([[message["content"] for message in one] for one in agent.model.asked])  # type: ignore[attr-defined]
    said = "\n".join([asked, str(told), *(f"{event}" for event in events)])
    assert NAMED in said and not SECRETS.shows(said)
    assert not SECRETS.shows(caplog.text + "".join(capfd.readouterr()))


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_the_guard_of_this_file_would_see_a_leak(
    make_agent: Make, vault: Vault, tmp_path: Path
) -> None:
    agent = make_agent(reply("user1", VALUE), workspace=tmp_path / "open")
    await agent.attempt(await agent.task(vault, "log-in", 1), vault)
    found = leaks(tmp_path / "open")
    assert any("journal.sqlite" in path for path in found) and len(found) >= 2


async def test_a_skill_that_carries_one_is_refused_and_kept_without_it(
    make_agent: Make, trusted: Callable[[], tuple[Candidate, TrialReport]], tmp_path: Path
) -> None:
    agent = await make_agent(secrets=SECRETS, workspace=tmp_path / "w").open()
    skill, report = trusted()
    for changes in (
        {"code": skill.code.replace('"User", user', f'"User", {VALUE!r}')},
        {"code": skill.code.replace("user)\n", f"user)  # {VALUE}\n")},
        {"description": f"Log in with {VALUE}."},
    ):
        bad = replace(skill, **changes)
        assert agent.library is not None
        with pytest.raises(NotAdmitted, match="holds the value of a secret") as refused:
            await agent.library.admit(bad, replace(report, digest=bad.digest))
        await agent.library.reject(bad, report, refused.value.reasons)
    assert not leaks(tmp_path / "w") and len(agent.library.rejected()) == 3


def test_settings_without_secrets_hold_none() -> None:
    assert len(read_secrets(Settings().secrets, {"JOURNEYMAN_SECRET_X": "unused"})) == 0
