"""Class splits are read from whichever disk has them whole, and what contradicts itself is never given out."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.class_splits import ClassSplit, hypernym_table, open_class_splits, split_table
from storage.errors import DamagedDataset, UnknownDataset
from storage.pins import pinned
from storage.staging import stage
from storage.tiers import Tiers
from tests.storage.damaged_files import DAMAGES
from tests.storage.split_bundles import HYPERNYMS, NAME, OTHER_ROWS, ROWS, PublishedSplits, published_splits
from tests.storage.word_bundles import published_words


@pytest.fixture
def published(tmp_path: Path) -> PublishedSplits:
    return published_splits(Tiers(tmp_path / "slow", tmp_path / "fast"))


def columns(split: ClassSplit) -> dict[str, list[object]]:
    return {
        "name": list(split.names),
        "is_noun": split.is_noun.tolist(),
        "label": split.labels.tolist(),
        "role": split.roles.tolist(),
        "hops": split.hops.tolist(),
    }


def test_every_split_is_read_by_its_number_with_the_graph(published: PublishedSplits):
    with open_class_splits(published.tiers, NAME) as splits:
        assert splits.seeds == (0, 7)
        first, second = splits.split(0), splits.split(7)
        assert (columns(first), columns(second)) == (ROWS, OTHER_ROWS)
        assert splits.hypernyms.tolist() == HYPERNYMS
    assert (first.seen_labels.tolist(), first.unseen_labels.tolist()) == ([0], [2])
    assert first.seen_labels.dtype == first.unseen_labels.dtype == "int64"


def test_a_table_is_what_it_was_made_of(published: PublishedSplits):
    with open_class_splits(published.tiers, NAME) as splits:
        assert split_table(splits.split(0)).to_pydict() == ROWS
        assert hypernym_table(splits.hypernyms).to_pydict() == {"narrower": [1, 2], "broader": [0, 0]}


def test_an_earlier_version_can_be_asked_for_and_is_held_while_it_is_open(published: PublishedSplits):
    later = {"role": ["other", "seen", "seen", "other", "set aside"], "hops": [1, 0, 0, -1, -1]}
    published_splits(published.tiers, first=later)
    with open_class_splits(published.tiers, NAME, number=1) as splits:
        assert pinned(published.folder).versions == {1}
        assert splits.split(0).unseen_labels.tolist() == [2]
    with open_class_splits(published.tiers, NAME) as splits:
        assert splits.split(0).unseen_labels.tolist() == []
    assert pinned(published.folder).versions == set()


@pytest.mark.parametrize("name", ["split-0.parquet", "hypernyms.parquet"])
def test_a_damaged_copy_falls_back_to_the_original_and_a_damaged_original_is_an_error(
    published: PublishedSplits, name: str, caplog: pytest.LogCaptureFixture
):
    stage(published.tiers, NAME, published.bundle.objects)
    copy = published.tiers.fast / NAME / "objects" / published.object(name).name
    damaged = DAMAGES["middle bit"](copy.read_bytes()) or b""
    copy.write_bytes(damaged)
    with open_class_splits(published.tiers, NAME) as splits:
        assert columns(splits.split(0)) == ROWS
        assert splits.hypernyms.tolist() == HYPERNYMS
    assert f"the copy {copy} failed, the slow root is read instead" in caplog.text
    published.object(name).write_bytes(damaged)
    with (
        open_class_splits(published.tiers, NAME) as splits,
        pytest.raises(DamagedDataset, match=rf"is not what was published\. Run: imagemill repair {NAME}"),
    ):
        _ = splits.split(0), splits.hypernyms


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"role": ["other", "unseen", "seen", "hidden", "set aside"]}, "it has the roles 'hidden', expected seen, un"),
        ({"label": [-1, 2, 0, -1, 2]}, "3 classes should have the labels from 0 to 2, each once"),
        ({"role": ["seen", "unseen", "seen", "other", "set aside"]}, "what is no class of the dataset, and nothing"),
    ],
)
def test_a_table_that_cannot_be_is_refused(tmp_path: Path, changed: dict[str, list[object]], told: str):
    published = published_splits(Tiers(tmp_path, tmp_path), first=changed)
    with (
        open_class_splits(published.tiers, NAME) as splits,
        pytest.raises(DamagedDataset, match=rf"\.parquet contradicts itself: {told}"),
    ):
        splits.split(0)


def test_what_is_not_there_is_named_with_what_makes_it(published: PublishedSplits):
    with open_class_splits(published.tiers, NAME) as splits, pytest.raises(UnknownDataset) as caught:
        splits.split(3)
    assert str(caught.value) == (
        "version 1 of splits-photos has no split 3; it has: 0, 7. Run imagemill splits with --seed for each that it "
        "shall have"
    )
    told = "holds no published version; run: imagemill splits … --name nothing"
    with pytest.raises(UnknownDataset, match=told):
        open_class_splits(published.tiers, "nothing")


def test_a_dataset_of_another_kind_is_refused_and_not_held(tmp_path: Path):
    words = published_words(Tiers(tmp_path, tmp_path))
    for number in (None, 1):
        with pytest.raises(UnknownDataset, match="version 1 of words is one of words, not of splits"):
            open_class_splits(words.tiers, "words", number=number)
    assert pinned(words.folder).versions == set()
