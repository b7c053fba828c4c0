from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.ops.crappifiers.shrink import Shrink, shrunk
from tests.tasks.ops.crappifiers.pictures import SIDES, noise, photo, rng

KERNELS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def by_pillow(image: np.ndarray, size: tuple[int, int], kernel: str) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size, KERNELS[kernel]))


@given(height=SIDES, width=SIDES, side=st.integers(1, 300), kernel=st.sampled_from(sorted(KERNELS)))
@settings(max_examples=60, deadline=None)
def test_the_shorter_side_becomes_what_was_asked_as_pillow_scales(height: int, width: int, side: int, kernel: str):
    image = noise(height, width)
    small = shrunk(image, rng(), Shrink(side, kernel))
    if side >= min(height, width):
        assert np.array_equal(small, image)
        return
    ratio = side / min(height, width)  # fast.ai's resize_to(image, side, use_min=True)
    assert min(small.shape[:2]) == side
    assert max(small.shape[:2]) == pytest.approx(max(height, width) * ratio, abs=1)
    assert np.array_equal(small, by_pillow(image, small.shape[1::-1], kernel))


@given(height=SIDES, width=SIDES, kernel=st.sampled_from(sorted(KERNELS)))
@settings(max_examples=30, deadline=None)
def test_enlarged_again_it_has_its_size_and_only_the_detail_of_the_small_one(height: int, width: int, kernel: str):
    image = noise(height, width)
    restored = shrunk(image, rng(), Shrink("1/2", "bilinear", enlarge=kernel))
    assert restored.shape == image.shape
    small = shrunk(image, rng(), Shrink("1/2"))
    assert np.array_equal(restored, by_pillow(small, (width, height), kernel))


@pytest.mark.parametrize(
    ("whole", "part", "side"), [(288, "1/4", 72), (224, "1/2", 112), (100, "1/3", 33), (3, "1/8", 1)]
)
def test_a_part_of_the_side_is_rounded_down_but_never_to_nothing(whole: int, part: str, side: int):
    assert shrunk(noise(whole, whole), rng(), Shrink(part)).shape == (side, side, 3)


def test_a_photo_keeps_its_mean_colour():
    image = photo(288)
    means = [shrunk(image, rng(), Shrink(72, kernel)).mean(axis=(0, 1)) for kernel in KERNELS]
    assert np.abs(np.array(means) - image.mean(axis=(0, 1))).max() < 0.5


@pytest.mark.parametrize("side", [0, -3, 8193, "1/0", "2/3", "1/100", "quarter", "72"])
def test_a_side_that_is_none_is_refused_with_what_would_be_one(side: int | str):
    with pytest.raises(ValueError, match=f'^side must be 1 to 8192 pixels, or a part such as "1/4", got {side!r}$'):
        Shrink(side)
