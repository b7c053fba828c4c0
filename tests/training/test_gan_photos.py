"""That it works, on regions of photographs that are held out: the generator mends, the critic tells, the GAN fools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from storage.run_directory import RunDirectory
from tests.training.photo_pairs import Pairs
from tests.training.restoration_photos import SIDE, damaged, regions
from training import gan, gan_critic, gan_generator
from training.distributed import World
from training.gan_config import Config, CriticConfig, CriticShape, GeneratorConfig
from training.interruption import Interruption
from training.loop import train
from training.loop_settings import LoopSettings
from training.optimisers import Optimiser
from training.phases import Phase
from training.pixel_ranges import as_levels, as_unit
from training.ramps import Ramp
from training.restorers import RestorerShape
from training.schedules import one_cycle
from training.sources import MemoryRows
from training.steps import Run

PLACES: dict[str, Any] = {"dataset": "photos", "slow": Path("/")}
SIZES: dict[str, Any] = {"large": SIDE, "small": SIDE}
BATCH = 16


@dataclass(frozen=True)
class Steps:
    """How many steps of each stage are taken, and how wide the networks are."""

    generator: int
    critic: int
    ping_pong: int
    width: int = 12


@dataclass(frozen=True)
class Figures:
    """What the last validation of each stage found."""

    generator: dict[str, float]
    critic: dict[str, float]
    ping_pong: dict[str, float]


def phase(steps: int, rate: float, rows: Pairs) -> Phase:
    return Phase(steps / (len(rows["large"]) // BATCH), rate, Optimiser("adamw", beta2=0.99), batch_size=BATCH)


def trained(run: Run, folder: Path) -> dict[str, float]:
    folder.mkdir()
    settings = LoopSettings(validate_steps=10**6)
    return train(run, RunDirectory(folder), world=World(), settings=settings, interruption=Interruption()).metrics


def restored(network: nn.Module, rows: Pairs) -> Pairs:
    """Return the rows with what a network made of the bad ones: what a critic learns from."""
    with torch.no_grad():
        parts = np.array_split(rows["small"], -(-len(rows["small"]) // 32))
        return rows | {"small": np.concatenate([as_levels(network.eval()(as_unit(part))) for part in parts])}


def three_stages(steps: Steps, learnt: Pairs, held_out: Pairs, folder: Path) -> Figures:
    """Train the generator, the critic, and both against each other; leave their samples below a folder."""
    torch.manual_seed(0)
    run = generator_run(steps, learnt, held_out)
    found, generator = [trained(run, folder / "generator")], run.step.network  # type: ignore[attr-defined]
    run = critic_run(steps, restored(generator, learnt), restored(generator, held_out))
    found.append(trained(run, folder / "critic"))
    players = gan.Players(generator, run.step.network)  # type: ignore[attr-defined]
    found.append(trained(ping_pong_run(steps, players, learnt, held_out), folder / "ping-pong"))
    for name, figures in zip(("generator", "critic", "ping-pong"), found, strict=True):
        print(name, {key: round(value, 4) for key, value in figures.items()})
    return Figures(*found)


def generator_run(steps: Steps, learnt: Pairs, held_out: Pairs) -> Run:
    phases = tuple(one_cycle(phase(steps.generator, 2e-3, learnt)))
    config = GeneratorConfig(**PLACES, **SIZES, network=RestorerShape(width=steps.width), phases=phases)
    return gan_generator.run_on(config, MemoryRows(learnt), MemoryRows(held_out), world=World(), seed=0)


def critic_run(steps: Steps, learnt: Pairs, held_out: Pairs) -> Run:
    phases = tuple(one_cycle(phase(steps.critic, 2e-3, learnt)))
    config = CriticConfig(**PLACES, side=SIDE, network=CriticShape(2 * steps.width, blocks=2), phases=phases)
    return gan_critic.run_on(config, MemoryRows(learnt), MemoryRows(held_out), world=World(), seed=0)


def ping_pong_run(steps: Steps, players: gan.Players, learnt: Pairs, held_out: Pairs) -> Run:
    steady = replace(phase(steps.ping_pong, 5e-4, learnt), momentum=0.0)
    config = Config(**PLACES, **SIZES, phases=(replace(steady, learning_rate=Ramp(5e-4, 6e-5, "cosine")),))
    return gan.run_on(config, players, MemoryRows(learnt), MemoryRows(held_out), world=World(), seed=0)


@pytest.mark.slow
def test_the_generator_mends_the_critic_tells_and_the_gan_fools_it_without_losing_what_was_mended(tmp_path: Path):
    good = regions()
    learnt, held_out = damaged(good.learnt, first=0, copies=2), damaged(good.held_out, first=10**6)
    found = three_stages(Steps(350, 300, 500), learnt, held_out, tmp_path)
    psnr, accuracy = "psnr_y_border0", "frozen_critic_accuracy"
    assert found.generator[psnr] > found.generator[f"input_{psnr}"] + 5
    assert found.critic["accuracy"] > 0.75
    after = found.ping_pong
    assert after[f"start_{accuracy}"] == found.critic["accuracy"]
    assert after[accuracy] < after[f"start_{accuracy}"] - 0.3
    assert after[psnr] > after[f"start_{psnr}"] - 1.5
    assert after["fine_detail_y_ratio"] > 1.3 * after["start_fine_detail_y_ratio"]
    assert after["frechet_patches8"] < 0.85 * after["start_frechet_patches8"]
    for stage in ("generator", "ping-pong"):
        assert list((tmp_path / stage / "samples").glob("*before-after.png"))


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "gain"), [("grey", 1.0), ("cutout", 5.0), ("numbers", 5.0)])
def test_the_generator_gives_colours_back_fills_holes_and_takes_numbers_away(recipe: str, gain: float, tmp_path: Path):
    good = regions()
    learnt = damaged(good.learnt, first=0, copies=2, recipe=recipe)
    run = generator_run(Steps(350, 0, 0), learnt, damaged(good.held_out, first=10**6, recipe=recipe))
    found = trained(run, tmp_path / recipe)
    print(recipe, {key: round(value, 4) for key, value in found.items()})
    assert found["psnr_rgb_border0"] > found["input_psnr_rgb_border0"] + gain


def test_a_few_steps_of_each_stage_already_mend_and_leave_figures_and_samples(tmp_path: Path):
    good = regions(["coffee.png", "chelsea.png"])
    learnt, held_out = damaged(good.learnt[:32], first=0), damaged(good.held_out[:6], first=10**6)
    found = three_stages(Steps(24, 6, 8, width=6), learnt, held_out, tmp_path)
    assert found.generator["psnr_y_border0"] > found.generator["input_psnr_y_border0"] + 0.5
    assert found.ping_pong["start_psnr_y_border0"] == found.generator["psnr_y_border0"]
    assert found.ping_pong["start_frozen_critic_accuracy"] == found.critic["accuracy"]
    assert list((tmp_path / "ping-pong" / "samples").glob("*before-after.png"))
