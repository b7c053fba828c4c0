"""The figures of restored pictures, worked out again from the pictures themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from tasks.ops.distribution_distances import frechet_distance
from tasks.ops.image_quality import fine_detail_y, luma, psnr_rgb, psnr_y
from tasks.ops.image_vectors import patches
from tests.training.photo_pairs import squares
from training.batches import batches_in_order
from training.distributed import World
from training.restoration_evaluation import RestorationEvaluation
from training.sources import MemoryRows
from training.steps import Validation


class TakesBrightForReal(nn.Module):
    """A critic of four places, all of which judge by the mean brightness."""

    def forward(self, images: Tensor) -> Tensor:
        return (images.mean(dim=(1, 2, 3)) - 0.5)[:, None].expand(-1, 4)


def pairs(count: int = 10, scale: int = 1) -> dict[str, np.ndarray]:
    large = squares(["coffee.png", "chelsea.png"], 48)[:count]
    small = [np.asarray(Image.fromarray(image).reduce(2 * scale)) for image in large]
    return {"large": large, "small": np.stack([small_.repeat(2, axis=0).repeat(2, axis=1) for small_ in small])}


def judged(evaluation: RestorationEvaluation, rows: dict[str, np.ndarray], restore=lambda images: images) -> Validation:
    return evaluation.of(restore, batches_in_order(MemoryRows(rows), 4, world=World()))


def test_a_network_that_changes_nothing_has_the_figures_of_its_input():
    rows = pairs()
    found = judged(RestorationEvaluation(World(), 1), rows).metrics
    own = {name for name in found if not name.startswith("input_")}
    assert {f"input_{name}" for name in own} | own == set(found)
    assert all(found[name] == found[f"input_{name}"] for name in own)
    expected = [psnr_y(bad, good, border=0) for bad, good in zip(rows["small"], rows["large"], strict=True)]
    assert found["psnr_y_border0"] == pytest.approx(np.mean(expected))
    expected = [psnr_rgb(bad, good, border=0) for bad, good in zip(rows["small"], rows["large"], strict=True)]
    assert found["psnr_rgb_border0"] == pytest.approx(np.mean(expected))
    assert found["frechet_patches8"] == pytest.approx(
        frechet_distance(patches(rows["small"]), patches(rows["large"])), rel=1e-6
    )


def test_a_picture_that_lost_its_colours_is_perfect_in_luma_and_not_in_rgb():
    rows = pairs()
    rows["small"] = np.repeat((rows["large"] @ [0.257, 0.504, 0.098] / 0.859).round().astype(np.uint8)[..., None], 3, 3)
    found = judged(RestorationEvaluation(World(), 1), rows).metrics
    assert found["psnr_y_border0"] > 45
    assert found["psnr_rgb_border0"] < 30


def test_the_original_itself_is_perfect_by_each_figure_and_others_are_measured_beside_it():
    rows = pairs() | {"small": pairs()["large"]}
    spoilt = {"start": lambda images: (images + 0.3 * torch.rand_like(images)).clamp(0, 1)}
    found = judged(RestorationEvaluation(World(), 1, others=spoilt), rows).metrics
    assert found["psnr_y_border0"] == 100
    assert found["ssim_y_border0_gaussian11"] == pytest.approx(1)
    assert found["fine_detail_y_ratio"] == pytest.approx(1)
    assert found["frechet_patches8"] == pytest.approx(0, abs=1e-2)
    assert found["mmd_patches8"] == pytest.approx(0, abs=0.01)
    assert found["start_psnr_y_border0"] < 30
    assert found["start_fine_detail_y_ratio"] > 1.2
    assert found["start_frechet_patches8"] > 1000


def test_a_frozen_critics_accuracy_is_the_mean_of_that_on_originals_and_on_restored_pictures():
    rows = {name: np.zeros((8, 48, 48, 3), np.uint8) for name in ("small", "large")}
    rows["large"][:6] = 200  # 6 of 8 originals it takes for real
    rows["small"][:2] = 200  # and 2 of 8 inputs
    evaluation = RestorationEvaluation(World(), 1, critic=TakesBrightForReal())
    found = judged(evaluation, rows, restore=lambda images: 1 - images).metrics
    assert found["frozen_critic_fooled"] == pytest.approx(6 / 8)
    assert found["frozen_critic_accuracy"] == pytest.approx((6 / 8 + 2 / 8) / 2)
    assert found["input_frozen_critic_accuracy"] == pytest.approx((6 / 8 + 6 / 8) / 2)


def test_strips_show_the_bad_picture_as_large_as_the_original():
    rows = pairs(3, scale=2)
    sample = judged(RestorationEvaluation(World(), 2), rows, lambda images: images.repeat_interleave(2, 2).repeat_interleave(2, 3))  # fmt: skip  # noqa: E501
    assert sample.samples["before-after"].shape[1] == 6 + 3 * (96 + 6)


def test_rows_that_were_measured_before_are_measured_the_same_again():
    rows, evaluation = pairs(), RestorationEvaluation(World(), 1, critic=TakesBrightForReal())
    assert judged(evaluation, rows).metrics == judged(evaluation, rows).metrics


def test_fine_detail_is_what_a_gaussian_takes_away():
    picture = squares(["coffee.png"], 48)[3]
    values = luma(picture)
    blurred = gaussian_filter(values, 1.5, truncate=5 / 1.5)
    assert fine_detail_y(picture) == pytest.approx(np.mean((values - blurred)[5:-5, 5:-5] ** 2), rel=1e-6)
    assert fine_detail_y(np.full((11, 11, 3), 90, np.uint8)) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match=r"at least 11 pixels each way, got \(10, 20\)"):
        fine_detail_y(np.zeros((10, 20, 3), np.uint8))
