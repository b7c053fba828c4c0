"""That it works: a small network, trained for a fixed number of steps, makes digits that look like those held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from storage.run_directory import RunDirectory
from tests.training.wgan_digits_recipe import digits_yardstick, rows
from training.averaging import Averaging
from training.distributed import World
from training.interruption import Interruption
from training.loop import train
from training.loop_settings import LoopSettings
from training.optimisers import Optimiser
from training.phases import Phase
from training.ramps import Ramp
from training.wgan import Config, run_on
from training.wgan_evaluation import FRECHET, MMD, PRESENT

BATCH = 64
STEPS = {"clip": 1800, "penalty": 1200}
"""Of the critic; about 30 s of one core."""
OPTIMISERS = {"clip": Optimiser("rmsprop"), "penalty": Optimiser("adam", beta2=0.9)}


def settings(variant: Any) -> Config:
    """Return the settings with which docs/results.md has its figures."""
    epochs = STEPS[variant] / (len(rows()[0]) // BATCH)
    phase = Phase(epochs, Ramp(1e-3, 1e-4), OPTIMISERS[variant], momentum=0.0, batch_size=BATCH)
    return Config(
        dataset="digits",
        slow=Path("unused"),
        size=8,
        colour="grey",
        variant=variant,
        n_critic=3,
        noise=32,
        width=32,
        averaging=Averaging(decay=0.99),
        phases=(phase,),
    )


@pytest.mark.slow
@pytest.mark.parametrize("variant", STEPS)
def test_made_digits_are_near_those_held_out_and_of_all_classes(tmp_path: Path, variant: str):
    torch.manual_seed(0)
    config = settings(variant)
    run = run_on(config, *rows(), world=World(), seed=0)
    untrained = run.step.validate(()).metrics
    outcome = train(
        run,
        RunDirectory(tmp_path),
        world=World(),
        settings=LoopSettings(validate_steps=10 * STEPS[variant]),
        interruption=Interruption(),
    )
    assert outcome.steps == STEPS[variant]
    found = outcome.metrics
    print({name: float(value) for name, value in untrained.items()}, found, digits_yardstick(config).real_figures())
    assert (untrained[FRECHET] > 1000, untrained[MMD] > 0.3) == (True, True)
    assert found[FRECHET] < 30
    assert found[MMD] < 0.02
    assert found[PRESENT] >= 8
    assert (tmp_path / "samples" / f"{STEPS[variant]:09d}-fixed-noise.png").exists()
