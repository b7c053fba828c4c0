from __future__ import annotations

import numpy as np
import pytest

from tasks.ops.crappifiers.digits import ink_of
from tasks.ops.crappifiers.jpeg import Jpeg, recompressed
from tasks.ops.crappifiers.numbered_jpeg import NumberedJpeg, numbered_and_recompressed
from tests.tasks.ops.crappifiers.pictures import changed, flat, photo, rng

SIDE = 96


def unlikeness(result: np.ndarray, value: int) -> float:
    """How far the ink of `value`, at the best of all places, is from what stands on a black image; in levels."""
    ink = ink_of(str(value), round(0.25 * SIDE), fits=(SIDE, SIDE)).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(result[:, :, 1].astype(float), ink.shape)
    there = np.einsum("yxij,ij->yx", windows, ink)
    squares = np.einsum("yxij,yxij->yx", windows, windows)
    outside = (result[:, :, 1].astype(float) ** 2).sum() - squares
    return float((squares - 2 * there + (ink**2).sum() + outside).min())


@pytest.mark.parametrize("quality", [10, 11, 17, 38, 70])
def test_the_number_on_the_image_is_the_quality(quality: int):
    parameters = NumberedJpeg((quality, quality), (0.25, 0.25))
    result = numbered_and_recompressed(flat(SIDE, SIDE, 0), rng(quality), parameters)
    assert min(range(10, 71), key=lambda value: unlikeness(result, value)) == quality


@pytest.mark.parametrize("quality", [10, 40, 70])
def test_away_from_the_number_it_is_a_jpeg_of_that_quality(quality: int):
    image = photo(192)
    result = numbered_and_recompressed(image, rng(1), NumberedJpeg((quality, quality)))
    plain = recompressed(image, rng(), Jpeg((quality, quality)))
    rows, columns = np.nonzero(changed(plain, result))
    # A number of about 16 × 27 pixels lies in at most 3 × 3 blocks of 16, and colour is smoothed a pixel further.
    assert 5 <= np.ptp(rows) <= 50
    assert 5 <= np.ptp(columns) <= 50


def test_the_number_is_written_before_the_compression_not_after():
    result = numbered_and_recompressed(flat(96, 96, 0), rng(), NumberedJpeg((10, 10)))
    # A clean number would leave at most one shade beside each stroke; JPEG rings through the block.
    assert changed(flat(96, 96, 0), result).sum() > 1.5 * (ink_of("10", 11, fits=(96, 96)) > 0).sum()
