"""Settings: frozen, closed, from `JOURNEYMAN_*`, then `journeyman.toml`, then the defaults.

A nested key is written `JOURNEYMAN_MODEL__NAME` in the environment and `[model] name` in the file.
Lists in the environment are separated by commas. The values of secrets, `JOURNEYMAN_SECRET_*`, are
no settings: only their names and domains are.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..memory.trajectory import Budget
from ..sandbox.base import Backend, Limits
from ..skills.skill import Gates
from . import ConfigError

PREFIX = "JOURNEYMAN_"
VALUES = "JOURNEYMAN_SECRET_"
"""How the variables begin that hold the values of secrets."""
FILE = "journeyman.toml"


class _Part(BaseModel):
    # Attribute docstrings become the fields' descriptions. An error never shows what was given:
    # someone may have put the value of a secret there.
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _split(value: Any) -> Any:
    """Let a list be written `a, b` in an environment variable."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class ModelSettings(_Part):
    """Which model thinks, and how it is asked."""

    name: str = "local/qwen2.5-coder-1.5b"
    """`local/…` for an embedded model, else any litellm name such as `ollama/llama3.1`."""
    weights: Path | None = None
    """A file with the embedded model's weights; found or fetched when unset."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Sampling temperature of ordinary requests; 0 is greedy."""
    max_tokens: int = Field(default=256, ge=1)
    """Longest reply, in tokens."""
    context: int = Field(default=4096, ge=512)
    """Context of an embedded model, in tokens."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of an embedded model; the usable cores, at most 8, when unset."""
    api_base: str | None = None
    """Address of a model server of your own (vLLM, Ollama, …)."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds a hosted model may take for one reply."""
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts where the service is at fault."""


class SandboxSettings(_Part):
    """What isolates code, and what one run of it may use."""

    backend: Backend = "auto"
    """`auto` is bubblewrap where it works, else Docker; `landlock` is weaker and only by name."""
    seconds: float = Field(default=Limits().seconds, gt=0)
    memory_mb: int = Field(default=Limits().memory_mb, ge=32)
    processes: int = Field(default=Limits().processes, ge=1)
    output_bytes: int = Field(default=Limits().output_bytes, ge=1000)
    file_mb: int = Field(default=Limits().file_mb, ge=1)
    calls: int = Field(default=Limits().calls, ge=1)
    """Primitive calls a run may make."""

    def limits(self) -> Limits:
        """The sandbox room's value."""
        return Limits(**self.model_dump(exclude={"backend"}))


class BrowserSettings(_Part):
    """Which browser, and where it may go."""

    executable: Path | None = None
    """Path of Chrome or Chromium; an installed one is looked for when unset."""
    headless: bool = True
    domains: Names = ()
    """Domains allowed beside those of the task's own start."""
    downloads_mb: int = Field(default=0, ge=0)
    """Megabytes of files that a task may receive from pages; with none they are refused."""


class BudgetSettings(_Part):
    """What one attempt may spend."""

    steps: int = Field(default=Budget().steps, ge=1)
    seconds: float = Field(default=Budget().seconds, gt=0)
    """Wall-clock seconds."""
    tokens: int = Field(default=Budget().tokens, ge=1)
    """Model tokens, prompt and reply together."""

    def budget(self) -> Budget:
        """The memory room's value."""
        return Budget(**self.model_dump())


class GateSettings(_Part):
    """What admission and trust ask for."""

    siblings: int = Field(default=Gates().siblings, ge=1)
    """Sibling tasks that must all pass, beside the source."""
    trust: float = Field(default=Gates().trust, gt=0, lt=1)
    """Lower bound of the success rate from which a skill is executed directly."""
    degrade_after: int = Field(default=Gates().degrade_after, ge=1)
    """Failed uses in a row that degrade a version."""

    def gates(self) -> Gates:
        """The skills room's value."""
        return Gates(**self.model_dump())


class PracticeSettings(_Part):
    """How long and how hard to practise."""

    seconds: float = Field(default=1200.0, gt=0)
    """Wall-clock seconds for all families together."""
    attempts: int = Field(default=3, ge=1)
    """Attempts a task."""


class SecretSettings(_Part):
    """A secret by its name: where it may be typed, and where its value is; never the value."""

    domains: Names
    """`shop.example`, `*.shop.example`, `http://127.0.0.1:8000`; see `sandbox.secrets.Secret`."""
    file: Path | None = None
    """A file of yours, closed to others, that holds the value; when unset, it is in the variable
    `JOURNEYMAN_SECRET_<NAME>`."""


def _default_workspace() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "journeyman"


class Settings(_Part):
    """All settings."""

    model: ModelSettings = ModelSettings()
    sandbox: SandboxSettings = SandboxSettings()
    browser: BrowserSettings = BrowserSettings()
    budget: BudgetSettings = BudgetSettings()
    gates: GateSettings = GateSettings()
    practice: PracticeSettings = PracticeSettings()
    secrets: dict[str, SecretSettings] = {}
    """What may be typed for you and seen by no one: `[secrets.shop-password]` with its domains."""
    workspace: Path = Field(default_factory=_default_workspace)
    """The folder that holds a user's library, memory and runs."""


def load_settings(
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings. `given` (dotted keys, such as `model.name`) wins over all.

    Raises ConfigError with one sentence.
    """
    path = (folder or Path.cwd()) / FILE
    values: dict[str, tuple[Any, str]] = {}
    values |= {key: (value, str(path)) for key, value in _flat(_read(path)).items()}
    for name, value in (os.environ if environ is None else environ).items():
        if name.startswith(PREFIX) and not name.startswith(VALUES):
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            values[key] = (value, f"the environment variable {name}")
    for key, value in (given or {}).items():
        values[key] = (value, "the command line")
    nested: dict[str, Any] = {}
    for key, (value, where) in values.items():
        *parts, last = key.split(".")
        place = nested
        for part in parts:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{key} in {where}: {part} is one value and has no parts")
        place[last] = value
    try:
        return Settings.model_validate(nested)
    except ValidationError as error:
        raise ConfigError(_sentence(error, values)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys; an empty table vanishes."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = value
    return flat


def _sentence(error: ValidationError, values: Mapping[str, tuple[Any, str]]) -> str:
    """The first thing wrong: which key, where it was set, and what it should be."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    named = next((name for name in values if name == key or name.startswith(f"{key}.")), key)
    while named not in values and "." in named:
        named = named.rpartition(".")[0]
    where = values[named][1] if named in values else "the settings"
    if first["type"] == "extra_forbidden":
        *parts, _ = key.split(".")
        fields: dict[str, Any] = dict(Settings.model_fields)
        if parts and parts[0] == "secrets":
            fields = dict(SecretSettings.model_fields)
        elif parts and parts[0] in fields:
            fields = dict(fields[parts[0]].annotation.model_fields)
        return f"{key} in {where} is no setting: use one of {', '.join(fields)}"
    if key.startswith("secrets"):
        # What was written there by mistake may be the secret itself.
        return (
            f"{key} in {where} is wrong: a secret is [secrets.NAME] with domains = [...]; its value"
            " stands in JOURNEYMAN_SECRET_NAME, or in a file that `file` names"
        )
    return f"{key} in {where} is wrong: {first['msg'].lower()}, not {first['input']!r}"
