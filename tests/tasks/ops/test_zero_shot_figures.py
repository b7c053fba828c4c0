"""All figures of a model in word space, on a tree of eight nouns whose figures are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.class_splits import NO_LABEL, OTHER, SEEN, UNSEEN, ClassSplit
from tasks.ops.conse import conse_embeddings
from tasks.ops.wordnet_hops import hop_graph
from tasks.ops.zero_shot_figures import Candidates, Judged, flat_metrics, zero_shot_figures
from tasks.ops.zero_shot_tables import group_tables, zero_shot_tables

# 0 animal above 1 dog (seen) and 2 cat (unseen); 3 fruit above 4 apple (seen) and 5 pear (unseen); 6 entity above
# 0 and 3; 7 a far noun below 5. Labels: dog 0, cat 1, apple 2, pear 3.
PAIRS = np.array([[1, 0], [2, 0], [4, 3], [5, 3], [0, 6], [3, 6], [7, 5]], np.int32)
LABELS = np.array([NO_LABEL, 0, 1, NO_LABEL, 2, 3, NO_LABEL, NO_LABEL], np.int32)
ROLES = np.array([OTHER, SEEN, UNSEEN, OTHER, SEEN, UNSEEN, OTHER, OTHER])
HOPS = np.array([1, 0, 2, 1, 0, 2, 2, 3], np.int32)
VECTORS = np.eye(8, dtype=np.float32)
DOG, CAT, APPLE, PEAR = range(4)
NOUN_OF = {DOG: 1, CAT: 2, APPLE: 4, PEAR: 5}


def candidates() -> Candidates:
    split = ClassSplit(tuple("abcdefgh"), np.ones(8, bool), LABELS, ROLES, HOPS)
    # The control was taught the vectors of other classes: dog's is cat's, cat's is apple's, and so on.
    control = VECTORS[[NOUN_OF[CAT], NOUN_OF[APPLE], NOUN_OF[PEAR], NOUN_OF[DOG]]]
    return Candidates(split, VECTORS, np.ones(8, bool), control, hop_graph(PAIRS, nouns=8))


def towards(*weights: dict[int, float]) -> NDArray[np.float32]:
    """Return an embedding for each dict, of length 1: so much of each noun's vector."""
    found = np.zeros((len(weights), 8), np.float32)
    for row, each in enumerate(weights):
        for noun, weight in each.items():
            found[row, noun] = weight
    return found / np.linalg.norm(found, axis=1, keepdims=True)


SOFTMAX = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
SEEN_ROWS = Judged(
    labels=np.array([DOG, APPLE]),
    # A dog that lies nearest to the cat, then the dog; an apple that lies nearest to itself.
    devise=towards({2: 3, 1: 2, 4: 1}, {4: 3, 5: 1}),
    conse=conse_embeddings(SOFTMAX, VECTORS[[1, 4]]),
    control=towards({2: 1}, {5: 1}),
    softmax=SOFTMAX,
    kinds=np.zeros((2, 4), bool),
)
UNSEEN_ROWS = Judged(
    labels=np.array([CAT, CAT, PEAR]),
    # One cat is taken for itself; one for the dog, the apple, the pear, then itself; the pear for the far noun first.
    devise=towards({2: 3, 1: 1}, {1: 5, 4: 4, 5: 3, 2: 2}, {7: 3, 5: 2, 2: 1}),
    conse=conse_embeddings(np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]], np.float32), VECTORS[[1, 4]]),
    # What it was taught for the cat is the apple, for the pear the dog.
    control=towards({4: 1}, {1: 1}, {4: 1}),
    softmax=np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]], np.float32),
    kinds=np.array([[True, False, False, False], [False] * 4, [False] * 4]),
)


@pytest.fixture(scope="module")
def found():
    return zero_shot_figures(SEEN_ROWS, UNSEEN_ROWS, candidates())


def means(rates) -> list[float]:
    return [each.mean for each in rates.hits]


def test_unseen_classes_among_unseen_classes_count_by_class(found):
    # Cats: one of two at 1, both at 2. The pear, nearer than the cat: at 1. Classes count alike.
    assert means(found.unseen["devise"]) == [0.75, 1, 1, 1, 1]
    assert (found.unseen["devise"].candidates, found.unseen["devise"].rows, found.unseen["devise"].classes) == (2, 3, 2)
    assert found.unseen["devise"].chance.tolist() == [0.5, 1, 1, 1, 1]


