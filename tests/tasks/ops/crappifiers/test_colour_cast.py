from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.colour_cast import ColourCast, tinted
from tests.tasks.ops.crappifiers.pictures import noise, rng

GAINS = st.floats(0, 1.9)


def exactly(*gains: float, fade: float = 0.0) -> ColourCast:
    return ColourCast(*((gain, gain) for gain in gains), fade=(fade, fade))


@given(red=GAINS, green=GAINS, blue=GAINS, fade=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_each_channel_is_multiplied_then_faded_to_within_three_levels(
    red: float, green: float, blue: float, fade: float
):
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    expected = np.clip(image * np.array([red, green, blue]) * (1 - fade) + fade * 200, 0, 255)
    result = tinted(image, rng(), exactly(red, green, blue, fade=fade))
    assert np.abs(result - expected).max() <= 3
    assert (np.diff(result.astype(int), axis=1) >= 0).all()


def test_gains_of_one_and_no_fading_change_nothing():
    image = noise(33, 47)
    assert np.array_equal(tinted(image, rng(), exactly(1, 1, 1)), image)


def test_one_channel_alone_may_change():
    image = noise(50, 50, low=10, high=120)
    result = tinted(image, rng(), exactly(1, 1, 0.5))
    assert np.array_equal(result[:, :, :2], image[:, :, :2])
    assert (result[:, :, 2] < image[:, :, 2]).all()


def test_wholly_faded_it_is_one_light_grey():
    assert (tinted(noise(20, 20), rng(), exactly(1.9, 1, 0.1, fade=1)) == 200).all()


def test_drawn_casts_are_of_every_hue():
    image = np.full((1, 1, 3), 128, np.uint8)
    casts = np.array([tinted(image, rng(seed), ColourCast(fade=(0, 0)))[0, 0] for seed in range(300)]).astype(float)
    assert casts.std(axis=0) == pytest.approx(128 * 0.5 / np.sqrt(12), rel=0.2)
    assert np.abs(np.corrcoef(casts.T) - np.eye(3)).max() < 0.2
