"""Thumbnails against Pillow's box filter and scikit-learn's digits, axes against scikit-learn's PCA."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tasks.ops.image_vectors import mean_neighbour_difference, patches, principal_axes, thumbnails


def digits(count: int) -> NDArray[np.float64]:
    """The first digits, `(count, 64)`, levels 0 to 16."""
    return np.asarray(load_digits(return_X_y=True)[0])[:count]


def test_grey_digits_have_the_distances_of_their_64_levels():
    levels = digits(300)
    images = np.repeat((levels.reshape(-1, 8, 8, 1) * 255 / 16).round().astype(np.uint8), 3, axis=3)
    found = thumbnails(images)
    assert found.shape == (300, 192)
    expected = np.linalg.norm(levels[0] - levels, axis=1)
    np.testing.assert_allclose(np.linalg.norm(found[0] - found, axis=1), expected, atol=0.3)


@pytest.mark.parametrize("side", [8, 28, 64])
def test_thumbnails_are_pillows_box_means_of_each_channel(side: int):
    images = np.random.default_rng(0).integers(0, 256, (300, side, side, 3), np.uint8)
    found = thumbnails(images) * np.sqrt(3) * 255 / 16
    for number in (0, 299):
        # Twice as large, 28 pixels fall into eighths, too: of half pixels Pillow takes all or nothing.
        doubled = Image.fromarray(images[number].repeat(2, axis=0).repeat(2, axis=1))
        small = doubled.resize((8, 8), Image.Resampling.BOX)
        np.testing.assert_allclose(found[number].reshape(8, 8, 3), np.asarray(small), atol=1)


def test_axes_are_those_of_scikit_learn_but_for_their_sign():
    vectors = digits(500)
    axes, expected = principal_axes(vectors, 16), PCA(16, svd_solver="full").fit(vectors)
    np.testing.assert_allclose(np.abs(axes.projected(vectors)), np.abs(expected.transform(vectors)), atol=1e-8)


def test_the_difference_of_neighbours_tells_a_checkerboard_from_a_plain_image():
    board = np.indices((8, 8)).sum(axis=0) % 2 * 10
    images = np.broadcast_to(board[None, :, :, None], (300, 8, 8, 3)).astype(np.uint8)
    assert mean_neighbour_difference(images) == pytest.approx(100)
    assert mean_neighbour_difference(np.full((2, 8, 8, 3), 200, np.uint8)) == 0


def test_images_too_small_and_axes_too_many_are_refused():
    with pytest.raises(ValueError, match=r"uint8 of at least 8 pixels, got \(2, 7, 8, 3\) uint8"):
        thumbnails(np.zeros((2, 7, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"between 1 and 3 axes, not 4"):
        principal_axes(np.zeros((3, 9)), 4)


def test_patches_are_squares_of_the_image_less_their_mean_colour():
    image = np.random.default_rng(0).integers(0, 256, (2, 48, 96, 3), np.uint8)
    found = patches(image)
    assert found.shape == (72, 192)
    # The ninth of the second image: second row, third column of six, whose starts are 0, 18, 35, 53, 70, 88 across.
    square = image[1, 8:16, 35:43].reshape(64, 3).astype(float)
    np.testing.assert_allclose(found[36 + 8].reshape(64, 3), square - square.mean(axis=0), atol=1e-4)
    with pytest.raises(ValueError, match=r"uint8 of at least 8 pixels, got \(1, 8, 7, 3\) uint8"):
        patches(np.zeros((1, 8, 7, 3), np.uint8))
