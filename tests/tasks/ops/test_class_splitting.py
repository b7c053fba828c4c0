"""Which classes stay unseen, what that makes of each noun, and what each row then serves for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.class_splits import ClassSplit
from tasks.ops.class_splitting import chosen_unseen, class_split, row_roles
from tasks.ops.wordnet_hops import hop_graph

NAMES = tuple(f"n{number:08d}" for number in range(100))

# a ┬ b ┬ c    The dataset has the classes d, b, e and "no noun", in this order; f is reached from nowhere.
#   │   └ d
#   └ e
NOUNS = ("a", "b", "c", "d", "e", "f")
GRAPH = hop_graph(np.array([[1, 0], [2, 1], [3, 1], [4, 0]], np.int32), nouns=6)
CLASSES = ("d", "b", "e", "no noun")


def toy_split(*, own: tuple[bool, ...] = (True,) * 4, unseen: tuple[str, ...] = ("b",)) -> ClassSplit:
    return class_split(NOUNS, GRAPH, classes=CLASSES, has_own_vector=np.array(own), unseen=unseen)


def split_of(seen: list[int], unseen: list[int], set_aside: list[int]) -> ClassSplit:
    """A split of classes that are no nouns: their rows are all there is."""
    labels = [*seen, *unseen, *set_aside]
    roles = ["seen"] * len(seen) + ["unseen"] * len(unseen) + ["set aside"] * len(set_aside)
    return ClassSplit(
        names=tuple(map(str, labels)),
        is_noun=np.zeros(len(labels), bool),
        labels=np.array(labels, np.int32),
        roles=np.array(roles),
        hops=np.full(len(labels), -1, np.int32),
    )


# ---- Choosing


@given(st.sets(st.text(max_size=5), min_size=2, max_size=40), st.integers(0, 2**32), st.randoms())
def test_the_choice_depends_on_seed_and_names_only(names: set[str], seed: int, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    chosen = chosen_unseen(names, seed=seed, share=0.5)
    assert chosen == chosen_unseen(shuffled, seed=seed, share=0.5)
    assert chosen <= names
    assert len(chosen) == round(len(names) / 2)


def test_a_fifth_is_unseen_by_default_and_another_seed_chooses_others():
    choices = [chosen_unseen(NAMES, seed=seed) for seed in range(5)]
    assert [len(chosen) for chosen in choices] == [20] * 5
    assert len(set(choices)) == 5
    # Two independent choices of 20 of 100 share 4 in the mean, and 12 or more with a chance of one in 50,000.
    assert max(len(one & other) for one in choices for other in choices if one is not other) < 12


def test_each_class_is_as_likely_as_any_other():
    counts = np.zeros(len(NAMES))
    for seed in range(300):
        counts += [name in chosen for chosen in [chosen_unseen(NAMES, seed=seed)] for name in NAMES]
    # Binomial with 300 draws of 0.2: mean 60, deviation 6.9; five deviations to either side.
    assert 25 < counts.min() <= counts.max() < 95


def test_classes_that_come_later_change_few_of_those_chosen():
    before, after = chosen_unseen(NAMES[:95], seed=0), chosen_unseen(NAMES, seed=0)
    assert len(before - after) <= 5


@pytest.mark.parametrize("share", [0.0, 0.004, 0.999, 1.0, -1.0])
def test_a_share_that_leaves_one_side_empty_is_refused(share: float):
    with pytest.raises(ValueError, match=r"of 100 classes with a vector of their own a share of .*Choose another"):
        chosen_unseen(NAMES, seed=0, share=share)


# ---- What it makes of nouns


def test_nouns_keep_their_rows_and_classes_that_are_none_follow():
    split = toy_split()
    assert split.names == (*NOUNS, "no noun")
    assert split.is_noun.tolist() == [True] * 6 + [False]
    assert split.labels.tolist() == [-1, 1, -1, 0, 2, -1, 3]
    assert split.roles.tolist() == ["other", "unseen", "other", "seen", "seen", "other", "seen"]


def test_hops_count_from_seen_classes_only():
    assert toy_split().hops.tolist() == [1, 1, 2, 0, 0, -1, -1]
    assert toy_split(unseen=("b", "e")).hops.tolist() == [2, 1, 2, 0, 3, -1, -1]


def test_a_class_without_a_vector_of_its_own_is_set_aside_and_starts_no_hops():
    split = toy_split(own=(True, True, False, False))
    assert split.roles.tolist() == ["other", "unseen", "other", "seen", "set aside", "other", "set aside"]
    assert split.hops.tolist() == [2, 1, 2, 0, 3, -1, -1]
    found = [split.seen_labels.tolist(), split.unseen_labels.tolist(), split.set_aside_labels.tolist()]
    assert found == [[0], [1], [2, 3]]


def test_nouns_within_some_hops_come_with_the_seen_classes_or_without():
    split = toy_split()
    assert split.nouns_within(1, with_seen=True).tolist() == [0, 1, 3, 4]
    assert split.nouns_within(1, with_seen=False).tolist() == [0, 1]
    assert split.nouns_within(2, with_seen=False).tolist() == [0, 1, 2]
    assert split.nouns_within(None, with_seen=False).tolist() == [0, 1, 2, 5]
    assert split.nouns_within(None, with_seen=True).tolist() == [0, 1, 2, 3, 4, 5]


def test_each_label_has_its_row_and_one_that_is_none_is_refused():
    split = toy_split()
    assert split.rows_of(np.array([3, 0, 0, 2])).tolist() == [6, 3, 3, 4]
    for wrong in (4, -1):
        with pytest.raises(ValueError, match="the split has 4 labels, got"):
            split.rows_of(np.array([0, wrong]))


# ---- Rows


def test_seen_rows_follow_the_versions_own_split_where_it_parts_their_class():
    split = split_of([0], [1], [2])
    labels = np.array([0, 0, 0, 1, 1, 2])
    splits = np.array(["train", "valid", "test", "train", "test", "train"])
    ids = np.arange(6, dtype=np.uint64)
    assert row_roles(labels, splits, ids, split).tolist() == ["learn", "valid", "test", "unseen", "unseen", "none"]


@pytest.mark.parametrize("side", ["train", "valid", "test"])
def test_a_class_that_lies_on_one_side_is_parted_by_a_hash_of_its_rows_ids(side: str):
    ids = np.arange(20_000, dtype=np.uint64)
    roles = row_roles(np.zeros(20_000, np.int64), np.full(20_000, side), ids, split_of([0], [1], []))
    shares = {role: float((roles == role).mean()) for role in ("learn", "valid", "test")}
    # Five standard deviations of a binomial with 20,000 draws.
    assert shares == pytest.approx({"learn": 0.85, "valid": 0.05, "test": 0.1}, abs=0.0127)


def test_a_row_keeps_its_role_when_others_come_and_in_any_order():
    split = split_of([0], [1], [])
    ids = np.arange(1000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    roles = row_roles(np.zeros(1000, int), np.full(1000, "train"), ids, split)
    few = np.arange(999, 0, -3)
    assert row_roles(np.zeros(len(few), int), np.full(len(few), "train"), ids[few], split).tolist() == list(roles[few])


def test_the_share_that_is_held_out_can_be_chosen_and_must_leave_something():
    ids = np.arange(10_000, dtype=np.uint64)
    labels, splits, split = np.zeros(10_000, int), np.full(10_000, "train"), split_of([0], [1], [])
    assert set(row_roles(labels, splits, ids, split, share=0.0)) == {"learn"}
    assert (row_roles(labels, splits, ids, split, share=0.4) == "test").mean() == pytest.approx(0.4, abs=0.025)
    with pytest.raises(ValueError, match=r"must lie in \[0, 2/3\), got 0\.7"):
        row_roles(labels, splits, ids, split, share=0.7)


def test_what_is_held_out_is_what_splitmix64_says_with_the_published_seed():
    def point(number: int) -> float:
        mask = 2**64 - 1
        mixed = (number + (2013 + 1) * 0x9E3779B97F4A7C15) & mask
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
        return ((mixed ^ mixed >> 31) >> 11) / 2**53

    ids = np.arange(400, dtype=np.uint64)
    roles = row_roles(np.zeros(400, int), np.full(400, "train"), ids, split_of([0], [1], []))
    points = [point(row) for row in range(400)]
    assert roles.tolist() == ["test" if at < 0.1 else "valid" if at < 0.15 else "learn" for at in points]
