"""Answers the primitive calls of code inside a sandbox, on one page: the door to the browser.

Each call is checked against the vocabulary and the bounds of its run, then carried out. A secret is
resolved here, at the moment of typing; whatever comes back from the page, errors too, has gone
through `Secrets.hide`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import NoReturn

from . import EpisodeOver, PrimitiveFailed, PrimitiveRefused
from .base import Json, View
from .bounds import EVERYTHING, Bounds
from .locators import describe
from .page import QUIET, LivePage
from .primitives import CONTENT, PRIMITIVES, problem
from .secrets import NO_SECRETS, PLACEHOLDER, Secret, Secrets
from .typist import type_secret

LEAVE_SECONDS, OPEN_SECONDS = 10, 20
"""How long an address may take from the tab in view, and then from a fresh one."""
Over = Callable[[], Awaitable[bool]]
"""Whether the task has ended, so that nothing goes on."""


class PageServer:
    """Answers primitive calls on one page, within bounds; no secret is in what it gives back."""

    def __init__(
        self,
        page: LivePage,
        *,
        over: Over | None = None,
        bounds: Bounds = EVERYTHING,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self.page = page
        self.bounds = bounds
        self.secrets = secrets
        self.excesses: list[str] = []
        """The calls refused for being beyond the bounds, as sentences."""
        self._over = over

    async def ended(self) -> bool:
        return self._over is not None and await self._over()

    async def look(self, quiet: float | None = None) -> View:
        """See the page, once it has been still for `quiet` seconds; at once for 0."""
        if quiet == 0:
            return self.secrets.hide_view(await self.page.glance())
        return self.secrets.hide_view(await self.page.look(QUIET if quiet is None else quiet))

    async def serve(self, primitive: str, args: dict[str, Json]) -> Json:
        """Carry out one call. Raises `PrimitiveFailed`, `PrimitiveRefused` or `EpisodeOver`."""
        try:
            wrong = problem(primitive, args)
            if wrong is not None:
                raise PrimitiveFailed(wrong)
            within = functools.partial(self._within, primitive, args)
            within(await self.page.call("origin") if self.bounds.origins is not None else "")
            secret = self._secret(primitive, args)
            if await self.ended():
                raise EpisodeOver("the task has ended")
            # The page may go elsewhere at any moment: each document says itself where it is.
            self.page.permit = within
            reply = await self._carry_out(primitive, dict(args), secret)
            if PRIMITIVES[primitive].effect == "read":
                within(self.page.origin)
        except (PrimitiveFailed, PrimitiveRefused, EpisodeOver) as error:
            self._raise(error, type(error), str(error))
        except Exception as error:
            reason = self.secrets.hide(str(error)).splitlines()
            said = reason[0][:200] if reason else type(error).__name__
            self._raise(error, PrimitiveFailed, f"{primitive} failed in the browser: {said}")
        return self.secrets.hide_json(reply)

    def _raise(self, error: Exception, kind: type[Exception], message: str) -> NoReturn:
        """Raise a message without secrets; what caused it stays with it if it holds none."""
        if self.secrets.shows(str(error)):
            raise kind(self.secrets.hide(message)) from None
        raise error if kind is type(error) else kind(message) from error

    def _within(self, primitive: str, args: dict[str, Json], origin: str) -> None:
        beyond = self.bounds.refuse(primitive, args, origin)
        if beyond is not None:
            self.excesses.append(self.secrets.hide(beyond))
            raise PrimitiveRefused(beyond)

    def _secret(self, primitive: str, args: dict[str, Json]) -> Secret | None:
        """The secret to be typed. Raises `PrimitiveRefused` for one named or held elsewhere."""
        texts = {key: text for key, text in args.items() if isinstance(text, str)}
        typed = texts.pop("text", "") if primitive == "fill" else ""
        if any(PLACEHOLDER.search(text) for text in texts.values()):
            raise PrimitiveRefused("a secret is typed by fill, as its text; it has no other place")
        if any(self.secrets.shows(text) for text in (typed, *texts.values())):
            raise PrimitiveRefused("a call holds the value of a secret: name its placeholder")
        return self.secrets.named(typed)

    async def _unseen(self, locator: dict[str, Json]) -> None:
        """Refuse to look for an element by its texts while these show a secret: whether one is
        found would tell the secret letter by letter."""
        if not self.secrets or locator.keys() <= {"role", "nth"}:
            return
        for element in (await self.page.glance()).elements:
            texts = (element.name, element.kind, *element.row)
            if element.role == locator["role"] and any(map(self.secrets.shows, texts)):
                raise PrimitiveRefused(
                    f"a {element.role} shows a secret: look for it by role and nth alone"
                )

    async def _carry_out(
        self, primitive: str, args: dict[str, Json], secret: Secret | None
    ) -> Json:
        page = self.page
        extra = {key: args.pop(key) for key in PRIMITIVES[primitive].extra if key in args}
        if PRIMITIVES[primitive].locates:
            await self._unseen(args)
        if secret is not None:
            return await type_secret(page, args, secret.value, secret.refuse)
        match primitive:
            case "click":
                return await page.click(args)
            case "fill":
                return await page.fill(args, extra["text"])
            case "select":
                return await page.select(args, extra["option"])
            case "check":
                return await page.check(args, extra.get("on", True))
            case "press":
                return await page.press(extra["key"])
            case "upload":
                return await page.upload(args, extra["file"], args.pop(CONTENT))
            case "accept_dialog":
                return page.tabs.answer(extra.get("text", ""))
            case "open_url":
                return await open_url(page, extra["url"])
            case "value":
                held = await page.call("value", args)
                if held is None:
                    raise PrimitiveFailed(f"there is no {describe(args)} in view")
                return held
            case "visible":
                return await page.read("count", args) > args.get("nth", 0)
            case "text":
                return await page.read("text", 10_000)
        return await page.read(primitive, args)


async def open_url(page: LivePage, url: str) -> None:
    """Go to an address. Raises `PrimitiveRefused` for schemes other than http and https."""
    if not url.startswith(("http://", "https://")):
        raise PrimitiveRefused(f"{url[:80]!r} is not an http or https address")
    await page.tabs.fresh()
    for attempt in range(3):
        patience = LEAVE_SECONDS if attempt == 0 else OPEN_SECONDS
        try:
            response = await page.page.goto(url, wait_until="load", timeout=patience * 1000)
            break
        except Exception as error:
            if attempt == 0 and "Timeout" in str(error):
                # A page that changes its own address without end keeps its tab from leaving it.
                await page.tabs.anew()
                continue
            # The browser's own error page of an address refused before may still be on its way.
            if attempt < 2 and "interrupted by another navigation" in str(error):
                await asyncio.sleep(0.2)
                continue
            denied = page.denials()
            if denied:
                raise PrimitiveRefused(denied[-1]) from error
            reason = str(error).splitlines()[0].removeprefix("Page.goto: ").partition(" at ")[0]
            raise PrimitiveFailed(
                f"{url} could not be opened ({reason[:120]}): check the address and the connection"
            ) from error
    if response is not None and response.status == 403 and response.headers.get("x-policy"):
        raise PrimitiveRefused((await response.text())[:300])
