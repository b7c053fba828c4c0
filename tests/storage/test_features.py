"""Features are read row by row from whichever disk has them whole, and what is not whole is never given out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import DamagedDataset, UnknownDataset
from storage.features import open_features
from storage.pins import pinned
from storage.staging import stage
from storage.tiers import Tiers
from tests.storage.damaged_files import DAMAGES
from tests.storage.feature_bundles import IDENTITY, NAME, PublishedFeatures, published_features
from tests.storage.word_bundles import published_words


@pytest.fixture
def published(tmp_path: Path) -> PublishedFeatures:
    return published_features(Tiers(tmp_path / "slow", tmp_path / "fast"))


def test_what_they_are_made_of_is_told(published: PublishedFeatures):
    with open_features(published.tiers, NAME) as features:
        assert (features.source.dataset, features.source.number, features.source.identity) == ("photos", 2, IDENTITY)
        assert (features.encoder, features.size, features.dimensions, len(features)) == ("backbone@3", 32, 5, 7)
        assert features.version == published.bundle


def test_rows_of_all_shards_are_one_matrix(published: PublishedFeatures):
    with open_features(published.tiers, NAME) as features:
        np.testing.assert_array_equal(features.matrix, published.vectors)
        assert features.matrix.dtype == np.float32
        assert not features.matrix.flags.writeable
        starts, parts = zip(*features.blocks(), strict=True)
    assert starts == (0, 3, 3)
    np.testing.assert_array_equal(np.concatenate(parts), published.vectors)


def test_one_shard_is_mapped_and_outlives_the_reader(tmp_path: Path):
    published = published_features(Tiers(tmp_path, tmp_path), rows=(6,))
    with open_features(published.tiers, NAME) as features:
        matrix = features.matrix
    assert not matrix.flags.owndata
    np.testing.assert_array_equal(matrix, published.vectors)


@given(rows=st.lists(st.integers(0, 6), max_size=20))
@settings(max_examples=25, deadline=None)
def test_any_rows_come_in_the_order_in_which_they_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int]
):
    root = tmp_path_factory.mktemp("features")
    published = published_features(Tiers(root, root))
    wanted = np.array(rows, np.int64)
    with open_features(published.tiers, NAME) as features:
        found = features.read(wanted)
    assert found.shape == (len(rows), 5)
    np.testing.assert_array_equal(found, published.vectors[wanted])


def test_an_earlier_version_can_be_asked_for(published: PublishedFeatures):
    later = published_features(published.tiers, seed=1)
    with open_features(published.tiers, NAME, number=1) as first, open_features(published.tiers, NAME) as second:
        np.testing.assert_array_equal(first.matrix, published.vectors)
        np.testing.assert_array_equal(second.matrix, later.vectors)


def test_an_open_version_is_held_and_let_go(published: PublishedFeatures):
    with open_features(published.tiers, NAME):
        assert pinned(published.folder).versions == {1}
    assert pinned(published.folder).versions == set()


# ---- Damage


@pytest.mark.parametrize("name", ["features-00002.npy", "features.json"])
def test_a_damaged_or_missing_copy_falls_back_to_the_original(
    published: PublishedFeatures, name: str, caplog: pytest.LogCaptureFixture
):
    stage(published.tiers, NAME, published.bundle.objects)
    copy = published.tiers.fast / NAME / "objects" / published.object(name).name
    sound = copy.read_bytes()
    for damage in ("first bit", "last bit", "half lost", "deleted"):
        copy.unlink(missing_ok=True)
        if (content := DAMAGES[damage](sound)) is not None:
            copy.write_bytes(content)
        caplog.clear()
        with open_features(published.tiers, NAME) as features:
            np.testing.assert_array_equal(features.matrix, published.vectors)
        told = f"the copy {copy} failed, the slow root is read instead; make it anew with: imagemill stage {NAME} --"
        # What has another size counts as missing.
        assert (told in caplog.text) is damage.endswith("bit")


def test_copies_are_read_without_the_originals(published: PublishedFeatures):
    stage(published.tiers, NAME, published.bundle.objects)
    shutil.rmtree(published.folder.objects)
    with open_features(published.tiers, NAME) as features:
        np.testing.assert_array_equal(features.read(np.array([6, 0])), published.vectors[[6, 0]])


def test_a_damaged_shard_without_a_copy_is_an_error_and_the_others_are_read(published: PublishedFeatures):
    path = published.object("features-00002.npy")
    path.write_bytes(DAMAGES["middle bit"](path.read_bytes()) or b"")
    with open_features(published.tiers, NAME) as features:
        np.testing.assert_array_equal(features.read(np.array([1, 2])), published.vectors[1:3])
        with pytest.raises(DamagedDataset, match=rf"{path} is missing or is not what was published.*repair {NAME}"):
            features.read(np.array([1, 3]))


def test_a_version_that_cannot_be_opened_is_not_held(published: PublishedFeatures):
    published.object("features.json").unlink()
    with pytest.raises(DamagedDataset, match="is missing or is not what was published"):
        open_features(published.tiers, NAME)
    assert pinned(published.folder).versions == set()


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"rows": (3, 4)}, "tells of 2 shards, and the version has others"),
        ({"rows": (-3, 0, 4)}, "tells of 3 shards, and the version has others"),
        ({"dimensions": "five"}, "does not tell of features: Expected `int`"),
    ],
)
def test_facts_that_contradict_the_files_are_damage(tmp_path: Path, facts: dict, problem: str):
    published = published_features(Tiers(tmp_path, tmp_path), facts=facts)
    with pytest.raises(DamagedDataset, match=problem):
        open_features(published.tiers, NAME)


@pytest.mark.parametrize("facts", [{"rows": (2, 0, 5)}, {"dimensions": 4}])
def test_a_shard_of_another_shape_than_the_facts_is_damage(tmp_path: Path, facts: dict):
    published = published_features(Tiers(tmp_path, tmp_path), facts=facts)
    with (
        open_features(published.tiers, NAME) as features,
        pytest.raises(DamagedDataset, match=r"has vectors of \(3, 5\), not of"),
    ):
        features.read(np.array([0]))


# ---- Mistakes


@pytest.mark.parametrize("rows", [[7], [0, -1]])
def test_a_row_that_is_not_there_is_refused(published: PublishedFeatures, rows: list[int]):
    with (
        open_features(published.tiers, NAME) as features,
        pytest.raises(IndexError, match=r"rows must lie in 0\.\.6, got"),
    ):
        features.read(np.array(rows))


def test_what_is_no_dataset_of_features_is_refused(published: PublishedFeatures):
    published_words(published.tiers)
    with pytest.raises(UnknownDataset, match="version 1 of words is one of words, not of features"):
        open_features(published.tiers, "words")
    with pytest.raises(UnknownDataset, match="none holds no published version; run: imagemill features … --name none"):
        open_features(published.tiers, "none")
    with pytest.raises(UnknownDataset, match=f"{NAME} has no version 4; it has: 1"):
        open_features(published.tiers, NAME, number=4)
