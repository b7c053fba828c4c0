from __future__ import annotations

import numpy as np
import PIL
from PIL import features

from tasks.ops.pixel_libraries import pair_libraries, pixel_libraries


def test_pairs_depend_on_what_images_depend_on_and_on_freetype_and_numpy():
    assert pair_libraries()[: len(pixel_libraries())] == pixel_libraries()
    named = dict(pair_libraries())
    assert named["numpy"] == np.__version__
    assert named["FreeType of Pillow"] == features.version("freetype2")
    assert named["libjpeg-turbo of Pillow"] == features.version("libjpeg_turbo")
    assert PIL.__version__ in (named.get("pillow-simd"), named.get("pillow"))
    assert all(version and version != "None" for version in named.values())
