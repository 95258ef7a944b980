"""Starts llama.cpp's server in this process. The only file that imports xllamacpp."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import AdapterMissing, AdapterRefused, ModelError, WeightsDamaged

BATCH = 64
"""Prompt tokens read between two looks at the stop flag: about a second on two cores."""
ASIDE = 512
"""MiB of prompts put aside while another is served; the library's own default is 8 GiB."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What a server is made of."""

    path: Path
    context: int = 4096
    threads: int | None = None
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """GGUF adapters by name, in the order of their numbers."""

    def with_adapters(self, adapters: Mapping[str, Path]) -> Loading:
        """The same with other adapters."""
        return replace(self, adapters=dict(adapters))


def load(loading: Loading) -> Any:
    """Load the weights and the adapters, and start. Blocking; seconds for a gigabyte.

    Raises WeightsDamaged, AdapterMissing, AdapterRefused, or ModelError without the runtime.
    """
    # Spinning threads make one busy core cost a factor of ten; OpenMP reads this once, when
    # the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError(
            f"the embedded model's runtime does not load ({error}): run `make setup`, which "
            "installs xllamacpp and the system's libgomp1"
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(loading.path)
    params.n_ctx = loading.context
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = BATCH
    threads = loading.threads or min(8, len(os.sched_getaffinity(0)))
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # A prompt put aside under one mix would be taken up under another, and answered wrongly.
    params.cache_ram_mib = 0 if loading.adapters else ASIDE
    # Otherwise a loaded adapter applies to requests that do not name it.
    params.lora_init_without_apply = True
    params.lora_adapters = [_adapter(xllamacpp, *item) for item in loading.adapters.items()]
    params.warmup = False
    params.verbosity = -1
    params.ui = False
    params.endpoint_slots = False
    with tempfile.TemporaryDirectory(prefix="journeyman-") as private:
        params.hostnames = [f"{private}/server.sock"]
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            if loading.adapters:
                raise AdapterRefused(
                    f"llama.cpp cannot load {loading.path.name} with "
                    f"{', '.join(map(str, loading.adapters))}: an adapter is for another base"
                    " model, or damaged; convert it anew, or retire it"
                ) from error
            raise WeightsDamaged(
                f"llama.cpp cannot load {loading.path} ({error}): name another GGUF file, or "
                "delete it and run again"
            ) from error


def _adapter(xllamacpp: Any, name: str, path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise AdapterMissing(
            f"the adapter {name} cannot be read at {path}: {error.strerror}"
        ) from error
    if magic != b"GGUF":
        raise AdapterRefused(f"{path}, the adapter {name}, is no GGUF file: convert it anew")
    info = xllamacpp.CommonAdapterLoraInfo()
    info.path = str(path)
    info.scale = 0.0
    return info
