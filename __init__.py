"""Journeyman: do it once with a language model; keep it as tested code.

    from journeyman import Agent

    async with Agent() as agent:
        trajectory = await agent.run("Enter Ada into the text field", "examples/site/index.html")

Nothing heavy is imported until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeyman.agent.config import Settings, load_settings
    from journeyman.agent.events import Event
    from journeyman.agent.model import Model, Reply, Usage
    from journeyman.agent.run import Agent
    from journeyman.agent.scripted import ScriptedModel
    from journeyman.agent.suites import open_suite
    from journeyman.memory.journal import Journal
    from journeyman.memory.trajectory import Budget, Outcome, Step, Task, Trajectory
    from journeyman.sandbox.base import Limits, Result, Sandbox
    from journeyman.sandbox.scripted import ScriptedSandbox
    from journeyman.sandbox.secrets import Secret, Secrets
    from journeyman.skills.library import SkillLibrary
    from journeyman.skills.skill import Evidence, Skill, SkillVersion, Status

__version__ = "0.1.0"

_HOMES = {
    "Agent": "agent.run",
    "Budget": "memory.trajectory",
    "Event": "agent.events",
    "Evidence": "skills.skill",
    "Journal": "memory.journal",
    "Limits": "sandbox.base",
    "Model": "agent.model",
    "Outcome": "memory.trajectory",
    "Reply": "agent.model",
    "Result": "sandbox.base",
    "Sandbox": "sandbox.base",
    "ScriptedModel": "agent.scripted",
    "ScriptedSandbox": "sandbox.scripted",
    "Secret": "sandbox.secrets",
    "Secrets": "sandbox.secrets",
    "Settings": "agent.config",
    "Skill": "skills.skill",
    "SkillLibrary": "skills.library",
    "SkillVersion": "skills.skill",
    "Status": "skills.skill",
    "Step": "memory.trajectory",
    "Task": "memory.trajectory",
    "Trajectory": "memory.trajectory",
    "Usage": "agent.model",
    "load_settings": "agent.config",
    "open_suite": "agent.suites",
}

__all__ = [
    "Agent",
    "Budget",
    "Event",
    "Evidence",
    "Journal",
    "Limits",
    "Model",
    "Outcome",
    "Reply",
    "Result",
    "Sandbox",
    "ScriptedModel",
    "ScriptedSandbox",
    "Secret",
    "Secrets",
    "Settings",
    "Skill",
    "SkillLibrary",
    "SkillVersion",
    "Status",
    "Step",
    "Task",
    "Trajectory",
    "Usage",
    "__version__",
    "load_settings",
    "open_suite",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'journeyman' has no attribute {name!r}")
    return getattr(importlib.import_module(f"journeyman.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
