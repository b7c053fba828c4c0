"""Pictures of every kind, enlarged; where the network is the identity, the oracle is plain Pillow."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor, nn

from benchmarks.photos import photos
from tests.oracles.conversions import encoded, largest_difference
from training.enlarging import Enlarging, bicubic
from training.johnson import Johnson
from training.tiles import Tiling
from training.upscaling import TILING, side_by_side, upscaled

ORIENTATION = 0x0112


class Nearest:
    """Each pixel becomes a square of scale×scale: the colours of the result are those of the image."""

    scale = 2

    def __call__(self, small: Tensor) -> Tensor:
        return small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return photos()["coffee.png"].resize((70, 50))


def doubled(image: Image.Image) -> np.ndarray:
    return np.asarray(image).repeat(2, axis=0).repeat(2, axis=1)


# ---- Kinds of pictures


@pytest.mark.parametrize(("mode", "expected"), [("RGB", "RGB"), ("L", "L"), ("1", "L")])
def test_colours_stay_as_they_are(photo: Image.Image, mode: str, expected: str):
    image = photo.convert(mode)
    result = upscaled(image, Nearest())
    assert result.mode == expected
    np.testing.assert_array_equal(np.asarray(result), doubled(image.convert(expected)))


def test_a_palette_becomes_rgb(photo: Image.Image):
    image = photo.quantize(16)
    result = upscaled(image, Nearest())
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), doubled(image.convert("RGB")))


def test_cmyk_becomes_rgb_without_the_profile_of_its_inks(photo: Image.Image):
    image = photo.convert("CMYK")
    image.info["icc_profile"] = b"inks"
    result = upscaled(image, Nearest())
    assert "icc_profile" not in result.info
    np.testing.assert_array_equal(np.asarray(result), doubled(image.convert("RGB")))


def test_sixteen_bit_grey_becomes_eight_bit_grey():
    image = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 1285)
    result = upscaled(image, Nearest())
    assert result.mode == "L"
    expected = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) * 5)
    np.testing.assert_array_equal(np.asarray(result), doubled(expected))


def test_a_profile_of_rgb_goes_with_the_result_into_its_file(photo: Image.Image):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = photo.copy()
    image.info["icc_profile"] = profile
    assert b"iCCP" in encoded(upscaled(image, Nearest()), "PNG")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(photo: Image.Image, orientation: int):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(photo, "JPEG", exif=exif.tobytes())
    with Image.open(BytesIO(data)) as image:
        result = upscaled(image, Nearest())
        expected = ImageOps.exif_transpose(image)
    np.testing.assert_array_equal(np.asarray(result), doubled(expected))
    assert not result.info.get("exif")


# ---- Alpha


def test_alpha_is_enlarged_by_lanczos_and_put_back(photo: Image.Image):
    alpha = Image.fromarray(np.tile(np.linspace(1, 255, 70).astype(np.uint8), (50, 1)))
    image = photo.copy()
    image.putalpha(alpha)
    result = upscaled(image, Nearest())
    assert result.mode == "RGBA"
    expected = np.asarray(alpha.resize(result.size, Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(np.asarray(result)[..., 3], expected)
    np.testing.assert_array_equal(np.asarray(result)[..., :3], doubled(photo))


def test_grey_with_alpha_stays_so(photo: Image.Image):
    image = photo.convert("LA")
    result = upscaled(image, Nearest())
    assert result.mode == "LA"
    np.testing.assert_array_equal(np.asarray(result)[..., 0], doubled(photo.convert("L")))


def test_a_transparent_palette_entry_becomes_alpha(photo: Image.Image):
    image = photo.quantize(16)
    image.info["transparency"] = 3
    result = upscaled(image, Nearest())
    assert result.mode == "RGBA"
    hidden = np.asarray(image) == 3
    assert (np.asarray(result)[::2, ::2, 3][hidden] < 128).mean() > 0.9


def test_hidden_colours_do_not_bleed_into_what_is_seen():
    """A red disc on nothing, which the file fills with black."""
    y, x = np.mgrid[:40, :40]
    disc = (x - 20) ** 2 + (y - 20) ** 2 < 150
    image = Image.fromarray(np.where(disc[..., None], (250, 20, 20, 255), (0, 0, 0, 0)).astype(np.uint8))

    class Bicubic:
        scale = 2

        def __call__(self, small: Tensor) -> Tensor:
            return bicubic(small, 2)

    result = np.asarray(upscaled(image, Bicubic()))
    seen = result[..., 3] > 20
    assert np.abs(result[seen][:, :3].astype(int) - (250, 20, 20)).max() <= 3


def test_an_image_of_which_nothing_is_seen_stays_so():
    result = upscaled(Image.new("RGBA", (9, 5)), Nearest())
    assert result.size == (18, 10)
    assert not np.asarray(result)[..., 3].any()


# ---- Tiles and networks


def test_a_networks_image_does_not_depend_on_the_tiles():
    torch.manual_seed(3)
    network = Johnson(width=8, blocks=1, scale=2, norm="none").eval()
    image = photos()["chelsea.png"].resize((90, 70))
    whole = np.asarray(upscaled(image, network, tiling=Tiling(side=128, overlap=16, feather=0)))
    assert whole.std() > 0
    # 4 + 2 pixels for the first layers, less than 4 for those after the upsampling.
    for tiling in (Tiling(side=32, overlap=20, feather=0), Tiling(side=47, overlap=28, feather=7)):
        assert largest_difference(np.asarray(upscaled(image, network, tiling=tiling)), whole) <= 1


@pytest.mark.parametrize("scale", [2, 4])
def test_the_full_size_network_looks_no_farther_than_the_default_tiles_allow(scale: int):
    network = Johnson(scale=scale, norm="none")
    small = torch.rand(1, 3, 1, 61, requires_grad=True)
    enlarged = network(small.expand(1, 3, 9, 61))
    enlarged[..., 30 * scale : 31 * scale].sum().backward()
    assert small.grad is not None
    reached = small.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten() - 30
    assert reached.abs().max() <= (TILING.overlap - TILING.feather) / 2


def test_progress_ends_with_all_tiles():
    heard: list[tuple[int, int]] = []
    tiling = Tiling(side=32, overlap=8, feather=4)
    upscaled(
        Image.new("RGB", (60, 40)), Nearest(), tiling=tiling, on_tile=lambda done, total: heard.append((done, total))
    )
    assert heard == [(done, 6) for done in range(1, 7)]


def test_a_network_in_training_mode_is_refused(photo: Image.Image):
    with pytest.raises(ValueError, match=r"training mode, .*; call \.eval\(\)"):
        upscaled(photo, Johnson(width=4, blocks=1))


def test_a_network_that_keeps_the_size_serves_by_way_of_enlargement(photo: Image.Image):
    result = upscaled(photo, Enlarging(nn.Identity(), scale=4).eval())
    expected = photo.resize(result.size, Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(result).astype(int) - np.asarray(expected)).mean() < 0.6


# ---- Side by side


def test_side_by_side_shows_pillows_bicubic_at_the_left_and_the_result_at_the_right(photo: Image.Image):
    result = upscaled(photo, Nearest())
    both = np.asarray(side_by_side(photo, result))
    assert both.shape == (100, 280, 3)
    np.testing.assert_array_equal(both[:, :140], np.asarray(photo.resize((140, 100), Image.Resampling.BICUBIC)))
    np.testing.assert_array_equal(both[:, 140:], np.asarray(result))
