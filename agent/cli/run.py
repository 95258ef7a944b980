"""`journeyman run`: one task, on a page or from a suite."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ...sandbox.policy import Policy, normal_host
from . import Refused
from .learn import choose
from .options import Model, Workspace, settings_of

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
    suite: Annotated[
        str, typer.Option("--suite", metavar="NAME:FAMILY", help="A suite's task instead.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which task of the family.")] = 0,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="DOMAIN", help="A further domain it may reach."),
    ] = None,
    model: Model = None,
    workspace: Workspace = None,
) -> None:
    """Do one task and show each step. The exit status is 1 when it was not solved.

    \b
    Examples:
      journeyman run --url https://example.org "open the imprint"
      journeyman run --url examples/site/index.html "book a table for Ada"
      journeyman run --suite miniwob:login-user --seed 7
    """
    if bool(suite) == bool(goal):
        raise Refused('say either a goal with --url ("…"), or --suite NAME:FAMILY with --seed')
    if suite and url:
        raise Refused("--url and --suite exclude each other: a suite's task has its own page")
    more: dict[str, Any] = {"browser__domains": domains(allow)} if allow else {}
    settings = settings_of(context, model, workspace, **more)
    if suite:
        from ..suites import parse_task

        parse_task(suite)
        source, (family,) = choose(suite, "")
        trajectory = asyncio.run(_from_suite(settings, source, family, seed))
    else:
        trajectory = asyncio.run(_from_url(settings, goal, checked_url(url)))
    _end(trajectory)


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


async def _from_url(settings: Settings, goal: str, url: str) -> Trajectory:
    from ..run import Agent

    async with Agent(settings) as agent:
        return await agent.run(goal, url, on_event=_show)


async def _from_suite(settings: Settings, suite: Suite, family: str, seed: int) -> Trajectory:
    from ..run import Agent

    async with Agent(settings) as agent:
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
