"""PSNR, SSIM and the baselines, compared with scikit-image and with Pillow alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.photos import as_jpeg, photos
from tasks.ops.image_quality import enlarged, luma, luma_quality, mean_quality, psnr_rgb, psnr_y, ssim_y
from tests.oracles.conversions import encoded, plain_rgb

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Photographs, each beside a strongly compressed copy."""
    small = [photo.resize((150, 110)) for photo in photos().values()]
    return [(plain_rgb(as_jpeg(photo, quality=20)), np.asarray(photo)) for photo in small]


def cropped_luma(pair: Pair, border: int) -> Iterator[NDArray[np.float64]]:
    for pixels in pair:
        yield rgb2ycbcr(pixels)[border:-border, border:-border, 0]


def test_luma_is_that_of_scikit_image(pairs: list[Pair]):
    for pixels, _ in pairs:
        np.testing.assert_allclose(luma(pixels), rgb2ycbcr(pixels)[..., 0], atol=1e-9)


def test_black_is_16_and_white_is_235():
    assert luma(np.zeros((1, 1, 3), np.uint8))[0, 0] == pytest.approx(16)
    assert luma(np.full((1, 1, 3), 255, np.uint8))[0, 0] == pytest.approx(235)


@pytest.mark.parametrize("border", [1, 4])
def test_psnr_is_that_of_scikit_image(pairs: list[Pair], border: int):
    for pair in pairs:
        one, other = cropped_luma(pair, border)
        assert psnr_y(*pair, border=border) == pytest.approx(peak_signal_noise_ratio(other, one, data_range=255))


@pytest.mark.parametrize("border", [1, 4])
def test_ssim_is_that_of_scikit_image_set_as_in_the_paper(pairs: list[Pair], border: int):
    for pair in pairs:
        one, other = cropped_luma(pair, border)
        expected = structural_similarity(
            one, other, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert ssim_y(*pair, border=border) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_all_channels_is_that_of_scikit_image(pairs: list[Pair]):
    for restored, original in pairs:
        expected = peak_signal_noise_ratio(original[3:-3, 3:-3], restored[3:-3, 3:-3], data_range=255)
        assert psnr_rgb(restored, original, border=3) == pytest.approx(expected)


def test_an_error_of_one_level_everywhere_gives_the_psnr_of_the_formula():
    grey = np.full((20, 20, 3), 100, np.uint8)
    step = (65.481 + 128.553 + 24.966) / 255
    assert psnr_y(grey + 1, grey, border=2) == pytest.approx(20 * np.log10(255 / step))


def test_equal_images_are_perfect(pairs: list[Pair]):
    for _, original in pairs:
        assert psnr_y(original, original, border=0) == 100
        assert ssim_y(original, original, border=0) == pytest.approx(1)


def test_what_is_wrong_in_the_border_does_not_count(pairs: list[Pair]):
    original = pairs[0][1]
    framed = original.copy()
    framed[:4], framed[:, -4:] = 0, 0
    assert psnr_y(framed, original, border=4) == 100
    assert psnr_y(framed, original, border=3) < 40


def test_names_tell_channel_border_and_kernel(pairs: list[Pair]):
    found = luma_quality(*pairs[0], border=4)
    assert found == {
        "psnr_y_border4": psnr_y(*pairs[0], border=4),
        "ssim_y_border4_gaussian11": ssim_y(*pairs[0], border=4),
    }


def test_the_mean_is_taken_of_each_measure():
    assert mean_quality([{"a": 1.0, "b": 0.0}, {"a": 3.0, "b": 0.5}]) == {"a": 2.0, "b": 0.25}
    with pytest.raises(ValueError, match="no image to take the mean of"):
        mean_quality([])


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos"])
def test_the_baselines_are_pillows(pairs: list[Pair], interpolation: str):
    kernel = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}[interpolation]
    small = pairs[0][1]
    expected = plain_rgb(encoded(Image.fromarray(small).resize((450, 330), kernel), "PNG"))
    np.testing.assert_array_equal(enlarged(small, 3, interpolation), expected)


def test_images_that_cannot_be_compared_are_refused():
    image = np.zeros((12, 12, 3), np.uint8)
    with pytest.raises(ValueError, match=r"one size, got \(12, 12, 3\) uint8 and \(12, 13, 3\) uint8"):
        psnr_y(image, np.zeros((12, 13, 3), np.uint8), border=0)
    with pytest.raises(ValueError, match=r"uint8 images of one size, got .* float64"):
        psnr_y(image, image / 255, border=0)  # pyright: ignore[reportArgumentType] - that is the mistake
    with pytest.raises(ValueError, match="a border of 6 leaves nothing of an image of 12×12"):
        psnr_y(image, image, border=6)
    with pytest.raises(ValueError, match=r"at least 11 pixels each way without the border, got \(10, 10\)"):
        ssim_y(image, image, border=1)
    with pytest.raises(ValueError, match="one of bilinear, bicubic, lanczos, got 'nearest'"):
        enlarged(image, 2, "nearest")
