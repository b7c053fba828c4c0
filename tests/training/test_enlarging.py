from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from benchmarks.photos import photos
from tests.oracles.conversions import psnr
from training.enlarging import Enlarging, bicubic
from training.pixel_ranges import as_levels, as_unit


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_is_pillows_but_for_its_rounding_half_way(scale: int):
    for photo in photos().values():
        small = photo.resize((61, 47))
        expected = np.asarray(small.resize((61 * scale, 47 * scale), Image.Resampling.BICUBIC))
        images = as_unit(np.asarray(small)[None].copy())
        ours = as_levels(bicubic(images, scale))[0]
        assert psnr(ours, expected) > 54
        # Without antialias torch takes another kernel.
        assert psnr(other_kernel(images, scale), expected) < psnr(ours, expected) - 5


def other_kernel(images: Tensor, scale: int) -> NDArray[np.uint8]:
    return as_levels(F.interpolate(images, scale_factor=scale, mode="bicubic"))[0]


def test_a_network_that_keeps_the_size_is_given_the_enlarged_image():
    small = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(Enlarging(nn.Identity(), scale=4)(small), bicubic(small, 4))
