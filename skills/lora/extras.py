"""The heavy packages of the `train` extra: each is imported here, when it is asked for.

Types are not passed on: training code is checked the same with and without them installed.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from . import ExtraMissing


def torch() -> Any:
    """The torch package. Raises ExtraMissing."""
    return _load("torch")


def transformers() -> Any:
    """The transformers package, told to stay off the network. Raises ExtraMissing."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    found = _load("transformers")
    found.utils.logging.disable_progress_bar()
    return found


def peft() -> Any:
    """The peft package. Raises ExtraMissing."""
    transformers()
    return _load("peft")


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExtraMissing(
            f"training needs {name}, which does not load ({error}): pip install 'journeyman[train]'"
            " (with --index-url https://download.pytorch.org/whl/cpu for a build without CUDA)"
        ) from error
