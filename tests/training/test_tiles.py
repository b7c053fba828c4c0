"""Tiles, with functions whose result on the whole image is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.tiles import Enlarge, Tiling, enlarged_bands


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mean_of_neighbours(reach: int, scale: int) -> Enlarge:
    """A stand-in for a network: the mean within `reach` pixels, edges replicated, each pixel made scale×scale."""

    def enlarge(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width, _ = pixels.shape
        padded = np.pad(pixels.astype(np.float64), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        offsets = range(2 * reach + 1)
        total = sum(padded[y : y + height, x : x + width] for y in offsets for x in offsets)
        return np.kron(total / len(offsets) ** 2, np.ones((scale, scale, 1))).astype(np.float32)

    return enlarge


def whole_of(pixels: NDArray[np.uint8], enlarge: Enlarge, scale: int, tiling: Tiling) -> NDArray[np.float32]:
    bands = enlarged_bands(pixels, enlarge, scale=scale, tiling=tiling, on_tile=lambda done, total: None)
    return np.concatenate(list(bands))


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    side=st.integers(1, 40),
    overlap=st.integers(0, 39),
    feather=st.integers(0, 39),
    reach=st.integers(0, 3),
    scale=st.integers(1, 3),
)
@settings(max_examples=150, deadline=None)
def test_the_result_does_not_depend_on_the_tiles_when_they_overlap_enough(
    size: tuple[int, int], side: int, overlap: int, feather: int, reach: int, scale: int
):
    assume(feather <= overlap < side)
    assume((overlap - feather) / 2 >= reach)
    pixels, enlarge = noise(*size), mean_of_neighbours(reach, scale)
    found = whole_of(pixels, enlarge, scale, Tiling(side, overlap, feather))
    np.testing.assert_allclose(found, enlarge(pixels), atol=1e-3)


@given(length=st.integers(1, 300), side=st.integers(1, 60), overlap=st.integers(0, 59), feather=st.integers(0, 59))
@settings(max_examples=200, deadline=None)
def test_weights_sum_to_one_however_tiles_overlap(length: int, side: int, overlap: int, feather: int):
    assume(feather <= overlap < side)
    pixels = np.full((3, length, 3), 200, np.uint8)
    found = whole_of(pixels, lambda tile: tile.astype(np.float32), 1, Tiling(side, overlap, feather))
    np.testing.assert_allclose(found, pixels, atol=1e-3)


def test_tiles_that_do_not_overlap_enough_show():
    pixels, enlarge = noise(40, 40), mean_of_neighbours(3, 2)
    found = whole_of(pixels, enlarge, 2, Tiling(side=16, overlap=4, feather=0))
    assert np.abs(found - enlarge(pixels)).max() > 10


def test_where_tiles_differ_one_fades_into_the_other():
    """Each tile is given its own brightness, as a network that looks far would."""
    seen: list[int] = []

    def enlarge(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(len(seen))
        return np.full(pixels.shape, 100.0 * seen[-1], np.float32)

    row = whole_of(np.zeros((8, 24, 3), np.uint8), enlarge, 1, Tiling(side=16, overlap=8, feather=4))[0, :, 0]
    assert seen == [0, 1]
    assert row.tolist() == [0] * 10 + [12.5, 37.5, 62.5, 87.5] + [100] * 10


def test_tiles_are_of_one_size_and_bands_are_short():
    sizes = set()

    def enlarge(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        sizes.add(pixels.shape)
        return pixels.astype(np.float32)

    tiling = Tiling(side=16, overlap=6, feather=2)
    bands = enlarged_bands(noise(95, 41), enlarge, scale=1, tiling=tiling, on_tile=lambda done, total: None)
    assert max(len(band) for band in bands) <= 16
    assert sizes == {(16, 16, 3)}


def test_progress_counts_every_tile_up_to_all_of_them():
    heard: list[tuple[int, int]] = []
    tiling = Tiling(side=16, overlap=6, feather=2)
    list(
        enlarged_bands(
            noise(30, 41),
            lambda tile: tile.astype(np.float32),
            scale=1,
            tiling=tiling,
            on_tile=lambda done, total: heard.append((done, total)),
        )
    )
    # 30 pixels take tiles at 0, 10, 14; 41 at 0, 10, 20, 25.
    assert heard == [(done, 12) for done in range(1, 13)]


@pytest.mark.parametrize(("side", "overlap", "feather"), [(8, 8, 0), (8, 4, 5), (8, -1, -2), (0, 0, 0)])
def test_impossible_tilings_are_refused(side: int, overlap: int, feather: int):
    with pytest.raises(ValueError, match=f"0 ≤ feather ≤ overlap < side, got feather {feather}, overlap {overlap}, "):
        Tiling(side, overlap, feather)
