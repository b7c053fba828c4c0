from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tasks.ops.crappifiers.scratches import DARK, LIGHT, Scratches, scratched
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, changed, flat, noise, rng


def one(**changes: tuple[float, float]) -> Scratches:
    return Scratches((1, 1), **changes)


@given(height=SIDES, width=SIDES, seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_every_changed_pixel_moved_towards_light_or_dark(height: int, width: int, seed: int):
    image = noise(height, width, low=40, high=200)
    result = scratched(image, rng(seed), Scratches())
    at = changed(image, result)
    steps = result[at].astype(int) - image[at]
    assert ((steps >= 0).all(axis=1) | (steps <= 0).all(axis=1)).all()
    assert result.max() <= LIGHT
    assert result.min() >= DARK


@pytest.mark.parametrize("nothing", [{"count": (0, 0)}, {"strength": (0.0, 0.0)}])
def test_none_or_without_strength_changes_nothing(nothing: dict[str, tuple]):
    image = noise(60, 60)
    assert np.array_equal(scratched(image, rng(), Scratches(**nothing)), image)


@pytest.mark.parametrize("seed", range(10))
def test_more_lines_leave_the_first_ones_where_they_were(seed: int):
    image = flat(128, 128, 128)
    few = changed(image, scratched(image, rng(seed), Scratches((2, 2))))
    many = changed(image, scratched(image, rng(seed), Scratches((6, 6))))
    assert (many | ~few).all()
    assert many.sum() > few.sum()


@pytest.mark.parametrize("width", [0.6, 1.0, 3.0])
def test_a_line_is_as_thick_as_asked_and_runs_down_the_image(width: float):
    image = flat(200, 200, 0)
    thickness, lengths = [], []
    for seed in range(40):
        result = scratched(image, rng(seed), one(width=(width, width), length=(0.5, 0.5), strength=(1.0, 1.0)))
        if result.max() <= DARK:
            continue
        rows = (result[:, :, 0] / LIGHT).sum(axis=1)
        thickness.append(rows.max())
        lengths.append(np.count_nonzero(rows))
    assert np.median(thickness) == pytest.approx(width, rel=0.15)
    assert max(lengths) <= 101
    assert np.median(lengths) > 40


def test_a_line_is_nearly_upright_and_each_row_holds_one_piece_of_it():
    image = flat(256, 256, 128)
    for seed in range(20):
        at = changed(image, scratched(image, rng(seed), one(width=(1.0, 1.0), length=(0.8, 0.8))))
        rows, columns = np.nonzero(at)
        assert np.ptp(columns) <= 0.7 * np.ptp(rows) + 12
        for row in np.unique(rows):
            assert np.ptp(columns[rows == row]) <= 2


def test_three_lines_in_four_are_bright():
    image = flat(64, 64, 128)
    results = [scratched(image, rng(seed), one(length=(1.0, 1.0))).astype(int) - 128 for seed in range(200)]
    bright = np.mean([result.sum() > 0 for result in results if result.any()])
    assert 0.65 < bright < 0.85
