"""Curves as pictures: every series has its colour, every point its place, and odd series do no harm."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tasks.ops.curve_picture import COLOURS, GAP, LEFT, PANEL, RIGHT, TOP, WIDTH, curve_picture
from tasks.ops.curve_scale import Series


def pixels(losses: Series, metrics: Series) -> np.ndarray:
    with Image.open(io.BytesIO(curve_picture(losses, metrics))) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return rows, columns


def test_each_figure_has_a_panel_and_each_loss_a_line():
    losses = {"loss": [(0, 4.0), (100, 1.0)], "pixel": [(0, 2.0), (100, 2.0)]}
    picture = pixels(losses, {"psnr": [(50, 20.0), (100, 30.0)], "ssim": [(100, 0.5)]})
    assert picture.shape == (TOP + 3 * (PANEL + GAP), WIDTH, 3)
    rows, columns = where(picture[: TOP + PANEL + 5], COLOURS[0])
    # From the upper left of its panel to the lower right.
    assert abs(rows[columns == LEFT + 1].min() - TOP) <= 3
    assert abs(rows[columns == WIDTH - RIGHT].max() - (TOP + PANEL)) <= 3
    steady, _ = where(picture[TOP : TOP + PANEL, LEFT + 200 : WIDTH - RIGHT - 200], COLOURS[1])
    assert abs(np.median(steady) - PANEL * 2 / 3) <= 3


def test_large_ratios_are_drawn_by_their_logarithm():
    picture = pixels({"loss": [(0, 1000.0), (50, 10.0), (100, 0.1)]}, {})
    rows, columns = where(picture[: TOP + PANEL + 5], COLOURS[0])
    middle = LEFT + (WIDTH - LEFT - RIGHT) // 2
    assert abs(rows[columns == middle].mean() - (TOP + PANEL / 2)) <= 3


@pytest.mark.parametrize(
    ("losses", "metrics"),
    [
        ({}, {}),
        ({"loss": [(0, 0.0)]}, {}),
        ({"loss": [(5, float("nan")), (6, float("inf"))]}, {"psnr": []}),
        ({"loss": [(0, -1e300), (1, 1e300)]}, {}),
        ({"loss": [(0, 1e-200), (1, 1e-170)]}, {}),
        ({"\x1b[31m\n" * 50: [(0, 1.0)]}, {"‮": [(1, 1e-300)]}),
        ({f"loss {number}": [(0, 1.0)] for number in range(50)}, {f"m{number}": [(0, 1.0)] for number in range(50)}),
    ],
)
def test_odd_series_are_drawn_all_the_same(losses: Series, metrics: Series):
    assert pixels(losses, metrics).shape[1] == WIDTH


def test_a_long_run_is_a_small_picture_with_its_last_point():
    many = [(step, 1 / (1 + step)) for step in range(200_000)]
    assert len(curve_picture({"loss": many}, {})) < 30_000
