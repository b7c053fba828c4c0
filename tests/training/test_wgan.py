"""The recipe `wgan` on small arrays: turns of the two networks, what they learn, how a run goes on, its figures."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from storage import Tiers, open_version
from tests.faults.bare_prepare import BareJob, prepare
from tests.training.conftest import outputs
from tests.training.photo_pairs import squares
from tests.training.wgan_digits_recipe import rows as digits_rows
from training.__main__ import main
from training.averaging import Averaging
from training.batches import RandomBatches
from training.distributed import World
from training.optimisers import Optimiser
from training.phases import Phase
from training.sources import MemoryRows
from training.steps import Run
from training.wgan import Config, evaluate, load_generator, make_run, run_on
from training.wgan_config import papers_phases
from training.wgan_evaluation import FRECHET, MMD, PRESENT, grid, yardstick_of
from training.wgan_images import seen_as
from training.wgan_losses import GradientPenalty, WeightClipping, critic_losses
from training.wgan_networks import SIDES, Critic, Generator
from training.wgan_noise import Noise, fixed_noise
from training.wgan_step import WganStep

TINY: dict[str, Any] = {"size": 8, "width": 4, "noise": 6, "batch_size": 8, "samples": 40, "n_critic": 3}
RATE = 1e-3
PHASE = Phase(1.0, RATE, Optimiser("adam", beta2=0.9), momentum=0.0)
VARIANTS = ("clip", "penalty")


def config(**changes: Any) -> Config:
    return Config(**{"dataset": "digits", "slow": Path("unused"), "phases": (PHASE,), **TINY, **changes})


def tiny_run(seed: int = 0, **changes: Any) -> Run:
    torch.manual_seed(seed)
    return run_on(config(**changes), *digits_rows(), world=World(), seed=0)


def step_of(run: Run) -> WganStep:
    assert isinstance(run.step, WganStep)
    return run.step


def begun(run: Run) -> tuple[WganStep, Phase, Iterator[Any]]:
    """Return the step, its phase and the batches of a run, ready to learn."""
    phase = run.phases[0]
    run.step.begin_phase(phase)
    return step_of(run), phase, run.train(phase).batches(0, 0)


def copied(network: nn.Module) -> list[Tensor]:
    """Return what a network learns, as it is now."""
    return [parameter.detach().clone() for parameter in network.parameters()]


def is_changed(network: nn.Module, before: list[Tensor]) -> bool:
    return any(not torch.equal(now, then) for now, then in zip(network.parameters(), before, strict=True))


# ---- Networks


@pytest.mark.parametrize("side", SIDES)
def test_noise_becomes_images_in_0_to_1_and_images_become_scores(side: int):
    generator = Generator(side=side, channels=1, noise=5, width=4)
    images = generator(torch.randn(3, 5))
    assert images.shape == (3, 1, side, side)
    assert 0 <= images.min() < images.max() <= 1
    assert Critic(side=side, channels=1, width=4, norm="layer")(images).shape == (3,)


def test_sides_are_those_that_halve_to_8_pixels_or_fewer():
    assert SIDES == (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64)
    for side in (7, 9, 36, 128):
        with pytest.raises(ValueError, match=f"8, 10, 12, .*, 56, 64 pixels, not of {side}"):
            Generator(side=side, channels=3, noise=5, width=4)


# ---- Losses


class Sloped(nn.Module):
    """Scores that rise along `slope` for images in [-1, 1]."""

    def __init__(self, slope: list[float]) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, images: Tensor) -> Tensor:
        return (images * 2 - 1).flatten(1) @ self.slope


def test_the_penalty_is_of_the_slope_over_images_in_minus_1_to_1():
    critic = Sloped([3.0, 0.0, 4.0, 0.0])
    real, made, shares = torch.rand(7, 1, 2, 2), torch.rand(7, 1, 2, 2), torch.rand(7)
    penalty = GradientPenalty(10).terms(critic, real, made, shares)["penalty"]
    # |w| = 5, and the derivative of 10 (|w| - 1)² is 20 (|w| - 1) w / |w|.
    assert penalty.item() == pytest.approx(10 * 4**2)
    penalty.backward()
    torch.testing.assert_close(critic.slope.grad, torch.tensor([48.0, 0.0, 64.0, 0.0]))


def test_the_slope_is_taken_between_the_real_and_the_made_image_of_a_pair():
    seen: list[Tensor] = []

    class Watching(Sloped):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images.detach())
            return super().forward(images)

    real, made = torch.ones(3, 1, 2, 2), torch.zeros(3, 1, 2, 2)
    GradientPenalty(1).terms(Watching([1.0] * 4), real, made, torch.tensor([0.0, 0.25, 0.75]))
    assert seen[0][:, 0, 0, 0].tolist() == [0.0, 0.25, 0.75]


def test_the_critic_wants_real_images_to_score_higher_and_the_generator_its_own():
    critic = Sloped([1.0, 0.0, 0.0, 0.0])
    real, made = torch.full((4, 1, 2, 2), 0.75), torch.full((4, 1, 2, 2), 0.25)
    losses = critic_losses(critic, real, made, torch.rand(4), rule=WeightClipping(1.0))
    found = {name: loss.item() for name, loss in losses.items()}
    assert found == pytest.approx({"loss": -1.0, "critic_gap": 1.0, "generator_loss": 0.5})


def test_clipping_cuts_every_number_of_the_critic_after_each_step_and_the_penalty_none():
    largest = {}
    for variant in VARIANTS:
        step, phase, batches = begun(tiny_run(variant=variant))
        step.train_batch(next(batches), phase.rates(0.0))
        largest[variant] = max(parameter.abs().max().item() for parameter in step.critic.parameters())
    assert largest["clip"] == pytest.approx(0.01)
    assert largest["penalty"] > 0.5


# ---- Turns


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_critic_learns_at_each_step_and_the_generator_after_every_n_critic(variant: str):
    step, phase, batches = begun(tiny_run(variant=variant))
    changes = []
    for _ in range(7):
        generator, critic = copied(step.generator), copied(step.critic)
        step.train_batch(next(batches), phase.rates(0.0))
        changes.append((is_changed(step.generator, generator), is_changed(step.critic, critic)))
    assert changes == [(False, True), (False, True), (True, True)] * 2 + [(False, True)]


def test_the_generators_turn_leaves_no_gradient_to_the_critic():
    step, phase, batches = begun(tiny_run())
    for _ in range(3):
        step.train_batch(next(batches), phase.rates(0.0))
    assert all(parameter.grad is None for parameter in step.critic.parameters())
    assert all(parameter.requires_grad for parameter in step.critic.parameters())


@pytest.mark.parametrize(("still", "moving"), [("generator", "critic"), ("critic", "generator")])
def test_two_rates_are_those_of_the_generator_and_of_the_critic(still: str, moving: str):
    rates = (0.0, RATE) if still == "generator" else (RATE, 0.0)
    step, phase, batches = begun(tiny_run(phases=(Phase(1.0, rates, Optimiser("adam"), momentum=0.0),)))
    before = {name: copied(getattr(step, name)) for name in (still, moving)}
    for _ in range(3):
        step.train_batch(next(batches), phase.rates(0.0))
    assert not is_changed(getattr(step, still), before[still])
    assert is_changed(getattr(step, moving), before[moving])


def test_every_step_reports_the_same_losses():
    for variant, more in (("clip", set()), ("penalty", {"penalty"})):
        step, phase, batches = begun(tiny_run(variant=variant))
        names = [set(step.train_batch(next(batches), phase.rates(0.0))) for _ in range(4)]
        assert names == [{"loss", "critic_gap", "generator_loss"} | more] * 4


# ---- Going on


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("taken", range(1, 4), ids=lambda taken: f"after step {taken}")
def test_a_step_with_anothers_state_goes_on_as_the_other_would_whoevers_turn_it_is(variant: str, taken: int):
    settings: dict[str, Any] = {"variant": variant, "averaging": Averaging(decay=0.5)}
    whole, phase, batches = begun(tiny_run(**settings))
    other, _, others = begun(tiny_run(seed=1, **settings))
    for _ in range(taken):
        whole.train_batch(next(batches), phase.rates(0.0))
        next(others)
    stored = io.BytesIO()
    torch.save(whole.state_dict(), stored)
    stored.seek(0)
    other.load_state_dict(torch.load(stored, weights_only=True))
    torch.rand(5)  # nothing depends on torch's own generator
    for _ in range(5):
        one, two = (each.train_batch(next(its), phase.rates(0.0)) for each, its in ((whole, batches), (other, others)))
        assert {name: loss.item() for name, loss in one.items()} == {name: loss.item() for name, loss in two.items()}
    for name, value in whole.weights().items():
        assert torch.equal(other.weights()[name], value), name
    assert whole.validate(()).metrics == other.validate(()).metrics


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_killed_between_two_turns_of_the_critic_resumes_to_the_bit(tmp_path: Path, warm_process, variant: str):
    settings = [f"{name}={value}" for name, value in TINY.items()]
    settings += ["dataset=digits", "slow=unused", f"variant={variant}", "colour=grey", "averaging.decay=0.9"]
    settings += ["loop.cpu_threads=1", "loop.report_steps=3", "loop.checkpoint_steps=4", "loop.validate_steps=10"]
    settings += ['phases=[{epochs = 0.2, learning_rate = {start = 1e-3, end = 1e-4}, optimiser = "rmsprop"}]']

    def exit_code(run: Path, **env: str) -> int:
        command = ["tests.training.wgan_digits_recipe", "--run-dir", str(run), "--device", "cpu", *settings]
        return warm_process.wait(warm_process.start(command, errors=tmp_path / "errors.txt", env=env))

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert exit_code(whole) == 0, (tmp_path / "errors.txt").read_text()
    # The last checkpoints are of steps 8 and 16: two and one of the three turns of the critic are done.
    for steps in (11, 10):
        assert exit_code(killed, KILLED_AFTER=str(steps)) < 0
        assert not (killed / "result.json").exists()
    assert sorted(int(path.name[:9]) for path in (killed / "checkpoints").iterdir()) == [4, 8, 12, 16][-3:]
    assert exit_code(killed) == 0
    assert outputs(killed) == outputs(whole)


def test_noise_is_a_function_of_seed_process_step_and_purpose():
    noise = Noise(4, 0, World())
    found = [
        noise.for_critic(3, 2),
        noise.for_generator(3, 2),
        noise.for_critic(4, 2),
        Noise(4, 1, World()).for_critic(3, 2),
        Noise(4, 0, World(rank=1, size=2)).for_critic(3, 2),
        fixed_noise(2, 4),
    ]
    assert len({tuple(each.flatten().tolist()) for each in found}) == len(found)
    torch.rand(3)
    assert torch.equal(noise.for_critic(3, 2), found[0])
    assert torch.equal(fixed_noise(2, 4), found[-1])
    many = noise.for_critic(0, 20_000)
    assert many.mean().item() == pytest.approx(0, abs=0.02)
    assert many.std().item() == pytest.approx(1, abs=0.02)
    shares = noise.shares(0, 20_000)
    assert shares.min() >= 0
    assert shares.max() < 1
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)


# ---- What is measured


def test_held_out_rows_have_no_distance_to_themselves_and_all_classes():
    learnt, held_out = digits_rows()
    yardstick = yardstick_of(held_out, learnt, rows=2000, channels=3)
    found = yardstick.figures(held_out.read(np.arange(600))["images"])
    assert found[FRECHET] == pytest.approx(0, abs=1e-6)
    assert abs(found[MMD]) < 0.005
    assert (found[PRESENT], found["neighbour_difference_ratio"]) == (10, pytest.approx(1))
    one_class = learnt.read(np.arange(1197))
    found = yardstick.figures(one_class["images"][one_class["labels"] == 4])
    assert found[PRESENT] == 1
    assert found[FRECHET] > 300
    assert found[MMD] > 0.1


def test_the_figures_of_learnt_rows_are_those_of_a_generator_that_returned_them():
    learnt, held_out = digits_rows()
    yardstick = yardstick_of(held_out, learnt, rows=2000, channels=3)
    found = yardstick.figures(learnt.read(np.arange(1197))["images"])
    real = yardstick.real_figures()
    assert real == pytest.approx({f"{name}_of_learnt_rows": found[name] for name in (FRECHET, MMD)})
    assert 5 < real[f"{FRECHET}_of_learnt_rows"] < 20


def test_rows_without_labels_are_measured_but_for_their_classes():
    learnt, held_out = (MemoryRows({"images": each.read(np.arange(100))["images"]}) for each in digits_rows())
    yardstick = yardstick_of(held_out, learnt, rows=2000, channels=3)
    assert set(yardstick.figures(held_out.read(np.arange(50))["images"])) == {
        FRECHET,
        MMD,
        "neighbour_difference_ratio",
    }


def test_too_few_rows_cannot_be_measured_with():
    learnt, held_out = digits_rows()
    few = MemoryRows(held_out.read(np.arange(16)))
    with pytest.raises(ValueError, match="measuring needs more than 16 held-out rows, got 16"):
        yardstick_of(few, learnt, rows=100, channels=3)


def test_grey_is_pillows_luma():
    photos = squares(["coffee.png"], 32)[:20]
    expected = [np.asarray(Image.fromarray(photo).convert("L").convert("RGB")) for photo in photos]
    assert np.abs(seen_as(photos, 1).astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(seen_as(photos, 3), photos)


def test_each_validation_shows_what_becomes_of_the_same_noise():
    run = tiny_run(colour="grey", samples=100)
    step, phase, batches = begun(run)
    first, again = step.validate(()), step.validate(())
    picture = first.samples["fixed-noise"]
    assert picture.shape == (4 + 8 * 36, 4 + 8 * 36, 3)
    np.testing.assert_array_equal(picture, again.samples["fixed-noise"])
    assert first.metrics == again.metrics
    step.generator.eval()
    (image,) = step.generator(fixed_noise(100, 6)[9:10]).detach()[0]
    shown = picture[40:72:4, 40:72:4, 0]
    np.testing.assert_array_equal(shown, (image * 255).round().byte().numpy())
    for _ in range(3):
        step.train_batch(next(batches), phase.rates(0.0))
    assert not np.array_equal(step.validate(()).samples["fixed-noise"], picture)


def test_a_grid_has_rows_of_eight_with_gaps_between_them_and_paper_for_the_rest():
    images = np.arange(1, 11, dtype=np.uint8)[:, None, None, None].repeat(40, 1).repeat(40, 2).repeat(3, 3)
    found = grid(images)
    assert found.shape == (4 + 2 * 44, 4 + 8 * 44, 3)
    assert found[4::44, 4::44, 0].tolist() == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 250, 250, 250, 250, 250, 250]]
    assert found[43::44, 43::44, 0].tolist() == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 250, 250, 250, 250, 250, 250]]
    assert (found[:4] == (250, 250, 248)).all()
    assert (found[:, 44:48] == (250, 250, 248)).all()


def test_averaged_weights_are_what_is_measured_and_what_is_left():
    step, phase, batches = begun(tiny_run(averaging=Averaging(decay=0.9)))
    for _ in range(6):
        step.train_batch(next(batches), phase.rates(0.0))
    own = copied(step.generator)
    measured = step.validate(()).metrics
    assert not is_changed(step.generator, own)
    averaged = step.weights()
    assert is_changed(step.generator, [averaged[name] for name, _ in step.generator.named_parameters()])
    step.generator.load_state_dict(averaged)
    assert step.validate(()).metrics == measured


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_few_steps_bring_made_digits_nearer_to_real_ones(variant: str):
    phase = Phase(10.0, 2e-3, Optimiser("adam", beta2=0.9), momentum=0.0, batch_size=32)
    step, phase, batches = begun(tiny_run(variant=variant, width=8, samples=300, phases=(phase,), colour="grey"))
    before = step.validate(()).metrics[FRECHET]
    for _ in range(120):
        step.train_batch(next(batches), phase.rates(0.0))
    after = step.validate(()).metrics[FRECHET]
    assert before > 1000
    assert after < before / 2


# ---- A published version


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root on which squares of two photographs are published as `photos`, at 8 pixels, in two classes."""
    root = tmp_path_factory.mktemp("published")
    for name in ("coffee", "chelsea"):
        source = root / "source" / name
        source.mkdir(parents=True)
        for number, pixels in enumerate(squares([f"{name}.png"], 8)):
            Image.fromarray(pixels).save(source / f"{number}.png")
    prepare(BareJob(str(root / "source"), str(root / "slow"), dataset="photos", sides=(8,), rows_per_shard=512))
    return root / "slow"


