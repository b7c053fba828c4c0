"""The recipe on small arrays: what is learnt from, what freezes, what is measured, what a run leaves."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from storage import Tiers, open_version
from tasks.ops.image_quality import luma
from tests.faults.bare_prepare import BareJob, prepare
from tests.training.photo_pairs import photo_pairs, squares
from training.__main__ import main
from training.averaging import Averaging
from training.batches import RandomBatches, batches_in_order
from training.distributed import World
from training.feature_loss import FeatureLoss, PerceptualLoss, PixelLoss
from training.optimisers import Optimiser
from training.phases import Phase
from training.ramps import Ramp
from training.sources import MemoryRows
from training.steps import Run
from training.superres import Config, load_enlarger, make_loss, make_run, run_on
from training.superres_phases import johnson_phases, lesson_phases
from training.upscaling import upscaled
from training.weights import UnfitWeights

TINY: dict[str, Any] = {"large": 32, "small": 16, "width": 4, "blocks": 1, "norm": "none", "skip": "bicubic"}
PHASE = Phase(1.0, 1e-3, batch_size=4, side=24)


def config(**changes: Any) -> Config:
    return Config(**{"dataset": "photos", "slow": Path("unused"), "phases": (PHASE,), **TINY, **changes})


def tiny_run(seed: int = 0, **changes: Any) -> Run:
    torch.manual_seed(seed)
    pairs = photo_pairs(["coffee.png"], side=32, scale=2)
    train, test = ({name: array[part] for name, array in pairs.items()} for part in (slice(12), slice(12, 18)))
    return run_on(config(**changes), MemoryRows(train), MemoryRows(test), world=World(), seed=seed)


def trained(run: Run, steps: int, *, first: int = 0) -> list[dict[str, float]]:
    """Take steps of the first phase from batch `first` on; return their losses."""
    phase = run.phases[0]
    batches = run.train(phase).batches(0, first)
    found = [run.step.train_batch(next(batches), phase.rates(0.0)) for _ in range(steps)]
    return [{name: loss.item() for name, loss in losses.items()} for losses in found]


# ---- What is learnt


def test_a_step_reports_the_terms_and_their_sum_and_changes_the_network():
    run = tiny_run(loss="perceptual", extractor_weights="random", pixel_weight=0.5)
    run.step.begin_phase(PHASE)
    before = {name: value.clone() for name, value in run.step.weights().items()}
    (losses,) = trained(run, 1)
    assert set(losses) == {"loss", "pixel_mse", "random_vgg16_8"}
    assert losses["loss"] == pytest.approx(losses["pixel_mse"] + losses["random_vgg16_8"])
    assert any(not torch.equal(value, before[name]) for name, value in run.step.weights().items())


def test_accumulated_parts_learn_what_the_whole_batch_does():
    weights = []
    for accumulate in (1, 4):
        run = tiny_run(accumulate=accumulate)
        run.step.begin_phase(PHASE)
        trained(run, 2)
        weights.append(run.step.weights())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("averaging", [None, Averaging(decay=0.5)], ids=["plain", "averaged"])
def test_a_step_with_anothers_state_goes_on_as_the_other_would(averaging: Averaging | None):
    whole, half = tiny_run(averaging=averaging), tiny_run(averaging=averaging)
    for run in (whole, half):
        run.step.begin_phase(PHASE)
        trained(run, 1)
    other = tiny_run(seed=1, averaging=averaging)
    other.step.begin_phase(PHASE)
    other.step.load_state_dict(half.step.state_dict())
    other_source = half.train(PHASE).batches(0, 1)
    other.step.train_batch(next(other_source), PHASE.rates(0.0))
    trained(whole, 1, first=1)
    for name, value in whole.step.weights().items():
        assert torch.equal(other.step.weights()[name], value), name


def test_frozen_groups_keep_all_but_their_batch_norms():
    phase = Phase(1.0, (1e-3, 1e-3, 1e-2), batch_size=2, side=32, frozen=2)
    run = tiny_run(net="unet", encoder_weights="random", phases=(phase,))
    run.step.begin_phase(phase)
    network = run.step.network  # type: ignore[attr-defined] # a step of the loop has none by its protocol
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    trained(run, 1)
    norms = {name for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    for name, parameter in network.named_parameters():
        learns = ".encoder." not in name or name.rpartition(".")[0] in norms
        assert parameter.requires_grad == learns, name
        if not learns:
            assert torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("net", ["johnson", pytest.param("unet", marks=pytest.mark.slow)])
def test_in_bfloat16_the_feature_loss_is_about_that_in_float32(net: str):
    found = {}
    for precision in ("float32", "bf16"):
        phase = Phase(1.0, 1e-3, batch_size=2, side=32)
        kinds: dict[str, Any] = {
            "net": net,
            "encoder_weights": "random",
            "loss": "feature",
            "extractor_weights": "random",
        }
        run = tiny_run(**kinds, precision=precision, phases=(phase,))
        run.step.begin_phase(phase)
        (found[precision],) = trained(run, 1)
    assert set(found["bf16"]) == set(found["float32"])
    assert len(found["bf16"]) == 1 + 1 + 3 + 3
    for name, value in found["float32"].items():
        assert found["bf16"][name] == pytest.approx(value, rel=0.1), name


def test_the_loss_is_the_one_that_the_settings_name():
    cpu = torch.device("cpu")
    assert isinstance(make_loss(config(), cpu), PixelLoss)
    assert isinstance(make_loss(config(loss="perceptual", extractor_weights="random"), cpu), PerceptualLoss)
    assert isinstance(make_loss(config(loss="feature", extractor_weights="random"), cpu), FeatureLoss)


# ---- Schedules


def test_the_lessons_schedule_is_four_cycles_of_ten_epochs():
    phases = lesson_phases()
    assert [phase.epochs for phase in phases] == pytest.approx([9, 1, 9, 1, 9, 1, 3, 7])
    assert [phase.frozen for phase in phases] == [2, 2, 0, 0, 2, 2, 0, 0]
    assert [(phase.side, phase.batch_size) for phase in phases] == [(128, 32)] * 4 + [(256, 12)] * 4
    assert {phase.weight_decay for phase in phases} == {1e-3}
    assert {phase.optimiser for phase in phases} == {Optimiser("adamw", beta2=0.99)}
    peaks = [(1e-3, 1e-3, 1e-2), (1e-5, 1e-4, 1e-3), (1e-4, 1e-4, 1e-3), (1e-6, 1e-5, 1e-4)]
    for rise, fall, peak in zip(phases[::2], phases[1::2], peaks, strict=True):
        assert isinstance(rise.learning_rate, Ramp)
        assert isinstance(fall.learning_rate, Ramp)
        assert rise.learning_rate.start == pytest.approx([rate / 25 for rate in peak])
        assert rise.learning_rate.end == fall.learning_rate.start == pytest.approx(peak)
        assert fall.learning_rate.end == pytest.approx([rate / 25e4 for rate in peak])
        assert (rise.momentum, fall.momentum) == (Ramp(0.95, 0.85, "cosine"), Ramp(0.85, 0.95, "cosine"))


def test_without_phases_each_net_has_the_schedule_of_its_authors():
    assert list(tiny_run(phases=None).phases) == johnson_phases()
    assert list(tiny_run(phases=None, net="unet", encoder_weights="random").phases) == lesson_phases()


# ---- What is measured


def test_the_figures_are_those_of_the_held_out_rows_beside_pillows_kernels():
    run = tiny_run()
    found = run.step.validate(run.valid(PHASE))
    names = {"psnr_y_border2", "ssim_y_border2_gaussian11"}
    assert set(found.metrics) == {f"{kernel}{name}" for kernel in ("", "bicubic_", "lanczos_") for name in names}
    # The network begins as a bicubic enlargement, which is Pillow's but for rounding.
    assert found.metrics["psnr_y_border2"] == pytest.approx(found.metrics["bicubic_psnr_y_border2"], abs=0.05)
    pairs = photo_pairs(["coffee.png"], side=32, scale=2)
    expected = []
    for small, large in zip(pairs["small"][12:18], pairs["large"][12:18], strict=True):
        made = np.asarray(Image.fromarray(small).resize((32, 32), Image.Resampling.LANCZOS))
        one, other = (luma(pixels)[2:-2, 2:-2] for pixels in (large, made))
        expected.append(peak_signal_noise_ratio(one, other, data_range=255))
    assert found.metrics["lanczos_psnr_y_border2"] == pytest.approx(np.mean(expected))


def test_the_sample_shows_bicubic_restored_and_original_beside_one_another():
    run = tiny_run()
    sheet = run.step.validate(run.valid(PHASE)).samples["before-after"]
    large = photo_pairs(["coffee.png"], side=32, scale=2)["large"][12]
    # Shown three times as large, so that captions have room.
    shown = large.repeat(3, axis=0).repeat(3, axis=1)
    found = [left for left in range(sheet.shape[1] - 95) if np.array_equal(sheet[6 : 6 + 96, left : left + 96], shown)]
    # Margins of 6 pixels: the original is the third picture of the first strip.
    assert found == [6 + 2 * 102]


def test_averaged_weights_are_what_is_measured_and_what_is_left():
    run = tiny_run(averaging=Averaging(decay=0.9))
    run.step.begin_phase(PHASE)
    trained(run, 3)
    own = {name: value.clone() for name, value in run.step.network.state_dict().items()}  # type: ignore[attr-defined]
    run.step.validate(run.valid(PHASE))
    after = run.step.network.state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(after[name], value) for name, value in own.items())
    assert any(not torch.equal(run.step.weights()[name], value) for name, value in own.items())


# ---- A published version


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root on which squares of photographs are published as `photos`, at 32 and 16 pixels, in three splits."""
    root = tmp_path_factory.mktemp("published")
    source = root / "source" / "photo"
    source.mkdir(parents=True)
    for number, pixels in enumerate(squares(["coffee.png", "chelsea.png"], 32)):
        Image.fromarray(pixels).save(source / f"{number}.png")
    prepare(BareJob(str(root / "source"), str(root / "slow"), dataset="photos", sides=(32, 16)))
    return root / "slow"


