"""Asks the model for programs that do again, for any goal of one form, what was done once."""

from __future__ import annotations

import textwrap

from ..memory.trajectory import Trajectory
from ..sandbox.primitives import PRIMITIVES
from ..skills.candidates import name_for
from ..skills.induce import Propose
from ..skills.skill import Template, function_name
from ..skills.template import ANNOTATIONS
from .act_page import plain
from .model import Model
from .templates import render

SAMPLES = 3


def proposer(model: Model, samples: int = SAMPLES) -> Propose:
    """A function that asks `model` for several different programs for one trajectory."""

    async def propose(trajectory: Trajectory, template: Template) -> list[str]:
        calls = [call for step in trajectory.steps for call in step.calls if call.effect != "read"]
        doc = f"Do what is asked by: {template.text}".replace('"', "'")
        header = (
            f"from page import {', '.join(PRIMITIVES)}\n\n\n"
            f"def {function_name(name_for(template))}"
            f"({', '.join(f'{s.name}: {ANNOTATIONS[s.kind]}' for s in template.slots)}) -> None:\n"
            f'    """{doc}"""\n'
        )
        prompt = render(
            "induce",
            form=template.text,
            goal=trajectory.task.goal,
            calls=[plain(call) for call in calls if not call.error],
            header=header,
        )
        found: dict[str, None] = {}
        for seed in range(samples):
            reply = await model.complete(
                [{"role": "user", "content": prompt}],
                temperature=0.0 if seed == 0 else 0.8,
                max_tokens=200,
                seed=seed,
            )
            found.setdefault(f'"""{doc}"""\n\n{header}{body(reply.text)}\n')
        return list(found)

    return propose


def body(reply: str) -> str:
    """The indented body of the function in a reply, whether or not it repeats the header."""
    text = reply.split("```")[1].removeprefix("python") if reply.count("```") >= 2 else reply
    lines = text.strip("\n").splitlines()
    start = next((i + 1 for i, line in enumerate(lines) if line.startswith("def ")), 0)
    kept = [
        line for line in lines[start:] if not line.strip().startswith(('"""', "from ", "import "))
    ]
    inner = []
    for line in kept:
        if start and line.strip() and not line.startswith((" ", "\t")):
            break  # whatever follows the function
        inner.append(line)
    return textwrap.indent(textwrap.dedent("\n".join(inner)).strip("\n"), "    ") or "    return"
