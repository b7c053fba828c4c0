"""Exact search: the rows are those that sorting all products gives, however the vectors are cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.ops.exact_search import BLOCK_ROWS, blocks_of, nearest_rows

SMALL = st.integers(-2, 2).map(np.float32)
"""Products of small whole numbers are exact and often equal, so that the order of equal ones shows."""


@st.composite
def searches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Queries, vectors, how many are wanted, and rows to a block."""
    rows, dimensions = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    vectors = draw(arrays(np.float32, (rows, dimensions), elements=SMALL))
    queries = draw(arrays(np.float32, (draw(st.integers(0, 4)), dimensions), elements=SMALL))
    return queries, vectors, draw(st.integers(1, 45)), draw(st.integers(1, 41))


@given(searches())
def test_searching_block_by_block_is_sorting_all_products(search: tuple[np.ndarray, np.ndarray, int, int]):
    queries, vectors, count, per_block = search
    found = nearest_rows(queries, blocks_of(vectors, rows=per_block), count=count)
    wanted = min(count, len(vectors))
    assert found.rows.shape == found.cosines.shape == (len(queries), wanted)
    for query, rows, cosines in zip(queries, found.rows, found.cosines, strict=True):
        products = [float(sum(a * b for a, b in zip(query.tolist(), row, strict=True))) for row in vectors.tolist()]
        plain = sorted(range(len(vectors)), key=lambda row: (-products[row], row))[:wanted]
        assert rows.tolist() == plain
        assert cosines.tolist() == [products[row] for row in plain]


def test_more_rows_than_a_block_are_searched_where_they_lie_mapped_from_a_file(tmp_path):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((2 * BLOCK_ROWS + 5, 8)).astype(np.float32)
    vectors[[7, BLOCK_ROWS + 3, 2 * BLOCK_ROWS + 4]] = 9
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = nearest_rows(np.ones((1, 8), np.float32), mapped, count=4)
    assert found.rows[0, :3].tolist() == [7, BLOCK_ROWS + 3, 2 * BLOCK_ROWS + 4]
    assert found.cosines[0, :3].tolist() == [72, 72, 72]
    vectors[found.rows[0, :3]] = -9
    assert found.rows[0, 3] == vectors.sum(axis=1, dtype=np.float64).argmax()


def test_no_vectors_have_no_nearest_row():
    assert nearest_rows(np.ones((2, 3), np.float32), np.ones((0, 3), np.float32), count=5).rows.shape == (2, 0)


@pytest.mark.parametrize(
    ("queries", "vectors", "count", "said"),
    [
        (np.ones(3), np.ones((2, 3)), 1, r"expected queries of shape \(q, d\), all finite, got .* \(3,\)"),
        (np.full((1, 3), np.nan), np.ones((2, 3)), 1, "all finite"),
        (np.ones((1, 3)), np.ones((2, 4)), 1, r"queries have 3 dimensions, the vectors are of shape \(2, 4\)"),
        (np.ones((1, 3)), np.full((2, 3), np.nan), 1, "the vectors hold what is no number"),
        (np.ones((1, 3)), np.ones((2, 3)), 0, "count must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_searched_is_refused(queries: np.ndarray, vectors: np.ndarray, count: int, said: str):
    with pytest.raises(ValueError, match=said):
        nearest_rows(queries.astype(np.float32), vectors.astype(np.float32), count=count)
