"""Training an adapter: a loop made for a CPU, which goes on after a kill.

    <folder>/loss.jsonl      the loss curve, a step a line
    <folder>/checkpoints/    while the run lasts; see checkpoint.py
    <folder>/adapter/        what came out, in PEFT's form

What makes a step cheap stands in forward.py and pack.py. The same base, data and recipe give the
same adapter on the same machine, killed and resumed or not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from . import LossNotFinite, NotWritten, TooFewSamples, TrainingStopped, checkpoint
from .attach import first_layer, fresh, read_off
from .base import Base
from .extras import torch
from .forward import Forward
from .layout import ABOUT, write_adapter
from .pack import batches, grouped, packs
from .recipe import Progress, Recipe, Say, Trained, run_digest
from .tokens import Example, digest

CURVE = "loss.jsonl"
ADAPTER = "adapter"


def train(
    base: Base,
    examples: Sequence[Example],
    folder: Path,
    recipe: Recipe | None = None,
    say: Say | None = None,
    *,
    held: Sequence[Example] = (),
    save_every: float = 60.0,
) -> Trained:
    """Train an adapter for a base, or go on with the run that `folder` holds. Blocking.

    `held`: examples whose loss is measured before the first epoch and after each, never learnt.
    `save_every`: seconds between checkpoints. Raises TooFewSamples, LossNotFinite, NotWritten,
    TrainingStopped; what was kept is said.
    """
    recipe = recipe or Recipe()
    if not examples:
        raise TooFewSamples("there is no example to train on: practise first, or lower the bar")
    folder.mkdir(parents=True, exist_ok=True)
    run = run_digest(recipe, base.shape.digest, digest(examples), digest(held))
    try:
        with FileLock(folder / ".lock", timeout=0):
            done = _finished(folder, run)
            return done or _Run(base, examples, folder, recipe, run, held).go(say, save_every)
    except Timeout as error:
        raise TrainingStopped(f"another process trains in {folder}: wait for it to end") from error


class _Run:
    """One run, from where it stands to its end."""

    def __init__(
        self,
        base: Base,
        examples: Sequence[Example],
        folder: Path,
        recipe: Recipe,
        run: str,
        held: Sequence[Example],
    ) -> None:
        self.base, self.examples, self.folder, self.recipe = base, examples, folder, recipe
        self.run, self.held = run, held
        first = first_layer(base, recipe)
        self.groups, self.held_groups = grouped(examples), grouped(held)
        self.forward = Forward(base.model, examples, self.groups, first)
        self.held_forward = Forward(base.model, held, self.held_groups, first)

    def go(self, say: Say | None, save_every: float) -> Trained:
        recipe, total = self.recipe, self.recipe.steps(len(self.examples))
        with fresh(self.base, recipe) as wrapped:
            weights = {name: w for name, w in wrapped.named_parameters() if w.requires_grad}
            optimiser = torch().optim.AdamW(
                weights.values(), lr=recipe.rate, weight_decay=recipe.decay
            )
            state = checkpoint.load(self.folder, self.run, weights, optimiser)
            if state is None:
                state = checkpoint.State(self.run, 0, 0.0, 0, (), self._measured(()))
            self._write_curve(state)
            saved, pace = time.monotonic(), 0.0
            while state.step < total:
                begun = time.monotonic()
                state = self._step(state, total, weights, optimiser)
                if state.step % math.ceil(len(self.examples) / recipe.batch) == 0:
                    state = replace(state, held=self._measured(state.held))
                spent = time.monotonic() - begun
                state = replace(state, seconds=state.seconds + spent)
                self._append(state.curve[-1])
                pace = spent if not pace else 0.8 * pace + 0.2 * spent
                last = state.step == total
                if not last and time.monotonic() - saved >= save_every:
                    checkpoint.save(self.folder, state, weights, optimiser)
                    saved = time.monotonic()
                if say is not None:
                    row, left = state.curve[-1], pace * (total - state.step)
                    speed = row["tokens"] / spent
                    say(Progress(state.step, total, row["loss"], speed, state.seconds, left))
            about = self._about(state)
            write_adapter(self.folder / ADAPTER, read_off(wrapped, recipe, about))
        checkpoint.clear(self.folder)
        return _trained(self.folder, about)

    def _step(
        self, state: checkpoint.State, total: int, weights: dict[str, Any], optimiser: Any
    ) -> checkpoint.State:
        """One step of the optimiser."""
        t, recipe = torch(), self.recipe
        epoch, at = divmod(state.step, math.ceil(len(self.examples) / recipe.batch))
        batch = batches(len(self.examples), recipe.batch, recipe.seed, epoch)[at]
        counted = sum(sum(self.examples[number].loss) for number in batch)
        rate = recipe.rate_at(state.step, total)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss = 0.0
        for pack in packs(self.examples, self.groups, batch, recipe.room):
            part = self.forward.loss(pack) / counted
            part.backward()
            loss += float(part.detach())
        norm = float(t.nn.utils.clip_grad_norm_(weights.values(), recipe.clip))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._refuse(state, loss, norm)
        optimiser.step()
        tokens = sum(len(self.examples[number].tokens) for number in batch)
        row = {"step": state.step + 1, "loss": loss, "norm": norm, "rate": rate, "tokens": tokens}
        return replace(
            state,
            step=state.step + 1,
            tokens=state.tokens + tokens,
            curve=(*state.curve, row),
        )

    def _refuse(self, state: checkpoint.State, loss: float, norm: float) -> None:
        kept = checkpoint.steps(self.folder)
        where = f"the checkpoint of step {kept[-1]} is kept" if kept else "nothing was kept yet"
        raise LossNotFinite(
            f"step {state.step + 1} has a loss of {loss} and a gradient of {norm}: nothing was"
            f" learnt from it, and {where} in {self.folder}; lower the rate"
            f" ({self.recipe.rate:g}) or look at the data, and train in another folder"
        )

    def _measured(self, before: tuple[float, ...]) -> tuple[float, ...]:
        """The held-out examples' loss now, after what was measured before."""
        if not self.held:
            return ()
        everyone = range(len(self.held))
        with torch().no_grad():
            parts = packs(self.held, self.held_groups, everyone, self.recipe.room)
            total = sum(float(self.held_forward.loss(pack)) for pack in parts)
        return (*before, total / sum(sum(example.loss) for example in self.held))

    def _about(self, state: checkpoint.State) -> dict[str, Any]:
        each = math.ceil(len(self.examples) / self.recipe.batch)
        last = [row["loss"] for row in state.curve[-each:]]
        return {
            "base": self.base.shape.digest,
            "base_name": self.base.shape.name,
            "run": self.run,
            "recipe": asdict(self.recipe),
            "examples": len(self.examples),
            "steps": state.step,
            "tokens": state.tokens,
            "seconds": round(state.seconds, 1),
            "loss": sum(last) / len(last),
            "held": list(state.held),
            "kept_mb": round(self.forward.kept_bytes / 1e6, 1),
            "torch": torch().__version__,
        }

    def _write_curve(self, state: checkpoint.State) -> None:
        text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in state.curve)
        try:
            (self.folder / CURVE).write_text(text, encoding="utf-8")
        except OSError as error:
            raise NotWritten(f"{self.folder} cannot be written ({error}): free space") from error

    def _append(self, row: dict[str, float]) -> None:
        try:
            with (self.folder / CURVE).open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, sort_keys=True) + "\n")
        except OSError as error:
            raise NotWritten(
                f"{self.folder / CURVE} cannot be written ({error}); the last checkpoint is intact:"
                " free space and run the same again"
            ) from error


def _finished(folder: Path, run: str) -> Trained | None:
    """What this very run left, if it came to its end before."""
    place = folder / ADAPTER / ABOUT
    if not place.is_file():
        return None
    about = json.loads(place.read_text(encoding="utf-8"))
    if about.get("run") != run:
        raise TrainingStopped(
            f"{folder} holds the adapter of other data, another base or another recipe: name"
            " another folder"
        )
    return _trained(folder, about)


def _trained(folder: Path, about: dict[str, Any]) -> Trained:
    return Trained(
        adapter=folder / ADAPTER,
        curve=folder / CURVE,
        steps=about["steps"],
        tokens=about["tokens"],
        seconds=about["seconds"],
        loss=about["loss"],
        held=tuple(about["held"]),
    )
