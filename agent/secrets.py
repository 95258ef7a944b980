"""The values of the secrets that the settings name: read here, given to the page, never written.

A value comes from `JOURNEYMAN_SECRET_<NAME>` in the environment, or from a file that only its owner
can read. Covered: files of others or with loose permissions, values in a goal or an address.
Not covered: who else can read this process's environment.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..memory.trajectory import Task
from ..sandbox.secrets import LONGEST, Secret, Secrets
from . import ConfigError
from .config import VALUES, SecretSettings


def read_secrets(
    named: Mapping[str, SecretSettings], environ: Mapping[str, str] | None = None
) -> Secrets:
    """The secrets with their values. Raises ConfigError, never with a value in it."""
    found = []
    for name, about in named.items():
        name = name.replace("_", "-")
        value = _value(name, about.file, os.environ if environ is None else environ)
        try:
            found.append(Secret(name, value, about.domains))
        except ValueError as error:
            raise ConfigError(str(error)) from None
    return Secrets(found)


def without(secrets: Secrets, task: Task) -> Task:
    """The task with placeholders for values a person has put into its goal. Raises ConfigError."""
    if secrets.shows(task.url):
        raise ConfigError(
            "the address to begin at holds the value of a secret: addresses are kept and sent on;"
            " begin at a page without it"
        )
    return replace(task, goal=secrets.hide(task.goal))


def _value(name: str, file: Path | None, environ: Mapping[str, str]) -> str:
    if file is not None:
        return _from_file(name, file.expanduser())
    variable = VALUES + name.upper().replace("-", "_")
    if variable not in environ:
        raise ConfigError(
            f"the secret {name} has no value: set {variable}, or name a file of your own with"
            f" secrets.{name}.file"
        )
    return environ[variable]


def _from_file(name: str, path: Path) -> str:
    """The file's one line. Looked at through the open file, so that it is the one that is read."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            data = file.read(4 * LONGEST + 2)
    except OSError as error:
        raise ConfigError(
            f"the file {path} of the secret {name} cannot be read: {error.strerror}"
        ) from error
    if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise ConfigError(
            f"the file {path} of the secret {name} must be yours and closed to others:"
            f" chmod 600 {path}"
        )
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"the file {path} of the secret {name} is no UTF-8 text") from None
