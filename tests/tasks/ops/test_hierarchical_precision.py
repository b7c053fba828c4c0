"""Hierarchical precision by hand on a small tree, and against the paper's own loop on random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.hierarchical_precision import hierarchical_precision, right_at
from tasks.ops.wordnet_hops import hop_graph

# entity 0 ┬ animal 1 ┬ dog 2 ┬ pug 3
#          │          │       └ poodle 4
#          │          └ cat 5 ─ tabby 6
#          └ plant 7 ─ oak 8
ENTITY, ANIMAL, DOG, PUG, POODLE, CAT, TABBY, PLANT, OAK = range(9)
TREE = hop_graph(
    np.array([[ANIMAL, ENTITY], [DOG, ANIMAL], [PUG, DOG], [POODLE, DOG], [CAT, ANIMAL], [TABBY, CAT],
              [PLANT, ENTITY], [OAK, PLANT]]),
    nouns=9,
)  # fmt: skip
LEAVES = np.array([PUG, POODLE, TABBY, OAK])
EVERYTHING = np.arange(9)


def right(true: int, k: int, labels: np.ndarray) -> set[int]:
    (found,) = right_at(TREE, true, [k], is_label=np.isin(EVERYTHING, labels))
    return set(found.tolist())


def test_what_is_right_grows_by_whole_rings_until_there_are_k():
    assert right(PUG, 1, EVERYTHING) == {PUG}
    assert right(PUG, 2, EVERYTHING) == {PUG, DOG}
    # Two hops away are animal and poodle: both come, so that four are right at 3.
    assert right(PUG, 3, EVERYTHING) == {PUG, DOG, ANIMAL, POODLE}
    assert right(PUG, 4, EVERYTHING) == {PUG, DOG, ANIMAL, POODLE}
    assert right(PUG, 5, EVERYTHING) == {PUG, DOG, ANIMAL, POODLE, ENTITY, CAT}


def test_only_candidates_are_taken_but_the_way_leads_over_all_nouns():
    assert right(PUG, 2, LEAVES) == {PUG, POODLE}
    assert right(PUG, 3, LEAVES) == {PUG, POODLE, TABBY}
    assert right(OAK, 2, LEAVES) == {OAK, PUG, POODLE, TABBY}


def test_where_there_are_fewer_than_k_all_that_can_be_reached_are_right():
    assert right(PUG, 20, LEAVES) == set(LEAVES.tolist())


def test_precision_is_the_share_of_the_first_k_guesses_that_are_right():
    nearest = np.array(
        [
            [PUG, POODLE, OAK, TABBY],  # at 2: both right; at 3: pug, poodle and tabby are, of which 2 are guessed
            [OAK, TABBY, POODLE, PUG],
            [OAK, PUG, TABBY, POODLE],
        ]
    )
    found = hierarchical_precision(nearest, np.array([PUG, PUG, OAK]), [1, 2, 3], graph=TREE, labels=LEAVES)
    np.testing.assert_allclose(found, [[1, 1, 2 / 3], [0, 0, 2 / 3], [1, 1, 1]])


def test_at_1_it_is_a_hit():
    random = np.random.default_rng(0)
    nearest, truth = random.integers(0, 9, (200, 1)), random.integers(0, 9, 200)
    found = hierarchical_precision(nearest, truth, [1], graph=TREE, labels=EVERYTHING)
    assert found[:, 0].tolist() == (nearest[:, 0] == truth).tolist()


@given(st.data())
def test_it_is_that_of_the_papers_own_loop(data: st.DataObject):
    count = data.draw(st.integers(2, 10))
    rows = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(rows, rows), max_size=16))
    labels = sorted(data.draw(st.sets(rows, min_size=1)))
    truth = data.draw(st.lists(st.sampled_from(labels), min_size=1, max_size=4))
    guesses = [data.draw(st.permutations(labels * 6))[:6] for _ in truth]
    ks = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    graph = hop_graph(np.array(pairs, int).reshape(-1, 2), nouns=count)
    found = hierarchical_precision(np.array(guesses), np.array(truth), ks, graph=graph, labels=np.array(labels))
    assert found.tolist() == [
        [sum(guess in papers_set(pairs, count, true, k, labels) for guess in own[:k]) / k for k in ks]
        for true, own in zip(truth, guesses, strict=True)
    ]


def papers_set(pairs: list[tuple[int, int]], count: int, true: int, k: int, labels: list[int]) -> set[int]:
    """hCorrectSet, word by word: while it is smaller than k, add the valid labels at radius R, and go on with R + 1."""
    distance = {true: 0}
    for _ in range(count):
        for one, other in [*pairs, *((other, one) for one, other in pairs)]:
            if one in distance:
                distance[other] = min(distance.get(other, count), distance[one] + 1)
    correct: set[int] = set()
    radius = 0
    while len(correct) < k and radius <= count:
        correct |= {node for node, hops in distance.items() if hops == radius and node in labels}
        radius += 1
    return correct


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match=r"expected 5 guesses for each of 1 images, got \(1, 2\)"):
        hierarchical_precision(np.array([[0, 1]]), np.array([0]), [2, 5], graph=TREE, labels=EVERYTHING)
    with pytest.raises(ValueError, match="some true classes are no candidates"):
        hierarchical_precision(np.array([[PUG, OAK]]), np.array([DOG]), [2], graph=TREE, labels=LEAVES)
