from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.number import Number, numbered
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, changed, flat, noise, rng


@given(height=SIDES, width=SIDES, level=st.integers(0, 255), value=st.integers(0, 9999), seed=SEEDS)
@example(height=1, width=1, level=127, value=9999, seed=0)
@settings(max_examples=60, deadline=None)
def test_the_number_is_seen_on_any_flat_image_of_any_size(height: int, width: int, level: int, value: int, seed: int):
    image = flat(height, width, level)
    result = numbered(image, rng(seed), Number((value, value)))
    assert changed(image, result).any()
    # Bright on dark, dark on bright, and full in at least one pixel.
    assert (result.max() == 255) if level < 128 else (result.min() == 0)
    assert np.array_equal(result[:, :, 0], result[:, :, 2])


@pytest.mark.parametrize("seed", range(20))
def test_all_of_the_number_is_inside_and_the_rest_is_as_it_was(seed: int):
    result = numbered(flat(96, 140, 0), rng(seed), Number((88, 88), (0.2, 0.2), "white"))
    rows, columns = np.nonzero(changed(flat(96, 140, 0), result))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert 11 <= height <= 19  # digits of a font of 19 pixels
    assert 14 <= width <= 26
    ink = result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0]
    assert 0.2 < ink.mean() / 255 < 0.7
    # The two digits are the same: the first one's columns come again.
    apart = [np.abs(ink[:, :8].astype(int) - ink[:, at : at + 8]).mean() for at in range(6, width - 7)]
    assert min(apart) < 2


def test_every_part_of_the_image_is_written_on_some_time():
    image = flat(60, 60, 0)
    small = Number(size=(0.2, 0.2))
    seen = np.sum([changed(image, numbered(image, rng(seed), small)) for seed in range(400)], axis=0)
    quarters = [seen[y : y + 15, x : x + 15].sum() for y in range(0, 60, 15) for x in range(0, 60, 15)]
    assert min(quarters) > 0.2 * max(quarters)
    assert seen[0].any()
    assert seen[-1].any()
    assert seen[:, 0].any()
    assert seen[:, -1].any()


def test_numbers_and_sizes_differ_from_draw_to_draw():
    image = flat(100, 100, 0)
    inked = {int(changed(image, numbered(image, rng(seed), Number())).sum()) for seed in range(30)}
    assert len(inked) > 20
    assert max(inked) > 4 * min(inked)


def test_white_ink_is_white_even_on_white():
    image = flat(64, 64, 255)
    assert np.array_equal(numbered(image, rng(), Number(ink="white")), image)
    assert numbered(image, rng(), Number(ink="contrast")).min() == 0


def test_ink_only_moves_pixels_towards_its_own_tone():
    image = noise(80, 80)
    result = numbered(image, rng(3), Number(ink="white"))
    assert (result >= image).all()
    assert changed(image, result).mean() < 0.2
