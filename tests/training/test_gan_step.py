"""A step of the GAN: who learns in whose turn, at which rates, and that it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.gan_models import SIDE, critic, generator
from tests.training.photo_pairs import squares
from training.distributed import World
from training.gan import Players, run_on
from training.gan_config import Config
from training.gan_step import GanStep
from training.optimisers import Optimiser
from training.phases import Phase
from training.restorers import RestorerShape, make_restorer
from training.sources import MemoryRows
from training.steps import Run

PHASE = Phase(1.0, 1e-3, Optimiser("adam", beta2=0.99), momentum=0.0, batch_size=4)
SIZES = {"large": SIDE, "small": SIDE}
NAMES = {"loss", "critic_on_real", "critic_on_generated", "generator_on_critic", "generator_on_pixels"}


def tiny_run(**changes: Any) -> Run:
    good = squares(["coffee.png"], SIDE)[:16]
    rows = {"large": good, "small": good // 2 + 60}
    config = Config(
        **{"dataset": "none", "slow": Path("/"), "large": SIDE, "small": SIDE, "phases": (PHASE,), **changes}
    )
    players = Players(generator(), critic())
    return run_on(config, players, MemoryRows(rows), MemoryRows(rows), world=World(), seed=0)


def batches_of(run: Run, first: int = 0) -> Iterator[Any]:
    return run.train(run.phases[0]).batches(0, first)


def step_of(run: Run) -> GanStep:
    assert isinstance(run.step, GanStep)
    run.step.begin_phase(run.phases[0])
    return run.step


def weights_of(step: GanStep) -> dict[str, dict[str, Tensor]]:
    players = {"generator": step.generator, "critic": step.critic}
    return {
        name: {key: value.detach().clone() for key, value in player.network.named_parameters()}
        for name, player in players.items()
    }


def changed(before: dict[str, dict[str, Tensor]], after: dict[str, dict[str, Tensor]]) -> set[str]:
    return {name for name in before if any(not torch.equal(after[name][key], old) for key, old in before[name].items())}


def test_only_the_one_learns_whose_turn_it_is():
    run = tiny_run(most_critic_steps=2, threshold=1e-9)
    step, batches = step_of(run), batches_of(run)
    order, told = [], []
    for _ in range(6):
        before = weights_of(step)
        losses = step.train_batch(next(batches), run.phases[0].rates(0.0))
        assert set(losses) == NAMES | {"generator_turn"}
        assert not any(loss.requires_grad for loss in losses.values())
        order.append(changed(before, weights_of(step)))
        told.append(losses["generator_turn"].item())
    assert order == [{"critic"}, {"critic"}, {"generator"}] * 2
    assert told == [0, 0, 1] * 2


def test_the_critic_learns_five_times_as_fast_as_the_fastest_layers_of_the_generator():
    # Good enough at once: they take turns.
    run = tiny_run(threshold=9)
    step, batch = step_of(run), next(batches_of(run))
    for _ in range(2):
        step.train_batch(batch, run.phases[0].rates(0.0))
    rates = [player.update._optimiser.param_groups[0]["lr"] for player in (step.critic, step.generator)]  # type: ignore[union-attr]
    assert rates == pytest.approx([5e-3, 1e-3])
    betas = [player.update._optimiser.param_groups[0]["betas"] for player in (step.critic, step.generator)]  # type: ignore[union-attr]
    assert betas == [(0.0, 0.99), (0.0, 0.99)]


def test_frozen_groups_are_the_generators_and_stay_frozen_through_the_turns():
    phase = Phase(1.0, (1e-4, 1e-4, 1e-3), Optimiser("adam", beta2=0.99), momentum=0.0, batch_size=2, frozen=2)
    good = squares(["coffee.png"], SIDE)[:4]
    config = Config("none", Path("/"), large=SIDE, small=SIDE, phases=(phase,), most_critic_steps=1)
    torch.manual_seed(0)
    players = Players(make_restorer(RestorerShape("unet", encoder_weights="random"), scale=1), critic())
    rows = MemoryRows({"large": good, "small": good // 2})
    step = step_of(run := run_on(config, players, rows, rows, world=World(), seed=0))
    before = weights_of(step)
    for _ in range(4):
        step.train_batch(next(batches_of(run)), phase.rates(0.0))
    after = weights_of(step)
    moved = {name for name, old in before["generator"].items() if not torch.equal(after["generator"][name], old)}
    frozen = {name for name in before["generator"] if ".encoder." in name and "conv" in name}
    assert frozen
    assert not moved & frozen
    assert any(".ascent." in name for name in moved)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_step_with_anothers_state_goes_on_as_the_other_would(steps: int):
    whole, half, other = (tiny_run(most_critic_steps=2, threshold=1e-9) for _ in range(3))
    rates = PHASE.rates(0.0)
    for run, count in ((whole, 6), (half, steps)):
        torch.manual_seed(5)
        step, batches = step_of(run), batches_of(run)
        for _ in range(count):
            step.train_batch(next(batches), rates)
    step, batches = step_of(other), batches_of(other, steps)
    step.load_state_dict(half.step.state_dict())
    # The generator of random numbers stands where the half run left it: dropout draws from it.
    for _ in range(6 - steps):
        losses = step.train_batch(next(batches), rates)
    assert losses["loss"] == whole.step._last["loss"]  # type: ignore[attr-defined]
    for name, value in whole.step.weights().items():
        assert torch.equal(other.step.weights()[name], value), name


def test_the_figures_have_the_input_the_generator_of_the_start_and_the_frozen_critic():
    run = tiny_run()
    found = run.step.validate(run.valid(PHASE)).metrics
    assert found["frozen_critic_accuracy"] == found["start_frozen_critic_accuracy"]
    batches = batches_of(run)
    step = step_of(run)
    for _ in range(8):
        step.train_batch(next(batches), PHASE.rates(0.0))
    after = run.step.validate(run.valid(PHASE)).metrics
    steady = {name for name in found if name.startswith(("start_", "input_"))}
    assert {name: after[name] for name in steady} == {name: found[name] for name in steady}
    assert after["psnr_y_border0"] != found["psnr_y_border0"]
