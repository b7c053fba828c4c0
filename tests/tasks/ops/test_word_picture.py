"""The map is a PNG in which every branch has its colour, and the same vectors give the same bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.word_picture import COLOURS, HEIGHT, OTHER, PAPER, WIDTH, branch_colours, draw_words, principal_plane


def clusters(count: int, branches: int) -> tuple[NDArray[np.float32], list[str], list[str]]:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(branches, 20)) * 3
    number = np.arange(count) % branches
    vectors = (centres[number] + generator.normal(size=(count, 20))).astype(np.float32)
    return vectors, [f"word_{place}" for place in range(count)], [f"branch{each}" for each in number]


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert image.size == (WIDTH, HEIGHT)
        return np.asarray(image.convert("RGB"))


def test_every_branch_has_its_colour_and_the_rest_share_one():
    shown = {tuple(pixel) for pixel in pixels(draw_words(*clusters(300, 12))).reshape(-1, 3).tolist()}
    assert {PAPER, OTHER, *COLOURS} <= shown
    few = {tuple(pixel) for pixel in pixels(draw_words(*clusters(300, 2))).reshape(-1, 3).tolist()}
    assert set(COLOURS[:2]) <= few
    assert not {OTHER, *COLOURS[2:]} & few


def test_the_same_vectors_give_the_same_bytes():
    assert draw_words(*clusters(50, 3)) == draw_words(*clusters(50, 3))


def test_a_wnid_more_or_less_is_an_error():
    vectors, labels, branches = clusters(5, 2)
    with pytest.raises(ValueError, match="got 5 vectors, 4 labels and 5 branches"):
        draw_words(vectors, labels[1:], branches)
    with pytest.raises(ValueError, match="at least 2 vectors"):
        draw_words(vectors[:1], labels[:1], branches[:1])


@pytest.mark.parametrize("vectors", [np.ones((3, 5)), np.arange(3.0)[:, None], np.zeros((2, 1))])
def test_vectors_without_two_directions_are_drawn_all_the_same(vectors: NDArray[np.float64]):
    assert pixels(draw_words(vectors.astype(np.float32), ["a"] * len(vectors), ["b"] * len(vectors))).std() > 0


@given(vectors=arrays(np.float32, (6, 4), elements=st.floats(-10, 10, width=16)))
def test_the_plane_keeps_as_much_of_the_variance_as_any_can(vectors: NDArray[np.float32]):
    singular = np.linalg.svd(vectors - vectors.mean(axis=0, dtype=np.float64), compute_uv=False)
    kept = np.linalg.norm(principal_plane(vectors), axis=0)
    np.testing.assert_allclose(kept, singular[:2], atol=1e-3)


def test_colours_go_to_the_largest_branches_and_equal_ones_by_name():
    branches = ["plant", "animal", "animal", "food", *(f"x{number:02d}" for number in range(20))]
    assert list(branch_colours(branches)) == ["animal", "food", "plant", "x00", "x01", "x02", "x03", "x04", "x05"]