def test_only_rows_of_the_training_split_are_learnt_from_and_of_one_class_where_one_is_named(slow: Path):
    for of_class in (None, "coffee"):
        with ExitStack() as resources, open_version(Tiers(slow, slow), "photos") as version:
            settings = config(slow=slow, batch_size=1, of_class=of_class, dataset="photos")
            run = make_run(settings, world=World(), seed=0, resources=resources)
            reader = run.train(run.phases[0])
            assert isinstance(reader, RandomBatches)
            batches = reader.batches(0, 0)
            learnt = sorted(next(batches)["images"][0].movedim(0, 2).numpy().tobytes() for _ in range(len(reader)))
            is_wanted = version.splits == "train"
            if of_class is not None:
                is_wanted &= version.labels == version.classes.index(of_class)
            assert learnt == sorted(image.tobytes() for image in version.rows(8)[:][is_wanted])


def test_a_run_by_the_command_leaves_a_generator_and_its_figures_on_held_out_rows(slow: Path, tmp_path: Path):
    settings = [f"{name}={value}" for name, value in TINY.items()]
    command = ["wgan", "--run-dir", str(tmp_path / "run"), "--device", "cpu", "loop.cpu_threads=1", *settings]
    phases = "phases=[{epochs=0.3, learning_rate=0.001}]"
    assert main([*command, "dataset=photos", f"slow={slow}", phases]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    metrics, groups = result["held_out"]["metrics"], result["held_out"]["groups"]
    assert metrics[FRECHET] > metrics[f"{FRECHET}_of_learnt_rows"] > 0
    assert metrics[FRECHET] == pytest.approx(result["metrics"][FRECHET])
    for figure in ("share_of_made", "share_of_learnt"):
        assert sum(shares[figure] for shares in groups.values()) == pytest.approx(1)
    assert set(groups) == {"coffee", "chelsea"}
    assert len(list((tmp_path / "run" / "samples").glob("*fixed-noise.png"))) == 1
    lineage = json.loads((tmp_path / "run" / "lineage.json").read_text())
    assert [(origin["role"], origin["name"], origin["version"]) for origin in lineage["origins"]] == [
        ("rows", "photos", 1)
    ]
    generator = load_generator(config(), tmp_path / "run" / "weights.pt")
    assert generator(fixed_noise(2, 6)).shape == (2, 3, 8, 8)


def test_a_generator_is_not_measured_on_rows_of_another_kind(tmp_path: Path):
    model = config(size=16)
    for rows in (config(size=8), config(size=16, colour="grey")):
        with ExitStack() as resources, pytest.raises(ValueError, match="a generator of 16 pixels, rgb, cannot be"):
            evaluate(model, tmp_path, rows=rows, device=torch.device("cpu"), resources=resources)


def test_a_class_that_is_not_there_is_answered_with_some_that_are(slow: Path):
    with ExitStack() as resources, pytest.raises(ValueError, match="no class 'tea'; there are 2, such as chelsea, cof"):
        make_run(config(slow=slow, dataset="photos", of_class="tea"), world=World(), seed=0, resources=resources)


# ---- Settings


def test_without_phases_each_variant_has_the_optimiser_of_its_paper():
    (clip,), (penalty,) = (tiny_run(phases=None, variant=variant).phases for variant in VARIANTS)
    assert [clip, penalty] == [*papers_phases("clip"), *papers_phases("penalty")]
    assert (clip.optimiser, clip.learning_rate, clip.momentum) == (Optimiser("rmsprop"), 5e-5, 0.0)
    assert (penalty.optimiser, penalty.learning_rate, penalty.momentum) == (Optimiser("adam", beta2=0.9), 1e-4, 0.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_critic": 0}, "n_critic must be at least 1, got 0"),
        ({"clip": 0.0}, "clip must be above 0, got 0"),
        ({"penalty": math.nan}, "penalty must be above 0, got nan"),
        ({"size": 100}, "size is one of 8, 10, .*, 64 pixels, got 100"),
        ({"phases": (Phase(1.0, RATE, side=8),)}, "phase 0: the networks of wgan have one size"),
        ({"phases": (PHASE, Phase(1.0, RATE, frozen=1))}, "phase 1: .* no layers to freeze"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        config(**changes)
