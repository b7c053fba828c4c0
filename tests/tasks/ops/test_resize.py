from __future__ import annotations

import tracemalloc

import numpy as np
import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.photos import photos
from tasks.ops.resize import INTERPOLATIONS, resize_center_crop, resize_center_crop_into
from tests.oracles.conversions import largest_difference
from training.torchvision_import import torchvision

transforms = torchvision.transforms
TORCHVISION_MODES = {
    "bilinear": transforms.InterpolationMode.BILINEAR,
    "bicubic": transforms.InterpolationMode.BICUBIC,
    "lanczos": transforms.InterpolationMode.LANCZOS,
}


def torchvision_square(image: Image.Image, side: int, interpolation: str) -> np.ndarray:
    mode = TORCHVISION_MODES[interpolation]
    return np.asarray(transforms.CenterCrop(side)(transforms.Resize(side, interpolation=mode)(image)))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("interpolation", sorted(INTERPOLATIONS))
@pytest.mark.parametrize("side", [72, 224, 288])
def test_real_photos_equal_torchvision_bit_for_bit(side: int, interpolation: str):
    for name, photo in photos().items():
        ours = resize_center_crop(photo, side, interpolation=interpolation)
        assert np.array_equal(ours, torchvision_square(photo, side, interpolation)), name


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    side=st.integers(1, 160),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
    seed=st.integers(0, 9),
)
@example(width=1, height=1, side=64, interpolation="lanczos", seed=0)
@example(width=333, height=223, side=224, interpolation="bicubic", seed=0)
@settings(max_examples=300, deadline=None)
def test_any_size_equals_torchvision_bit_for_bit_until_it_is_scaled_very_long(
    width: int, height: int, side: int, interpolation: str, seed: int
):
    image = noise(width, height, seed)
    ours = resize_center_crop(image, side, interpolation=interpolation)
    assert ours.shape == (side, side, 3)
    assert ours.dtype == np.uint8
    whole = max(width, height) * side <= 8192 * min(width, height)
    assert largest_difference(ours, torchvision_square(image, side, interpolation)) <= (0 if whole else 2)


@pytest.mark.parametrize("interpolation", sorted(INTERPOLATIONS))
@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (2, 4999), (7000, 3), (12345, 37), (9001, 9)])
def test_very_elongated_noise_equals_torchvision_within_two_levels(size: tuple[int, int], interpolation: str):
    image = noise(*size)
    ours = resize_center_crop(image, 48, interpolation=interpolation)
    assert largest_difference(ours, torchvision_square(image, 48, interpolation)) <= 2


def test_a_panorama_of_a_real_photo_equals_torchvision_within_one_level():
    photo = photos()["china.jpg"]
    panorama = Image.fromarray(np.tile(np.asarray(photo), (1, 60, 1))).resize((9000, 100))
    ours = resize_center_crop(panorama, 224)
    assert largest_difference(ours, torchvision_square(panorama, 224, "bilinear")) <= 1


def test_an_image_one_pixel_wide_is_scaled_up_in_little_memory():
    image = noise(1, 60_000)
    process = psutil.Process()
    before = process.memory_info().rss
    tracemalloc.start()
    resize_center_crop(image, 288)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    # The scaled image would hold 288 × 17,280,000 pixels.
    assert process.memory_info().rss - before < 50_000_000


def test_square_of_the_asked_side_is_the_image_itself():
    image = noise(224, 224)
    assert np.array_equal(resize_center_crop(image, 224), np.asarray(image))


def test_writing_into_a_chunk_row_fills_that_row_only():
    photo = photos()["chelsea.png"]
    chunk = np.zeros((3, 96, 96, 3), np.uint8)
    resize_center_crop_into(photo, chunk[1], interpolation="lanczos")
    assert np.array_equal(chunk[1], resize_center_crop(photo, 96, interpolation="lanczos"))
    assert not chunk[0].any()
    assert not chunk[2].any()


def test_the_array_can_be_written_to():
    assert resize_center_crop(noise(8, 8), 4).flags.writeable


def test_mistaken_arguments_are_named():
    image = noise(8, 8)
    with pytest.raises(ValueError, match="side must be at least 1 pixel, got 0"):
        resize_center_crop(image, 0)
    with pytest.raises(ValueError, match="one of bilinear, bicubic, lanczos, got 'nearest'"):
        resize_center_crop(image, 4, interpolation="nearest")
    with pytest.raises(ValueError, match="mode RGB, got L"):
        resize_center_crop(image.convert("L"), 4)
    with pytest.raises(ValueError, match=r"shape \(side, side, 3\), got \(4, 5, 3\)"):
        resize_center_crop_into(image, np.empty((4, 5, 3), np.uint8))
