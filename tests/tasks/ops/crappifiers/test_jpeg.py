from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.ops.crappifiers.jpeg import Jpeg, recompressed
from tests.tasks.ops.crappifiers.pictures import SIDES, noise, photo, rng


def round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """Through Pillow alone, both ways."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@given(height=SIDES, width=SIDES, quality=st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_the_result_equals_pillows_own_round_trip(height: int, width: int, quality: int):
    image = noise(height, width)
    assert np.array_equal(recompressed(image, rng(), Jpeg((quality, quality))), round_trip(image, quality))


@pytest.mark.parametrize("side", [72, 128, 288])
def test_photos_equal_pillows_own_round_trip(side: int):
    for quality in (10, 40, 70):
        image = photo(side)
        assert np.array_equal(recompressed(image, rng(), Jpeg((quality, quality))), round_trip(image, quality))


def test_every_drawn_quality_lies_in_the_range_and_all_of_it_is_drawn():
    image = photo(16)
    possible = {round_trip(image, quality).tobytes(): quality for quality in range(1, 101)}
    drawn = [possible.get(recompressed(image, rng(seed), Jpeg((20, 24))).tobytes()) for seed in range(60)]
    assert set(drawn) == {20, 21, 22, 23, 24}


def test_a_lower_quality_is_farther_from_the_original():
    image = photo(128)
    errors = [np.abs(recompressed(image, rng(), Jpeg((q, q))).astype(int) - image).mean() for q in (5, 10, 30, 70, 95)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 3 * errors[-1]
