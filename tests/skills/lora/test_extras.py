"""Nothing heavy loads with the package; without the extra, one sentence says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULES = sorted(
    path.stem for path in (Path(__file__).parents[3] / "skills" / "lora").glob("[a-z]*.py")
)
CODE = """
import importlib, sys
for name in {blocked}:
    sys.modules[name] = None
for name in {modules}:
    importlib.import_module("journeyman.skills.lora." + name)
print([name for name in ("torch", "transformers", "peft", "gguf") if sys.modules.get(name)])
from journeyman.skills.lora import ExtraMissing, extras
for load in (extras.torch, extras.transformers, extras.peft):
    try:
        load()
        print("loaded")
    except ExtraMissing as error:
        print(error)
"""


def run(blocked: list[str]) -> list[str]:
    code = CODE.format(blocked=blocked, modules=MODULES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_nothing_heavy_loads_and_a_missing_extra_is_a_sentence() -> None:
    assert {"train", "inspect", "convert", "compose"} <= set(MODULES)
    loaded, *said = run(["torch", "transformers", "peft"])
    assert loaded == "[]"
    assert len(said) == 3
    for name, sentence in zip(("torch", "transformers", "transformers"), said, strict=True):
        assert sentence.startswith(f"training needs {name}")
        assert "pip install 'journeyman[train]'" in sentence
