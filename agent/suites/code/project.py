"""What a chore has to know of a package: its functions, and the mistakes it can be given."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from ....sandbox.base import Json

Arguments = tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a package."""

    call: Callable[..., Json]
    draw: Callable[[random.Random], Arguments]
    telling: tuple[Arguments, ...] = ()
    """Arguments on the edges of what it does: always tried."""
    other: str = ""
    """Another good name for it."""

    @property
    def name(self) -> str:
        return self.call.__name__

    @property
    def module(self) -> str:
        return self.call.__module__.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake: in a module, the right text and what stands there instead."""

    module: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Project:
    """A package with its settings, its functions and the mistakes it can be given."""

    package: ModuleType
    settings: ModuleType
    modules: tuple[ModuleType, ...]
    functions: tuple[Function, ...]
    bugs: tuple[Bug, ...]

    @property
    def name(self) -> str:
        return self.package.__name__.rpartition(".")[2]

    def sources(self) -> dict[str, str]:
        """The text of each module by its path in a repository."""
        named = {f"{self.name}/__init__.py": inspect.getsource(self.package)}
        for module in (self.settings, *self.modules):
            short = module.__name__.rpartition(".")[2]
            named[f"{self.name}/{short}.py"] = inspect.getsource(module)
        return named

    def constants(self) -> dict[str, int]:
        """The settings by name."""
        return {name: value for name, value in vars(self.settings).items() if name.isupper()}
