"""Ranks and neighbours by hand and against every pair worked out by itself; ties never help."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.ops.zero_shot import chance_of_hit, hits, nearest_candidates, ranks_of

EAST, NORTH, NORTH_EAST = (1.0, 0.0), (0.0, 1.0), (0.8, 0.6)
CANDIDATES = np.array([EAST, NORTH, NORTH_EAST], np.float32)


def units(random: np.random.Generator, count: int, dimensions: int = 5) -> NDArray[np.float32]:
    found = random.standard_normal((count, dimensions))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_the_rank_counts_the_candidates_that_are_nearer():
    embeddings = np.array([EAST, EAST, EAST, NORTH], np.float32)
    # From east: east 1, north-east .8, north 0. From north: north 1, north-east .6, east 0.
    assert ranks_of(embeddings, CANDIDATES, np.array([0, 1, 2, 0])).tolist() == [0, 2, 1, 2]


def test_neighbours_come_nearest_first_and_equal_ones_by_their_place():
    embeddings = np.array([EAST, NORTH, (0.0, 0.0)], np.float32)
    assert nearest_candidates(embeddings, CANDIDATES, 2).tolist() == [[0, 2], [1, 2], [0, 1]]
    twice = np.concatenate([CANDIDATES, CANDIDATES])
    assert nearest_candidates(embeddings[:1], twice, 4).tolist() == [[0, 3, 2, 5]]


def test_ties_count_against_the_embedding():
    nothing = np.zeros((3, 2), np.float32)
    assert ranks_of(nothing, CANDIDATES, np.arange(3)).tolist() == [2, 2, 2]
    twice = np.concatenate([CANDIDATES, CANDIDATES[:1]])
    assert ranks_of(np.array([EAST], np.float32), twice, np.array([0])).tolist() == [1]


def test_a_constant_embedding_hits_no_more_than_chance():
    random = np.random.default_rng(0)
    candidates, truth = units(random, 50), np.repeat(np.arange(50), 3)
    constant = np.repeat(units(random, 1), 150, axis=0)
    assert hits(ranks_of(constant, candidates, truth), (1, 5, 50)).mean(axis=0).tolist() == [1 / 50, 5 / 50, 1]


def test_cosines_that_differ_by_rounding_only_are_ties():
    random = np.random.default_rng(1)
    one = units(random, 1, 300)
    embeddings = units(random, 64, 300)
    # The same direction with its numbers off by the last bit, before and behind.
    off = np.nextafter(one, np.float32(2)), np.nextafter(one, np.float32(-2))
    candidates = np.concatenate([off[0], one, off[1], -one])
    assert (ranks_of(embeddings, candidates, np.ones(64, int)) >= 2).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
def test_ranks_and_neighbours_are_those_of_every_pair_by_itself(seed: int, count: int, candidates: int):
    random = np.random.default_rng(seed)
    embeddings, others, truth = units(random, count), units(random, candidates), random.integers(0, candidates, count)
    cosines = [[float(one.astype(float) @ other.astype(float)) for other in others] for one in embeddings]
    gaps = np.diff(np.sort(cosines, axis=1), axis=1)
    if gaps.size and gaps.min() < 1e-5:
        return  # Whether those are ties is the business of other tests.
    order = [sorted(range(candidates), key=lambda place: -row[place]) for row in cosines]
    assert nearest_candidates(embeddings, others, candidates).tolist() == order
    assert ranks_of(embeddings, others, truth).tolist() == [
        row.index(true) for row, true in zip(order, truth.tolist(), strict=True)
    ]


def test_more_pairs_than_are_worked_out_at_once_have_the_same_ranks():
    random = np.random.default_rng(2)
    embeddings, candidates = units(random, 5_000, 16), units(random, 4_000, 16)
    assert embeddings.shape[0] * candidates.shape[0] > 2**24
    truth = random.integers(0, 4_000, 5_000)
    some = [0, 1, 4_193, 4_194, 4_195, 4_999]
    cosines = embeddings[some].astype(float) @ candidates.T.astype(float)
    expected = [(row > row[true] + 1e-5).sum() for row, true in zip(cosines, truth[some], strict=True)]
    found = ranks_of(embeddings, candidates, truth)[some]
    assert np.abs(found - expected).max() <= 1, "but for what may be a tie"
    nearest = nearest_candidates(embeddings, candidates, 3)[some]
    assert nearest.tolist() == np.argsort(-cosines, axis=1)[:, :3].tolist()


def test_a_hit_at_k_is_a_rank_below_k():
    expected = [[True, True, True], [False, True, True], [False, False, True], [False, False, False]]
    assert hits(np.array([0, 1, 4, 5]), (1, 2, 5)).tolist() == expected
    assert hits(np.array([0, 19, 20])).tolist() == [[True] * 5, [False] * 4 + [True], [False] * 5]


def test_chance_is_k_of_the_candidates_and_at_most_certain():
    assert chance_of_hit((1, 5, 200), candidates=100).tolist() == [0.01, 0.05, 1.0]
    with pytest.raises(ValueError, match="at least 1 candidate, got 0"):
        chance_of_hit((1,), candidates=0)


def test_no_rows_give_no_ranks():
    nobody = np.empty((0, 2), np.float32)
    assert ranks_of(nobody, CANDIDATES, np.empty(0, int)).shape == (0,)
    assert nearest_candidates(nobody, CANDIDATES, 3).shape == (0, 3)


def test_what_does_not_fit_is_refused():
    embeddings = CANDIDATES.copy()
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=r"true candidates must lie in 0\.\.2, got"):
            ranks_of(embeddings, CANDIDATES, np.array([0, 1, wrong]))
    with pytest.raises(ValueError, match=r"a true candidate for each of 3 embeddings, got \(2,\)"):
        ranks_of(embeddings, CANDIDATES, np.array([0, 1]))
    with pytest.raises(ValueError, match=r"expected \(n, d\) embeddings and \(c, d\) candidates"):
        nearest_candidates(embeddings, CANDIDATES[:, :1], 1)
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"expected from 1 to 3 of the candidates to be asked for, got {k}"):
            nearest_candidates(embeddings, CANDIDATES, k)
    embeddings[1, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        ranks_of(embeddings, CANDIDATES, np.arange(3))
    with pytest.raises(ValueError, match="not finite"):
        nearest_candidates(embeddings, CANDIDATES, 1)
