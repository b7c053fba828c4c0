"""A picture to search with gets the pixels that it would have as a row, or is refused as an input would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.reading import open_version
from tasks.ops.query_picture import query_square
from tests.examples import PARAMETERS
from tests.oracles.conversions import encoded
from tests.tasks.ops.prepared_images import Prepared


def test_a_file_of_the_source_gives_the_pixels_of_its_row(prepared_once: Callable[[str], Prepared]):
    prepared = prepared_once("hdf5")
    with open_version(prepared.tiers, "photos") as version:
        for row in range(len(version)):
            for side in version.sides:
                found = query_square(prepared.source / version.path(row), version.version.parameters, side)
                assert np.array_equal(found, version.rows(side)[row])


def test_a_picture_is_turned_upright_and_cropped_in_the_middle(tmp_path: Path):
    wide = np.repeat(np.array([0, 100, 200, 50], np.uint8), 20)[None, :, None].repeat(40, 0).repeat(3, 2)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(wide).save(tmp_path / "turned.png", exif=exif)
    found = query_square(tmp_path / "turned.png", PARAMETERS, 20)
    assert (found.shape, found.dtype) == ((20, 20, 3), np.uint8)
    # Stored lying on its side, what is left there is above; the outer quarters are cut off.
    assert (found[1:9] == 100).all()
    assert (found[11:19] == 200).all()


def test_a_version_that_was_prepared_fast_has_its_queries_prepared_fast(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (256, 320, 3), dtype=np.uint8)
    (tmp_path / "noise.jpg").write_bytes(encoded(Image.fromarray(noise), "JPEG", quality=95))
    exact, fast = (
        query_square(tmp_path / "noise.jpg", replace(PARAMETERS, sides=(16,), fidelity=fidelity), 16).astype(int)
        for fidelity in ("exact", "fast")
    )
    assert 0 < np.abs(exact - fast).max() < 60


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("nothing.png", FileNotFoundError, "nothing.png is missing"),
        ("folder", ValueError, "folder is no file, or has more than 200,000,000 bytes"),
        ("text.png", ValueError, r"text.png is no picture to search with \(unknown-format\): expected JPEG"),
        ("cut.png", ValueError, r"cut.png is no picture to search with \((truncated|corrupt)\)"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(name: str, error: type[Exception], said: str, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (tmp_path / "cut.png").write_bytes(encoded(Image.fromarray(noise), "PNG")[:3000])
    with pytest.raises(error, match=said):
        query_square(tmp_path / name, PARAMETERS, 8)
