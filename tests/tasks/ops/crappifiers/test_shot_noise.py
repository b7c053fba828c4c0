from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tasks.ops.crappifiers.shot_noise import ShotNoise, dimly_lit
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, flat, noise, rng


@pytest.mark.parametrize("photons", [200.0, 1000.0, 10_000.0])
@pytest.mark.parametrize("level", [16, 64, 128, 192])
def test_the_variance_of_a_level_is_that_of_counted_photons(photons: float, level: int):
    result = dimly_lit(flat(256, 256, level), rng(), ShotNoise((photons, photons))).astype(float)
    # Poisson's law: level / 255 × photons are counted, give or take the root of that.
    deviation = np.sqrt(level / 255 * photons) * 255 / photons
    rounding = 1 / 12
    assert result.std() == pytest.approx(np.sqrt(deviation**2 + rounding), rel=0.06)
    assert result.mean() == pytest.approx(level, abs=0.05 * deviation + 0.05)


def test_it_resembles_numpys_poisson_numbers_on_a_picture():
    image, photons = noise(200, 200, low=60, high=200), 100
    ours = dimly_lit(image, rng(), ShotNoise((photons, photons))).astype(float) - image
    counted = np.clip(rng(1).poisson(image / 255 * photons) * 255 / photons, 0, 255) - image
    assert ours.std() == pytest.approx(counted.std(), rel=0.03)
    assert ours.mean() == pytest.approx(counted.mean(), abs=0.5)


def test_black_stays_black():
    assert not dimly_lit(flat(64, 64, 0), rng(), ShotNoise((10, 10))).any()


@given(height=SIDES, width=SIDES, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_nothing_wraps_around(height: int, width: int, seed: int):
    bright = dimly_lit(flat(height, width, 255), rng(seed), ShotNoise((1000, 1000)))
    assert bright.min() > 255 - 30
    dark = dimly_lit(flat(height, width, 3), rng(seed), ShotNoise((10, 10)))
    assert dark.max() < 3 + 30
