"""Which rows are learnt from and which are held out, with and without a class split."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from storage import Tiers, open_version
from tests.storage.split_bundles import published_splits
from tests.training.class_pictures import CLASSES, published_stripes
from training.class_rows import IMAGES, TARGETS, open_class_rows

SPLIT = {
    "name": ["n00000010", *CLASSES],
    "is_noun": [True] * 5,
    "label": [-1, 0, 1, 2, 3],
    "role": ["other", "seen", "unseen", "set aside", "seen"],
    "hops": [1, 0, 2, 2, 0],
}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    slow = published_stripes(tmp_path_factory.mktemp("stripes"))
    published_splits(Tiers(slow, slow), first=SPLIT)
    return slow


@pytest.fixture
def resources():
    with ExitStack() as stack:
        yield stack


def test_without_a_split_all_classes_are_learnt_and_rows_follow_the_version(slow: Path, resources: ExitStack):
    tiers = Tiers(slow, slow)
    rows = open_class_rows(tiers, "stripes", number=None, resources=resources)
    version = resources.enter_context(open_version(tiers, "stripes"))
    assert rows.classes == CLASSES
    np.testing.assert_array_equal(rows.targets, version.labels)
    roles = {"train": "learn", "valid": "valid", "test": "test"}
    # Classes of which the version holds rows out; those of others are held out by their ids.
    parted = [label for label in range(4) if {"train", "test"} <= set(version.splits[version.labels == label].tolist())]
    assert parted
    for label in parted:
        of_class = version.labels == label
        assert rows.roles[of_class].tolist() == [roles[split] for split in version.splits[of_class].tolist()]
    test = rows.source(16, "test")
    numbers = np.flatnonzero(rows.roles == "test")
    found = test.read(np.arange(len(test)))
    np.testing.assert_array_equal(found[IMAGES], version.rows(16)[numbers])
    np.testing.assert_array_equal(found[TARGETS], version.labels[numbers])


def test_with_a_split_only_seen_classes_are_learnt_and_numbered_anew(slow: Path, resources: ExitStack):
    rows = open_class_rows(Tiers(slow, slow), "stripes", number=None, splits="splits-photos", resources=resources)
    labels = rows.version.labels
    assert rows.classes == (CLASSES[0], CLASSES[3])
    np.testing.assert_array_equal(rows.targets, np.select([labels == 0, labels == 3], [0, 1], -1))
    assert set(rows.roles[labels == 1]) == {"unseen"}
    assert set(rows.roles[labels == 2]) == {"none"}
    learnt = rows.source(16, "learn")
    assert set(learnt.read(np.arange(len(learnt)))[TARGETS].tolist()) == {0, 1}
    assert len(rows.source(16, "learn", limit=5)) == 5


def test_what_they_stand_on_is_told(slow: Path, resources: ExitStack):
    rows = open_class_rows(Tiers(slow, slow), "stripes", number=1, splits="splits-photos", resources=resources)
    told = [(origin.role, origin.name, origin.version) for origin in rows.origins]
    assert told == [("rows", "stripes", 1), ("class split", "splits-photos", 1)]
    assert rows.origins[0].digest == rows.version.version.identity


def test_a_split_of_other_classes_is_refused(slow: Path, resources: ExitStack):
    with pytest.raises(ValueError, match=r"label 2 is n00000020 there, and n00000040 in version 1; name a split of"):
        open_class_rows(Tiers(slow, slow), "stripes", number=None, splits="splits-photos", seed=7, resources=resources)


def test_a_role_without_rows_is_refused_with_those_there_are(slow: Path, resources: ExitStack):
    rows = open_class_rows(Tiers(slow, slow), "stripes", number=None, resources=resources)
    with pytest.raises(ValueError, match=r"version 1 has no row of the role 'unseen'; it has: \d+ learn, \d+ test"):
        rows.source(16, "unseen")
