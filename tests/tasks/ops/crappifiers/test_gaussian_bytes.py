from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from tasks.ops.crappifiers.gaussian_bytes import LARGEST_DEVIATION, gaussian_bytes
from tests.tasks.ops.crappifiers.pictures import rng


@pytest.mark.parametrize("deviation", [2.0, 5.0, 12.0, 32.0, LARGEST_DEVIATION])
def test_numbers_have_the_deviation_and_the_shape_of_the_normal_distribution(deviation: float):
    numbers = gaussian_bytes(rng(), (400_000,), deviation).astype(float)
    assert abs(numbers.mean()) < 0.01 * deviation
    assert numbers.std() == pytest.approx(deviation, rel=0.015)
    assert np.mean(numbers**3) == pytest.approx(0, abs=0.05 * deviation**3)
    if deviation >= 12:  # below, the steps of whole numbers show
        for place in (-2, -1, -0.5, 0.5, 1, 2):
            share = np.mean(numbers <= place * deviation)
            assert share == pytest.approx(NormalDist().cdf(place), abs=0.02)


def test_deviation_0_gives_zeros():
    assert not gaussian_bytes(rng(), (64, 64, 3), 0.0).any()


def test_the_first_eight_come_from_the_first_64_bits_of_the_generator_from_its_lowest_byte_on():
    # The generator's own integers, one by one: its promise to hand them out alike in a block is numpy's.
    word = int(rng(5).bit_generator.random_raw())
    quantiles = [NormalDist(0, 30).inv_cdf((word >> 8 * place & 255) / 256 + 1 / 512) for place in range(8)]
    assert gaussian_bytes(rng(5), (8,), 30.0) == pytest.approx(quantiles, abs=1.5)


@pytest.mark.parametrize("shape", [(1,), (7,), (9,), (3, 5, 3)])
def test_any_shape_is_filled(shape: tuple[int, ...]):
    assert gaussian_bytes(rng(), shape, 10.0).shape == shape
