from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tasks.ops.crappifiers.folds import Folds, folded
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, changed, flat, noise, rng

MIDDLE = flat(160, 160, 128)


def one(seed: int, strength: float = 0.8) -> np.ndarray:
    return folded(MIDDLE, rng(seed), Folds((1, 1), strength=(strength, strength))).astype(int)[:, :, 1] - 128


@given(height=SIDES, width=SIDES, seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_black_is_never_darker_nor_white_brighter_than_the_paper(height: int, width: int, seed: int):
    black = folded(flat(height, width, 0), rng(seed), Folds((1, 1)))
    assert (black <= [238, 233, 222]).all()
    white = folded(flat(height, width, 255), rng(seed), Folds((1, 1)))
    assert white.min() >= 255 * (1 - 0.45) - 1


@pytest.mark.parametrize("nothing", [{"count": (0, 0)}, {"strength": (0.0, 0.0)}])
def test_none_or_without_strength_changes_nothing(nothing: dict[str, tuple]):
    image = noise(60, 60)
    assert np.array_equal(folded(image, rng(), Folds(**nothing)), image)


@pytest.mark.parametrize("seed", range(30))
def test_a_fold_runs_from_edge_to_edge_with_light_on_one_side_and_shade_on_the_other(seed: int):
    difference = one(seed)
    touched = [edge.any() for edge in (difference[0], difference[-1], difference[:, 0], difference[:, -1])]
    assert sum(touched) >= 2
    shade, light = difference < -10, difference > 10
    assert shade.any()
    assert light.any()
    # The two sides lie apart: their centres are several pixels from each other.
    centres = [np.argwhere(side).mean(axis=0) for side in (shade, light)]
    assert np.hypot(*(centres[0] - centres[1])) > 3


def test_the_crack_is_the_brightest_and_thin():
    brightest = [one(seed) for seed in range(20)]
    assert np.median([difference.max() for difference in brightest]) > 60
    assert all((difference > 62).sum() < 2 * 230 for difference in brightest)


def test_far_from_the_fold_nothing_changes():
    for seed in range(20):
        assert 0.02 < (one(seed) != 0).mean() < 0.45


def test_folds_lie_upright_level_and_across_corners():
    kinds = set()
    for seed in range(40):
        at = one(seed) != 0
        rows, columns = at.any(axis=1).mean(), at.any(axis=0).mean()
        kinds.add((rows > 0.99, columns > 0.99))
    assert kinds == {(True, False), (False, True), (False, False)}


def test_more_strength_changes_more():
    means = [np.abs(one(7, strength)).mean() for strength in (0.1, 0.4, 0.9)]
    assert means == sorted(means)
    assert means[2] > 4 * means[0]


def test_the_crack_shows_the_tone_of_paper_which_is_a_little_yellow():
    image = flat(160, 160, 0)
    for seed in range(10):
        result = folded(image, rng(seed), Folds((1, 1), strength=(1.0, 1.0)))
        brightest = result.reshape(-1, 3)[result.sum(axis=2).argmax()]
        assert brightest / 238 == pytest.approx(np.array([1, 233 / 238, 222 / 238]) * brightest[0] / 238, abs=0.01)
        assert brightest[0] > 80
        assert changed(image, result).mean() < 0.1  # black has no light to bend
