"""The recipe `wgan` on scikit-learn's digits in memory, 8 pixels, grey: a third of them held out.

A process whose environment has `KILLED_AFTER` dies by SIGKILL after so many steps.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.training.digits_recipe import digits
from training.distributed import World
from training.sources import MemoryRows
from training.steps import HeldOut, Run
from training.wgan import METRIC, Config, judged, run_on
from training.wgan_evaluation import yardstick_of

__all__ = ["METRIC", "Config", "evaluate", "make_run"]

DIGITS, HELD_OUT = 1797, 600


def rows() -> tuple[MemoryRows, MemoryRows]:
    """Return the digits that are learnt from, and those that are held out, at random."""
    # Levels 0 to 16 over the whole range of bytes, so that distances are those of scikit-learn's own numbers.
    images = (digits(DIGITS)["images"] // 15 * (255 / 16)).round().astype(np.uint8)
    arrays = digits(DIGITS) | {"images": images}
    order = np.random.default_rng(0).permutation(DIGITS)
    parts = order[HELD_OUT:], order[:HELD_OUT]
    learnt, held_out = ({name: array[part] for name, array in arrays.items()} for part in parts)
    return MemoryRows(learnt), MemoryRows(held_out)


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Return the run on the digits."""
    run = run_on(config, *rows(), world=world, seed=seed)
    if "KILLED_AFTER" in os.environ:
        _let_it_die(run.step, int(os.environ["KILLED_AFTER"]))
    return run


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Return the figures on the digits that are held out."""
    yardstick = digits_yardstick(rows)
    return judged(model, weights, yardstick, tuple("0123456789"), samples=rows.samples, device=device)


def digits_yardstick(config: Config):
    """Return the yardstick of the digits."""
    learnt, held_out = rows()
    return yardstick_of(held_out, learnt, rows=config.samples, channels=config.channels)


def _let_it_die(step: Any, steps: int) -> None:
    train_batch, taken = step.train_batch, 0

    def dying(*arguments: Any) -> Any:
        nonlocal taken
        if taken == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        taken += 1
        return train_batch(*arguments)

    step.train_batch = dying
