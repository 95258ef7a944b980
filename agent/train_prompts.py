"""How the agent asks its model, told to whoever makes training samples of its trajectories.

A model is trained to do without the skills that were offered at rollout: their lines are taken out,
and what remains is the prompt as it would have been rendered without them.

Not covered: a page or a file that shows such a line itself loses it.
"""

from __future__ import annotations

import re
from functools import cache

from ..memory.trajectory import Step, Trajectory
from ..skills.written import of_files
from .reply import SIGNATURE
from .templates import render

OFFERS = ("offer_call", "offer_function")
"""The templates of the lines that offer a skill; `act` and `write` include them."""


class AgentPrompts:
    """Implements `skills.lora.sample.Prompts` with the templates that the agent renders."""

    def system(self, trajectory: Trajectory) -> str:
        """The system message of a request: the one for files, or the one for pages."""
        return render("write_system" if of_files(trajectory) else "system")

    def strip(self, prompt: str) -> str:
        """The prompt without the lines that offered skills."""
        return _offers().sub("", prompt)

    def revision(self, trajectory: Trajectory, step: Step) -> str:
        """A thought on a wrong step: what was wrong with it, and that it is done another way."""
        reason = step.error or trajectory.extra.get("reflection") or trajectory.outcome.reason
        return render("revision", reason=" ".join(reason.split()).rstrip("."))


@cache
def _offers() -> re.Pattern[str]:
    begins = "|".join(re.escape(render(name, skill="")) for name in OFFERS)
    return re.compile(f"^(?:{begins}){SIGNATURE}\n", re.MULTILINE)
