"""What is taken from inside Pillow does what its public functions do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.ops.pillow_internals import resize_and_cut, rgb_sharing

KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
LENGTHS = st.integers(1, 40)
SIZES = st.tuples(LENGTHS, LENGTHS)


def noise(width: int, height: int, channels: int) -> np.ndarray:
    return np.random.default_rng(width * 41 + height).integers(0, 256, (height, width, channels), np.uint8)


@given(width=LENGTHS, height=LENGTHS)
def test_an_image_of_four_bytes_is_the_rgb_of_its_pixels(width: int, height: int):
    pixels = noise(width, height, 4)
    image = rgb_sharing(pixels)
    assert (image.mode, image.size) == ("RGB", (width, height))
    np.testing.assert_array_equal(np.asarray(image), pixels[..., :3])
    pixels[0, 0] = 7
    assert image.getpixel((0, 0)) == (7, 7, 7)


@given(
    data=st.data(),
    source=st.tuples(LENGTHS, LENGTHS),
    size=st.tuples(LENGTHS, LENGTHS),
    kernel=st.sampled_from(KERNELS),
)
def test_resizing_and_cutting_is_resize_and_crop(
    data: st.DataObject, source: tuple[int, int], size: tuple[int, int], kernel: Image.Resampling
):
    image = Image.fromarray(noise(*source, 3))
    left, top = (data.draw(st.integers(0, length - 1)) for length in size)
    right, bottom = data.draw(st.integers(left + 1, size[0])), data.draw(st.integers(top + 1, size[1]))
    box = (0.0, 0.0, data.draw(st.floats(0.5, source[0])), data.draw(st.floats(0.5, source[1])))
    out = np.empty((bottom - top, right - left, 3), np.uint8)
    resize_and_cut(image, size, kernel, box=box, corner=(left, top), out=out)
    expected = image.resize(size, kernel, box).crop((left, top, right, bottom))
    np.testing.assert_array_equal(out, np.asarray(expected))


def test_an_image_that_is_not_loaded_yet_is_loaded(tmp_path):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "a.png")
    out = np.empty((7, 9, 3), np.uint8)
    resize_and_cut(Image.open(tmp_path / "a.png"), (9, 7), KERNELS[0], box=(0, 0, 9, 7), corner=(0, 0), out=out)
    np.testing.assert_array_equal(out, noise(9, 7, 3))


def test_a_part_beyond_the_image_is_refused():
    out = np.empty((4, 4, 3), np.uint8)
    with pytest.raises((ValueError, SystemError, OSError)):
        resize_and_cut(Image.fromarray(noise(9, 7, 3)), (3, 3), KERNELS[0], box=(0, 0, 9, 7), corner=(0, 0), out=out)
