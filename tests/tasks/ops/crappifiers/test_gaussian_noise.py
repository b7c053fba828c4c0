from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.gaussian_noise import GaussianNoise, noisy
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, flat, noise, rng


@pytest.mark.parametrize("deviation", [3.0, 10.0, 25.0])
@pytest.mark.parametrize("channels", ["separate", "alike"])
def test_noise_has_its_deviation_and_leaves_the_mean(deviation: float, channels: str):
    difference = noisy(flat(300, 300, 128), rng(), GaussianNoise((deviation, deviation), channels)).astype(float) - 128
    assert difference.std() == pytest.approx(deviation, rel=0.02)
    assert abs(difference.mean()) < 0.02 * deviation
    correlation = np.corrcoef(difference.reshape(-1, 3).T)
    assert (correlation > 0.999).all() if channels == "alike" else (np.abs(correlation - np.eye(3)) < 0.02).all()


def test_noise_of_one_pixel_tells_nothing_of_its_neighbours():
    difference = noisy(flat(300, 300, 128), rng(), GaussianNoise((20, 20))).astype(float)[:, :, 0] - 128
    for lag in (1, 2, 8, 100):
        assert abs(np.mean(difference[:, lag:] * difference[:, :-lag])) < 0.03 * 400
        assert abs(np.mean(difference[lag:] * difference[:-lag])) < 0.03 * 400


@given(height=SIDES, width=SIDES, seed=SEEDS, level=st.sampled_from([0, 255]))
@settings(max_examples=20, deadline=None)
def test_nothing_wraps_around_at_black_or_white(height: int, width: int, seed: int, level: int):
    result = noisy(flat(height, width, level), rng(seed), GaussianNoise((43, 43)))
    assert np.abs(result.astype(int) - level).max() <= 127


def test_no_deviation_changes_nothing():
    image = noise(33, 21)
    assert np.array_equal(noisy(image, rng(), GaussianNoise((0, 0))), image)
