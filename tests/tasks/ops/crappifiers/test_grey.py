from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from tasks.ops.crappifiers.grey import Grey, greyed
from tests.tasks.ops.crappifiers.pictures import SIDES, flat, noise, rng


@given(height=SIDES, width=SIDES)
@settings(max_examples=20, deadline=None)
def test_the_three_channels_are_the_luma_of_bt_601(height: int, width: int):
    image = noise(height, width)
    result = greyed(image, rng(), Grey())
    assert np.array_equal(result[:, :, 0], result[:, :, 1])
    assert np.array_equal(result[:, :, 0], result[:, :, 2])
    assert np.abs(result[:, :, 0] - image @ np.array([0.299, 0.587, 0.114])).max() < 0.51


def test_what_is_grey_already_stays_as_it_is():
    for level in range(256):
        assert np.array_equal(greyed(flat(2, 2, level), rng(), Grey()), flat(2, 2, level))
