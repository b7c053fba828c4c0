"""Chooses which classes stay unseen, and what each image serves for. Pure: names, labels and a seed in."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from storage.class_splits import NO_LABEL, OTHER, SEEN, SET_ASIDE, UNREACHABLE, UNSEEN, ClassSplit
from storage.shuffling import shuffle_keys
from tasks.ops.wordnet_hops import HopGraph, hops_from

SPLITTING = "lowest BLAKE3 of seed and class"
"""What decides a split besides classes, share and seed; a split that was made otherwise is made anew."""
DEFAULT_SHARE = 0.2
LEARN, VALID, TEST, NONE = "learn", "valid", "test", "none"
ROW_SEED = 2013
"""Of the hash that holds rows out. Any number will do that no dataset is likely to be shuffled by."""


def chosen_unseen(names: Collection[str], *, seed: int, share: float = DEFAULT_SHARE) -> frozenset[str]:
    """Return the share of the classes `names` that stays unseen: those with the lowest hash of seed and name.

    It depends on no order and no other dataset, and classes that come later change few of those chosen.

    Raises:
        ValueError: no class would be left on one side.
    """
    count = round(share * len(set(names)))
    if not 0 < count < len(set(names)):
        raise ValueError(
            f"of {len(set(names))} classes with a vector of their own a share of {share} is {count}; at least one must "
            "be unseen and one seen. Choose another share, or word maps that tell more classes apart"
        )
    return frozenset(sorted(set(names), key=lambda name: _hash(seed, name))[:count])


def class_split(
    nouns: Sequence[str],
    graph: HopGraph,
    *,
    classes: Sequence[str],
    has_own_vector: NDArray[np.bool_],
    unseen: Collection[str],
) -> ClassSplit:
    """Return the split of the dataset with `classes` in which `unseen` are unseen and all others seen.

    `nouns` are the wnids of the noun map, the rows of `graph`. Whatever class has no vector of its own, as
    `has_own_vector`, `(classes,)`, says, is set aside.
    """
    rows_of = {name: row for row, name in enumerate(nouns)}
    names = (*nouns, *(name for name in classes if name not in rows_of))
    rows_of = {name: row for row, name in enumerate(names)}
    labels, roles = np.full(len(names), NO_LABEL, np.int32), np.full(len(names), OTHER, dtype="<U9")
    for label, name in enumerate(classes):
        labels[rows_of[name]] = label
        seen_or_not = UNSEEN if name in unseen else SEEN
        roles[rows_of[name]] = seen_or_not if has_own_vector[label] else SET_ASIDE
    is_noun = np.arange(len(names)) < len(nouns)
    hops = np.full(len(names), UNREACHABLE, np.int32)
    hops[: len(nouns)] = hops_from(graph, np.flatnonzero(is_noun & (roles == SEEN)))
    return ClassSplit(names, is_noun, labels, roles, hops)


def row_roles(
    labels: NDArray[np.integer],
    splits: NDArray[np.str_],
    ids: NDArray[np.uint64],
    split: ClassSplit,
    *,
    share: float = 0.1,
) -> NDArray[np.str_]:
    """Return what each row of a version serves for, `(n,)` of "learn", "valid", "test", "unseen" or "none".

    `labels`, `splits` and `ids` are the version's columns. Rows of unseen classes are "unseen" and those of classes
    that are set aside "none". Rows of a seen class follow the version's own split where it parts that class into
    "train" and "test". Where it does not, as in a version that is split by class, the hash of a row's id decides:
    `share` of them are "test" and half as many "valid". A row's role depends on no other row of its class but by that.

    Raises:
        ValueError: nothing would be left to learn from.
    """
    if not 0 <= share < 2 / 3:
        raise ValueError(f"the share of test rows, with half as many valid, must lie in [0, 2/3), got {share}")
    roles = np.full(len(labels), NONE, dtype="<U6")
    roles[np.isin(labels, split.unseen_labels)] = UNSEEN
    is_seen = np.isin(labels, split.seen_labels)
    parted = np.intersect1d(labels[splits == "train"], labels[splits == "test"])
    follows = np.isin(labels, parted)
    for of_version, role in (("train", LEARN), ("valid", VALID), ("test", TEST)):
        roles[is_seen & follows & (splits == of_version)] = role
    hashed = is_seen & ~follows
    roles[hashed] = _hashed_roles(ids[hashed], share)
    return roles


def _hashed_roles(ids: NDArray[np.uint64], share: float) -> NDArray[np.str_]:
    # 53 bits are exact as a float.
    points = (shuffle_keys(ids, ROW_SEED) >> np.uint64(11)) / 2.0**53
    return np.select([points < share, points < 1.5 * share], [TEST, VALID], LEARN)


def _hash(seed: int, name: str) -> bytes:
    return blake3(f"{seed} {name}".encode()).digest()