def test_no_row_of_the_test_split_is_learnt_from_and_all_figures_are_theirs(slow: Path):
    with ExitStack() as resources, open_version(Tiers(slow, slow), "photos") as version:
        settings = config(slow=slow, phases=(Phase(1.0, 1e-3, batch_size=1),), flips="none")
        run = make_run(settings, world=World(), seed=0, resources=resources)
        reader = run.train(run.phases[0])
        assert isinstance(reader, RandomBatches)
        batches = reader.batches(0, 0)
        learnt = {next(batches)["large"].numpy().tobytes() for _ in range(len(reader))}
        tested = [batch["small"].movedim(1, 3).numpy() for batch in run.valid(run.phases[0])]
        splits, images = version.splits, version.rows(32)[:]
        small = version.rows(16)[splits == "test"]
    planar = [np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes() for image in images]
    assert learnt == {pixels for pixels, split in zip(planar, splits, strict=True) if split == "train"}
    np.testing.assert_array_equal(np.concatenate(tested), small)


def test_a_run_by_the_command_leaves_a_network_that_enlarges_pictures(slow: Path, tmp_path: Path):
    settings = [f"{name}={value}" for name, value in TINY.items()]
    command = ["superres", "--run-dir", str(tmp_path / "run"), "--device", "cpu", "loop.cpu_threads=1", *settings]
    phases = "phases=[{epochs=0.2, learning_rate=0.001, side=24}]"
    assert main([*command, "dataset=photos", f"slow={slow}", "batch_size=8", "test_rows=3", phases]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["metrics"]["psnr_y_border2"] > 20
    assert len(list((tmp_path / "run" / "samples").glob("*before-after.png"))) == 1
    network = load_enlarger(config(), tmp_path / "run" / "weights.pt")
    assert upscaled(Image.new("RGB", (9, 7), (10, 100, 200)), network).size == (18, 14)
    with pytest.raises(UnfitWeights, match=r"weights\.pt holds the weights of another network"):
        load_enlarger(config(width=8), tmp_path / "run" / "weights.pt")


# ---- Settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"large": 288, "small": 100}, "large has to be a multiple of small, got 288 and 100"),
        ({"net": "unet"}, "net = 'unet' needs encoder_weights: a file of torchvision's resnet34, or 'random'"),
        ({"loss": "feature"}, "loss = 'feature' needs extractor_weights: a file of torchvision's vgg16_bn, or"),
        ({"loss": "perceptual"}, "loss = 'perceptual' needs extractor_weights: a file of torchvision's vgg16, or"),
        ({"test_rows": 0}, "test_rows must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        config(**changes)


def test_batches_of_the_test_set_are_in_the_order_of_rows():
    pairs = photo_pairs(["coffee.png"], side=32, scale=2)
    rows = [batch.rows for batch in batches_in_order(MemoryRows(pairs), 8, world=World())]
    assert torch.cat(rows).tolist() == list(range(len(pairs["large"])))
