"""Hops by hand on a small tree, against a plain search on random graphs, and on WordNet itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.wordnet_hops import HopGraph, hop_graph, hops_from, hypernym_pairs, rings
from tasks.ops.wordnet_nouns import read_nouns
from tests.tasks.ops.wordnet_examples import KENNEL, needs_wordnet, real_nouns, write_wordnet

# entity 0 ┬ animal 1 ┬ dog 2 ┬ pug 3
#          │          │       └ Laika 4, an instance
#          │          └ cat 5
#          └ plant 6 ─ oak 7           and nothing 8, which hangs on nothing
TREE = np.array([[1, 0], [2, 1], [3, 2], [4, 2], [5, 1], [6, 0], [7, 6]], np.int32)


@pytest.fixture
def tree() -> HopGraph:
    return hop_graph(TREE, nouns=9)


def test_hops_go_up_and_down_and_end_where_there_is_no_way(tree: HopGraph):
    assert hops_from(tree, np.array([3])).tolist() == [3, 2, 1, 0, 2, 3, 4, 5, -1]


def test_the_nearest_of_several_sources_counts(tree: HopGraph):
    assert hops_from(tree, np.array([7, 3, 7])).tolist() == [2, 2, 1, 0, 2, 3, 1, 0, -1]


def test_rings_hold_each_row_once_by_its_distance(tree: HopGraph):
    assert [ring.tolist() for ring in rings(tree, np.array([2]))] == [[2], [1, 3, 4], [0, 5], [6], [7]]


def test_without_a_source_nothing_can_be_reached(tree: HopGraph):
    assert hops_from(tree, np.array([], np.int64)).tolist() == [-1] * 9
    assert list(rings(tree, np.array([], np.int64))) == []


def test_a_pair_that_names_a_row_which_is_not_there_is_refused():
    with pytest.raises(ValueError, match="expected pairs of rows from 0 to 6, got 0 to 7"):
        hop_graph(TREE, nouns=7)


def test_pairs_are_those_of_the_files_with_instances_and_each_once(tmp_path):
    nouns = read_nouns(write_wordnet(tmp_path / "wordnet", KENNEL))
    names = list(nouns)
    named = {(names[narrower], names[broader]) for narrower, broader in hypernym_pairs(nouns)}
    animal, dog, guide_dog, laika, cat = (f"n000000{tens}" for tens in (10, 20, 30, 40, 50))
    assert named == {(dog, animal), (guide_dog, dog), (laika, dog), (cat, animal)}


@given(st.integers(1, 12), st.data())
def test_hops_are_those_of_a_search_that_relaxes_every_edge_until_nothing_changes(count: int, data: st.DataObject):
    rows = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(rows, rows), max_size=20))
    sources = data.draw(st.sets(rows))
    expected = [0.0 if row in sources else np.inf for row in range(count)]
    for _ in range(count):
        for one, other in pairs:
            expected[one] = min(expected[one], expected[other] + 1)
            expected[other] = min(expected[other], expected[one] + 1)
    graph = hop_graph(np.array(pairs, np.int32).reshape(-1, 2), nouns=count)
    found = hops_from(graph, np.array(sorted(sources), np.int64))
    assert found.tolist() == [-1 if np.isinf(hops) else int(hops) for hops in expected]


@needs_wordnet
def test_all_of_wordnet_hangs_together_and_known_nouns_are_as_far_apart_as_its_pages_say():
    nouns = real_nouns()
    names = list(nouns)
    hops = hops_from(hop_graph(hypernym_pairs(nouns), nouns=len(nouns)), np.array([names.index("n02099601")]))
    assert hops.min() == 0
    assert (hops == 0).sum() == 1
    # golden retriever → retriever → Labrador retriever; → sporting dog → hunting dog → dog
    assert {name: hops[names.index(name)] for name in ("n02099267", "n02099712", "n02084071")} == {
        "n02099267": 2,
        "n02099712": 2,
        "n02084071": 4,
    }
