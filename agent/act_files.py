"""act, on files: the model writes one program, which runs where the files are."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..memory.trajectory import Step
from ..skills import SkillError
from ..skills.manifest import imported
from ..skills.skill import Manifest, Skill
from ..skills.tools import tools_of
from .files_episode import FilesEpisode
from .parts import Parts
from .reply import PROGRAM, fenced, signature
from .state import AgentState, Update
from .templates import render

PROGRAM_TOKENS = 700
OUTPUT = 1500
"""Characters of a program's output that the model is shown."""
RETRY_TEMPERATURE = 0.5
"""Of a program after one that did not do: the likeliest reply is often the same program again."""


async def write(state: AgentState, parts: Parts, files: FilesEpisode) -> Update:
    """Have a program written and run it. One that ends well and has changed files is the last."""
    assert parts.model is not None
    start = time.perf_counter()
    shown, before = await files.view(), await files.state()
    skills = [parts.library.get(name) for name in state.skills] if parts.library else []
    parts.prompt = render(
        "write",
        goal=state.goal,
        files=shown.text,
        lessons=state.lessons,
        skills=[signature(skill) for skill in skills],
        program=state.history[-1] if state.history else "",
        note=state.note,
    )
    reply = await parts.model.complete(
        [
            {"role": "system", "content": render("write_system")},
            {"role": "user", "content": parts.prompt},
        ],
        grammar=PROGRAM,
        temperature=max(parts.temperature, RETRY_TEMPERATURE if state.history else 0.0),
        max_tokens=max(PROGRAM_TOKENS, parts.settings.model.max_tokens),
        seed=parts.seed + len(state.history),
        adapters=state.mix or None,
    )
    code = fenced(parts.secrets.hide(reply.text))
    library = _callable(code, parts)
    result = await files.run(code, library)
    after = await files.state()
    told = "\n".join(filter(None, [result.output[-OUTPUT:], result.error]))
    changed = not after or after != before
    step = Step(
        number=state.steps + 1,
        action=code,
        observation=told,
        error=None if result.ok else result.error,
        prompt_tokens=reply.usage.prompt_tokens,
        reply_tokens=reply.usage.reply_tokens,
        model_calls=1,
        seconds=time.perf_counter() - start,
        skills=(*_called(skills, result.called), *state.mix),
        prompt=parts.prompt,
    )
    await parts.keep(state.trajectory, step)
    parts.say("action", code, seconds=step.seconds, error=step.error or "")
    parts.say("observation", told)
    return {
        "steps": state.steps + 1,
        "tokens": state.tokens + reply.usage.prompt_tokens + reply.usage.reply_tokens,
        "history": [*state.history, code],
        "note": told or ("" if changed else "it printed nothing and changed no file"),
        "finished": result.ok and changed,
        "stopped": "its program ended well" if result.ok and changed else "",
    }


def _callable(code: str, parts: Parts) -> Mapping[str, str]:
    """The sources of what the program imports of the library, as far as that is in service."""
    if parts.library is None:
        return {}
    tools = tools_of(parts.library)
    found: dict[str, str] = {}
    for name in imported(code):
        try:
            found.update(tools(Manifest((), (), tools=(name.replace("_", "-"),))))
        except SkillError:
            continue  # The program will say what is missing.
    return found


def _called(skills: list[Skill], names: tuple[str, ...]) -> list[str]:
    return [s.credit for s in skills if s.current.function in names]
