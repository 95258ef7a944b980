"""The fake keeps the contract where it can."""

from __future__ import annotations

import pytest

from journeyman.sandbox import EpisodeOver, PrimitiveRefused
from journeyman.sandbox.base import Json, Limits, Result, Sandbox, Serve
from journeyman.sandbox.conformance import echo
from journeyman.sandbox.conformance_files import keeps_files
from journeyman.sandbox.scripted import Ran, ScriptedSandbox, ScriptExhausted


async def clicks(code: str, serve: Serve) -> Result:
    while True:
        await serve("click", {"role": "button"})


async def test_it_gives_replies_in_order_and_remembers() -> None:
    async def twice(code: str, serve: Serve) -> Result:
        return Result(0, code * 2, value=await serve("text", {}))

    scripted = ScriptedSandbox([Result(1, error="no"), twice])
    sandbox: Sandbox = scripted
    assert (await sandbox.run("a", serve=echo, library={"f": "x"})).error == "no"
    assert await sandbox.run("b", serve=echo) == Result(0, "bb", value=["text", {}])
    assert scripted.ran == [Ran("a", {"f": "x"}, Limits()), Ran("b", {}, Limits())]
    with pytest.raises(ScriptExhausted, match="click_all"):
        await sandbox.run("click_all()", serve=echo)
    await sandbox.close()
    assert scripted.closed


async def test_it_ends_runs_as_a_real_sandbox_does() -> None:
    async def over(primitive: str, args: dict[str, Json]) -> Json:
        raise EpisodeOver("the task has ended")

    async def refused(primitive: str, args: dict[str, Json]) -> Json:
        raise PrimitiveRefused("not in the manifest")

    async def broken(primitive: str, args: dict[str, Json]) -> Json:
        raise ZeroDivisionError

    sandbox = ScriptedSandbox([clicks] * 4)
    assert await sandbox.run("", serve=over) == Result(0)
    assert (await sandbox.run("", serve=refused)).error == "PageError: not in the manifest"
    over_budget = await sandbox.run("", serve=echo, limits=Limits(calls=3))
    assert over_budget.error == "the action made more than 3 page calls and was stopped"
    with pytest.raises(ZeroDivisionError):
        await sandbox.run("", serve=broken)


async def test_its_files_are_kept_as_any_backend_keeps_them() -> None:
    await keeps_files(ScriptedSandbox())
