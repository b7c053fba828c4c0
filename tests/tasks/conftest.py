"""What the tests of tasks and of their operations share."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.oracles.conversions import encoded


@pytest.fixture(scope="session")
def slow_image() -> bytes:
    """A WebP of 6.5 megapixels of noise, which takes half a second to decode."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encoded(Image.fromarray(np.tile(noise, (40, 40, 1))), "WEBP", quality=100, method=0)
