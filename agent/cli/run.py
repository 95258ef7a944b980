"""`journeyman run`: one task, on a page, on files or from a suite."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ...sandbox.policy import Policy, normal_host
from ...sandbox.secrets import NAME
from . import Refused
from .learn import choose
from .options import Model, Workspace, settings_of
from .plain import plain

if TYPE_CHECKING:
    from ...memory.trajectory import Trajectory
    from ..config import Settings
    from ..events import Event
    from ..suites import Suite

NOT_SOLVED = 1


def run(
    context: typer.Context,
    goal: Annotated[str, typer.Argument(help="What is to be done, in words.")] = "",
    url: Annotated[str, typer.Option("--url", help="The page to begin at.")] = "",
    files: Annotated[
        Path | None,
        typer.Option("--files", metavar="FOLDER", help="Work on a copy of these files instead."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="New folder for the files that come out."),
    ] = None,
    suite: Annotated[
        str, typer.Option("--suite", metavar="NAME:FAMILY", help="A suite's task instead.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which task of the family.")] = 0,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="DOMAIN", help="A further domain it may reach."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="NAME@DOMAIN",
            help="What it may type there: the value of JOURNEYMAN_SECRET_NAME.",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace", metavar="FOLDER", help="Keep a Playwright trace: all seen, sent and typed."
        ),
    ] = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Do one task and show each step. The exit status is 1 when it was not solved.

    \b
    Examples:
      journeyman run --url https://example.org "open the imprint"
      journeyman run --url examples/site/index.html "book a table for Ada"
      journeyman run --files orders --out result "write the sum of column amount to total.txt"
      journeyman run --url https://shop.example --secret pin@shop.example "log in with my pin"
      journeyman run --suite miniwob:login-user --seed 7
    """
    _one_start(goal, url, files, out, suite)
    more: dict[str, Any] = {"browser__domains": domains(allow)} if allow else {}
    more |= named_secrets(secret or [])
    settings = settings_of(context, model, workspace, **more)
    if suite:
        from ..suites import parse_task

        parse_task(suite)
        source, (family,) = choose(suite, "")
        trajectory = asyncio.run(_from_suite(settings, source, family, seed, trace))
    elif files is not None and out is not None:
        trajectory = asyncio.run(_on_files(settings, goal, files, out))
    else:
        trajectory = asyncio.run(_from_url(settings, goal, checked_url(url), trace))
    _end(trajectory)


def _one_start(goal: str, url: str, files: Path | None, out: Path | None, suite: str) -> None:
    """See that a task has one goal and one start, and loses nothing. Raises Refused."""
    if bool(suite) == bool(goal):
        raise Refused('say a goal with --url or --files ("…"), or --suite NAME:FAMILY with --seed')
    if sum(map(bool, (url, files, suite))) > 1:
        raise Refused("--url, --files and --suite exclude each other: a task has one start")
    if (files is None) != (out is None):
        raise Refused("--files says what to work on and --out where the result goes: give both")
    if files is not None and not files.is_dir():
        raise Refused(f"there is no folder at {files}: correct --files")
    if out is not None and out.exists():
        raise Refused(f"{out} is there already: --out names a new folder, so nothing is lost")


def checked_url(url: str) -> str:
    """The address, or the path of a local page, when it can be one. Raises Refused."""
    if not url:
        raise Refused("say with --url at which page to begin, such as --url https://example.org")
    if url.startswith("file:"):
        raise Refused(f"{url}: say the path alone, and its folder is served to the browser")
    if "://" not in url:
        # Not Path.exists, which raises for a name that is too long.
        if os.path.exists(url):
            return url
        if url.startswith(("/", ".")) or url.endswith((".html", ".htm")):
            raise Refused(f"there is no page at {url}: correct --url")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"{url} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host or normal_host(host) is None:
        raise Refused(f"{url} is no web address: it begins with http:// or https:// and a host")
    return url


def domains(allow: list[str]) -> tuple[str, ...]:
    """The domains when each is one that a policy knows. Raises Refused."""
    try:
        Policy(allowed=tuple(allow))
    except ValueError as error:
        raise Refused(f"--allow: {error}") from error
    return tuple(allow)


def named_secrets(given: list[str]) -> dict[str, Any]:
    """`shop-password@shop.example` as settings; a name again adds a domain. Raises Refused."""
    found: dict[str, Any] = {}
    for text in given:
        name, at, domain = text.partition("@")
        if not at or not NAME.fullmatch(name) or not domain:
            # Not repeated: someone may have given the value itself.
            raise Refused(
                "--secret is NAME@DOMAIN, such as shop-password@shop.example; the value stands in"
                " the environment, as JOURNEYMAN_SECRET_SHOP_PASSWORD"
            )
        found.setdefault(f"secrets__{name}__domains", []).append(domain)
    return found


async def _from_url(settings: Settings, goal: str, url: str, trace: Path | None) -> Trajectory:
    from ..run import Agent

    async with Agent(settings, traces=trace) as agent:
        return await agent.run(goal, url, on_event=_show)


async def _on_files(settings: Settings, goal: str, folder: Path, out: Path) -> Trajectory:
    from ...sandbox.files import unpack
    from ..run import Agent
    from ..suites.folder import Folder

    source = Folder(folder)
    async with Agent(settings) as agent:
        task = source.asked(goal, settings.budget.budget())
        trajectory = await agent.attempt(task, source, on_event=_show)
    unpack(source.export, out)
    print(f"{len(source.export.files)} files in {out}")
    for path, why in source.export.left_out.items():
        print(plain(f"left out: {path}: {why}"))
    return trajectory


async def _from_suite(
    settings: Settings, suite: Suite, family: str, seed: int, trace: Path | None
) -> Trajectory:
    from ..run import Agent

    async with Agent(settings, traces=trace) as agent:
        task = await agent.task(suite, family, seed)
        return await agent.attempt(task, suite, on_event=_show)


def _show(event: Event) -> None:
    from rich.console import Console

    from .events import line

    text = line(event)
    if text is not None:
        Console(highlight=False).print(text, soft_wrap=True)


def _end(trajectory: Trajectory) -> None:
    from .events import ending

    print(ending(trajectory))
    if trajectory.outcome.success is False:
        raise typer.Exit(NOT_SOLVED)
