"""That it works: a small network, trained for a fixed number of steps, beats Pillow on photographs it never saw."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.photos import photos
from storage.run_directory import RunDirectory
from tests.training.photo_pairs import photo_pairs
from training.distributed import World
from training.interruption import Interruption
from training.loop import train
from training.loop_settings import LoopSettings
from training.optimisers import Optimiser
from training.phases import Phase
from training.schedules import one_cycle
from training.sources import MemoryRows
from training.superres import Config, run_on

STEPS = 350
HELD_OUT = tuple(photos())[::3]


@pytest.mark.slow
def test_the_small_recipe_beats_lanczos_by_04_db_on_held_out_photographs(tmp_path: Path):
    learnt = [name for name in photos() if name not in HELD_OUT]
    rows = photo_pairs(learnt, side=64, scale=2)
    batch = 16
    phase = Phase(STEPS / (len(rows["large"]) // batch), 1e-3, Optimiser("adam"), batch_size=batch, side=32)
    config = Config(
        dataset="photos",
        slow=tmp_path,
        large=64,
        small=32,
        width=32,
        norm="none",
        skip="bicubic",
        flips="dihedral",
        phases=tuple(one_cycle(phase, warm_up=0.2)),
    )
    torch.manual_seed(0)
    test = MemoryRows(photo_pairs(HELD_OUT, side=64, scale=2))
    run = run_on(config, MemoryRows(rows), test, world=World(), seed=0)
    settings = LoopSettings(validate_steps=10 * STEPS)
    directory = RunDirectory(tmp_path)
    outcome = train(run, directory, world=World(), settings=settings, interruption=Interruption())
    assert outcome.steps == STEPS
    found = outcome.metrics
    print(found)
    assert found["psnr_y_border2"] > found["lanczos_psnr_y_border2"] + 0.4
    assert found["psnr_y_border2"] > found["bicubic_psnr_y_border2"] + 0.6
    assert found["ssim_y_border2_gaussian11"] > found["lanczos_ssim_y_border2_gaussian11"]
    assert (tmp_path / "samples" / f"{STEPS:09d}-before-after.png").exists()