def test_the_baseline_that_learns_nothing_cannot_tell_what_is_orthogonal_to_all_it_knows(found):
    # Mixtures of dog and apple are as far from cat as from pear, and ties count against.
    assert means(found.unseen["conse"]) == [0, 1, 1, 1, 1]


def test_the_control_is_measured_by_what_it_was_taught(found):
    # First cat at the apple, as taught; second at the dog, which is the pear's; the pear at the cat's.
    assert means(found.unseen["control"]) == [0.25, 1, 1, 1, 1]


def test_seen_classes_are_measured_beside_a_classifier(found):
    assert means(found.seen["devise"])[0] == 1
    assert means(found.seen["softmax"]) == [0.5, 1, 1, 1, 1]


def test_among_all_classes_seen_ones_are_in_the_way(found):
    generalised = found.generalised["devise"]
    # The dog is taken for a cat, and so is one cat only; the pear is nearest to itself among classes.
    assert (generalised.seen.mean, generalised.unseen.mean) == (0.5, 0.75)
    assert generalised.harmonic.mean == pytest.approx(0.6)


def test_nouns_near_seen_classes_are_candidates_with_and_without_those(found):
    without = found.hop_sets["2 hops", "devise", False]
    assert without.candidates == 5  # animal, cat, fruit, pear, entity
    assert means(without) == [0.75, 1, 1, 1, 1]
    # With dog and apple the second cat is fourth.
    assert means(found.hop_sets["2 hops", "devise", True]) == [0.75, 0.75, 1, 1, 1]
    # Only among three hops is the far noun, to which the pear is nearest.
    assert means(found.hop_sets["3 hops", "devise", False]) == [0.25, 1, 1, 1, 1]
    assert found.hop_sets["all nouns", "devise", False].candidates == 6
    assert found.median_rank == 1


def test_hierarchical_precision_takes_as_many_guesses_as_there_are_seen_classes(found):
    # Two seen classes, so at 2 both are right whatever the order.
    assert [each.mean for each in found.hierarchical["devise"]] == [1]
    assert [each.mean for each in found.hierarchical["softmax"]] == [1]


def test_plain_names_hold_the_same_figures(found):
    metrics = flat_metrics(found)
    assert (metrics["unseen_hit1"], metrics["chance_hit1"], metrics["control_unseen_hit1"]) == (0.75, 0.5, 0.25)
    assert (metrics["seen_hit1"], metrics["softmax_seen_hit1"]) == (1, 0.5)
    assert metrics["harmonic_hit1"] == pytest.approx(0.6)
    assert metrics["unseen_hit1_low"] <= 0.75 <= metrics["unseen_hit1_high"]


def test_tables_have_the_papers_figures_in_a_column_of_their_own_and_say_what_was_dropped(found):
    tables = zero_shot_tables(found, set_aside=3, is_demonstration=True)
    for table in tables:
        assert all(len(row) == len(table.header) for row in table.rows), table.title
    unseen, hops, _, seen, _ = tables
    assert unseen.rows[0][:2] == ("DeViSE", "75.0 (50.0–100.0)")
    assert unseen.rows[-1] == ("chance", "50.0", "100.0", "100.0", "100.0", "100.0")
    assert "3 classes without a vector of their own were dropped" in unseen.note
    first = hops.rows[0]
    assert (first[0], first[3], first[-1]) == ("2 hops", "DeViSE", "6.0 / 10.0 / 18.1 / 26.4 / 36.4")
    assert "not which model is better" in hops.note
    assert "one or two drawings" in seen.note
    assert "one or two drawings" not in zero_shot_tables(found, set_aside=0, is_demonstration=False)[3].note


def test_groups_of_unseen_rows_are_told_apart_by_branch_and_by_kind():
    branches, kinds = group_tables(UNSEEN_ROWS, candidates(), branches=["animal", "animal", "food", "food"])
    assert [(row[0], row[1], row[2], row[3].split()[0]) for row in branches.rows] == [
        ("animal", "2", "1", "50.0"),
        ("food", "1", "1", "100.0"),
    ]
    assert {row[0]: row[1] for row in kinds.rows} == {"grey": "1", "none of these": "2"}
