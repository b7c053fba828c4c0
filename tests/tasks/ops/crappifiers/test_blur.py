from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from tasks.ops.crappifiers.blur import Blur, blurred
from tests.tasks.ops.crappifiers.pictures import SIDES, flat, noise, photo, rng


@given(height=SIDES, width=SIDES, radius=st.floats(0, 12))
@settings(max_examples=20, deadline=None)
def test_the_result_equals_pillows_own_blur(height: int, width: int, radius: float):
    image = noise(height, width)
    expected = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    assert np.array_equal(blurred(image, rng(), Blur((radius, radius))), expected)


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0, 4.0])
def test_a_point_is_spread_by_the_radius(radius: float):
    image = np.zeros((65, 65, 3), np.uint8)
    image[32, 20:45] = 255  # a line across: its profile is that of the point, and brighter
    profile = blurred(image, rng(), Blur((radius, radius)))[:, 32, 0].astype(float)
    places = np.arange(65) - 32
    assert np.sqrt((profile * places**2).sum() / profile.sum()) == pytest.approx(radius, rel=0.1, abs=0.05)


def test_what_is_flat_stays_and_radius_0_changes_nothing():
    assert np.array_equal(blurred(flat(40, 50, 77), rng(), Blur()), flat(40, 50, 77))
    image = noise(40, 50)
    assert np.array_equal(blurred(image, rng(), Blur((0, 0))), image)


def test_a_larger_radius_leaves_less_detail():
    image = photo(128)
    detail = [np.abs(np.diff(blurred(image, rng(), Blur((r, r))).astype(int), axis=1)).mean() for r in (0.4, 1, 2, 4)]
    assert detail == sorted(detail, reverse=True)
