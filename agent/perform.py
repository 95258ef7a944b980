"""One reply as runs: what it calls of the library runs alone, within its manifest.

All code of a run shares one interpreter, so the host cannot tell which of it makes a call; what it
can decide is who is in a run. A reply of plain calls is cut in pieces: each call of a skill is a
run of its own, held to that skill's manifest, and what stands between has no skill at hand. A reply
that cannot be cut, with loops or variables around a skill, is one run within what the manifests of
all its skills have in common; an excess there is refused, and held against none of them.
"""

from __future__ import annotations

import ast
import functools
import operator
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..sandbox.base import Result
from ..sandbox.bounds import EVERYTHING
from ..skills import SkillError
from ..skills.skill import Evidence, Skill, SkillVersion
from ..skills.tools import tools_of
from .episode import PageEpisode, Watch
from .parts import Parts

SECONDS = 30.0
"""The most that one reply may take."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a reply that is one run, and the skills it is held to."""

    code: str
    skills: tuple[Skill, ...] = ()
    alone: bool = False
    """Whether it is nothing but the call of its one skill."""


def pieces(code: str, skills: Sequence[Skill]) -> list[Piece]:
    """Cut a reply into runs."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Piece(code)]
    functions = {skill.current.function: skill for skill in skills}
    named = tuple(functions[name] for name in functions if any(_names(node, name) for node in body))
    calls = [node for node in body if not _imports(node)]
    if not named or not all(map(_plain, calls)):
        return [Piece(code, named)]
    found: list[Piece] = []
    for node in calls:
        text = ast.get_source_segment(code, node) or ""
        skill = next((functions[name] for name in functions if _names(node, name)), None)
        if skill is not None:
            found.append(Piece(text, (skill,), alone=True))
        elif found and not found[-1].skills:
            found[-1] = Piece(f"{found[-1].code}\n{text}")
        else:
            found.append(Piece(text))
    return found


async def perform(code: str, skills: Sequence[Skill], page: PageEpisode, parts: Parts) -> Result:
    """Run a reply piece by piece until one fails, or what comes into view ends it."""
    end = time.perf_counter() + min(parts.limits.seconds, SECONDS)
    watch = None if parts.bare else Watch()
    result = Result(0)
    called: list[str] = []
    for piece in pieces(code, skills):
        left = max(0.1, round(end - time.perf_counter(), 1))
        result = await _run(piece, page, parts, watch, left)
        called += [piece.skills[0].current.function] if piece.alone else result.called
        if not result.ok or (watch is not None and watch.stopped):
            break
    return Result(
        result.exit_code, result.output, result.error, result.timed_out, result.value, tuple(called)
    )


async def _run(
    piece: Piece, page: PageEpisode, parts: Parts, watch: Watch | None, seconds: float
) -> Result:
    versions = [skill.current for skill in piece.skills]
    library = {version.function: version.code for version in versions}
    if versions:
        assert parts.library is not None
        try:
            for version in versions:
                library |= tools_of(parts.library)(version.manifest)
        except SkillError as missing:
            return Result(1, error=str(missing))
    imports = [f"from library import {version.function}" for version in versions]
    within = (version.manifest.bounds for version in versions)
    bounds = functools.reduce(operator.and_, within, EVERYTHING)
    before = len(page.excesses())
    code = "\n".join([*imports, piece.code])
    result = await page.run(code, library, bounds, watch=watch, seconds=seconds)
    beyond = page.excesses()[before:]
    if beyond and piece.alone:
        await exceeded(versions[0], beyond[0], parts)
        return Result(1, result.output, result.error or beyond[0], called=result.called)
    return result


async def exceeded(version: SkillVersion, reason: str, parts: Parts) -> None:
    """Keep that a version made a call beyond its manifest; nothing is kept in an exam."""
    if parts.credit and parts.library is not None:
        await parts.library.record(
            Evidence(
                name=version.name,
                version=version.version,
                kind="excess",
                success=False,
                task_id=parts.task.id,
                reason=reason,
            )
        )


def _names(node: ast.AST, name: str) -> bool:
    """Whether a name stands anywhere in the code."""
    return any(
        (isinstance(inner, ast.Name) and inner.id == name)
        or (isinstance(inner, ast.alias) and inner.name == name)
        for inner in ast.walk(node)
    )


def _imports(node: ast.stmt) -> bool:
    """Whether a statement only brings in by name what is at hand anyway."""
    if not isinstance(node, ast.ImportFrom) or node.module not in ("library", "page"):
        return False
    return all(alias.asname is None for alias in node.names)


def _plain(node: ast.stmt) -> bool:
    """Whether a statement is one call of a name with literal arguments, and so needs no other."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    values = [*call.args, *(word.value for word in call.keywords if word.arg is not None)]
    try:
        for value in values:
            ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return isinstance(call.func, ast.Name) and all(word.arg for word in call.keywords)
