from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.digits import SMALLEST_FONT, ink_of

ROOM = (1000, 1000)


@given(value=st.integers(0, 9999), size=st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_ink_touches_all_four_edges_and_is_full_somewhere(value: int, size: int):
    ink = ink_of(str(value), size, fits=ROOM)
    assert ink.max() == 255
    assert ink[0].any()
    assert ink[-1].any()
    assert ink[:, 0].any()
    assert ink[:, -1].any()


@given(value=st.integers(0, 9999), size=st.integers(1, 200), height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_ink_fits_into_any_room_and_is_still_ink(value: int, size: int, height: int, width: int):
    ink = ink_of(str(value), size, fits=(height, width))
    assert ink.shape[0] <= height
    assert ink.shape[1] <= width
    assert ink.max() == 255


@pytest.mark.parametrize("size", [SMALLEST_FONT, 11, 40])
def test_no_two_digits_look_alike(size: int):
    inks = [ink_of(digit, size, fits=ROOM) for digit in "0123456789"]
    for one, other in combinations(inks, 2):
        if one.shape == other.shape:
            assert np.abs(one.astype(int) - other).mean() > 15


def test_ink_grows_with_the_font_and_with_the_number():
    assert ink_of("42", 40, fits=ROOM).shape[0] == pytest.approx(2 * ink_of("42", 20, fits=ROOM).shape[0], abs=2)
    assert ink_of("4242", 20, fits=ROOM).shape[1] > 1.8 * ink_of("42", 20, fits=ROOM).shape[1]
