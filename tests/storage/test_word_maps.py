"""Word maps are read from whichever disk has them whole, and what is not whole is never given out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from storage.bundles import BundleFile, bundle_identity
from storage.errors import DamagedDataset, UnknownDataset
from storage.objects import store_object
from storage.parquet import write_table
from storage.pins import pinned
from storage.publishing import publish
from storage.staging import stage, unstage
from storage.tiers import Tiers
from storage.word_maps import OpenWordMaps, WordMap, open_word_maps
from tests.storage.damaged_files import DAMAGES
from tests.storage.word_bundles import NOUNS, PublishedWords, map_table, on_top, published_words


@pytest.fixture
def published(tmp_path: Path) -> PublishedWords:
    return published_words(Tiers(tmp_path / "slow", tmp_path / "fast"))


def copies(published: PublishedWords) -> Path:
    return published.tiers.fast / "words" / "objects"


def assert_as_published(maps: OpenWordMaps, published: PublishedWords) -> None:
    np.testing.assert_array_equal(maps.nouns.vectors, published.nouns)
    np.testing.assert_array_equal(maps.classes("photos").vectors, published.classes)
    np.testing.assert_array_equal(maps.vectors.vectors, published.vectors)


def test_nouns_classes_and_all_words_are_read_from_the_slow_root(published: PublishedWords):
    with open_word_maps(published.tiers) as maps:
        assert_as_published(maps, published)
        assert maps.datasets == ("photos",)
        assert maps.vectors.row("dog") == 2
        assert maps.vectors.folder == published.object("vectors")
        nouns = maps.nouns
    assert (len(nouns), nouns.names, nouns.rows["n00000050"]) == (3, NOUNS, 2)
    assert nouns.labels == ("animal", "dog", "cat")
    assert nouns.rules == ("exact phrase",) * 3
    assert not nouns.vectors.flags.writeable


def test_a_class_without_a_vector_has_zeros_its_own_name_and_is_told_apart(published: PublishedWords):
    with open_word_maps(published.tiers) as maps:
        classes = maps.classes("photos")
    assert classes.labels == ("dog", "no such thing")
    assert classes.has_vector.tolist() == classes.has_own_vector.tolist() == [True, False]
    assert classes.rules == ("exact phrase", "no vector")


def test_a_staged_copy_is_read_without_the_original(published: PublishedWords):
    stage(published.tiers, "words", published.bundle.objects)
    shutil.rmtree(published.folder.objects)
    with open_word_maps(published.tiers) as maps:
        assert_as_published(maps, published)
        assert maps.vectors.folder.parent == copies(published)


@pytest.mark.parametrize("name", ["nouns.npy", "nouns.parquet", "classes-photos.npy", "classes-photos.parquet"])
def test_a_damaged_or_missing_copy_falls_back_to_the_original(
    published: PublishedWords, name: str, caplog: pytest.LogCaptureFixture
):
    stage(published.tiers, "words", published.bundle.objects)
    copy = copies(published) / published.object(name).name
    sound = copy.read_bytes()
    for damage in ("first bit", "last bit", "half lost", "deleted"):
        copy.unlink(missing_ok=True)
        if (content := DAMAGES[damage](sound)) is not None:
            copy.write_bytes(content)
        caplog.clear()
        with open_word_maps(published.tiers) as maps:
            assert_as_published(maps, published)
        # What has another size counts as missing.
        told = f"the copy {copy} failed, the slow root is read instead; make it anew with: imagemill stage words --"
        assert (told in caplog.text) is damage.endswith("bit")


def test_vectors_of_which_a_copy_lacks_a_part_are_read_from_the_original(
    published: PublishedWords, caplog: pytest.LogCaptureFixture
):
    stage(published.tiers, "words", published.bundle.objects)
    (copies(published) / published.object("vectors").name / "words.txt").unlink()
    with open_word_maps(published.tiers) as maps:
        assert_as_published(maps, published)
        assert maps.vectors.folder == published.object("vectors")
    assert "words.txt is missing" in caplog.text


@pytest.mark.parametrize("name", ["nouns.npy", "nouns.parquet"])
def test_a_damaged_original_without_a_copy_is_an_error_that_says_what_to_do(published: PublishedWords, name: str):
    path = published.object(name)
    path.write_bytes(DAMAGES["middle bit"](path.read_bytes()) or b"")
    with (
        open_word_maps(published.tiers) as maps,
        pytest.raises(DamagedDataset, match=rf"{path} is missing or is not what was .*\. Run: imagemill repair words"),
    ):
        _ = maps.nouns


def test_a_damaged_original_is_not_needed_while_there_is_a_copy(published: PublishedWords):
    stage(published.tiers, "words", published.bundle.objects)
    published.object("nouns.npy").write_bytes(b"")
    with open_word_maps(published.tiers) as maps:
        assert_as_published(maps, published)


def test_an_earlier_version_can_be_asked_for(published: PublishedWords):
    later = published_words(published.tiers, seed=1)
    with open_word_maps(published.tiers, number=1) as first, open_word_maps(published.tiers) as second:
        assert_as_published(first, published)
        assert_as_published(second, later)


def test_what_is_not_there_is_named_with_what_makes_it(published: PublishedWords):
    with open_word_maps(published.tiers) as maps, pytest.raises(UnknownDataset) as caught:
        maps.classes("demo")
    assert str(caught.value) == (
        "version 1 of words has no map of the classes of demo; it has: photos. Run: imagemill words --dataset demo"
    )
    with pytest.raises(UnknownDataset, match="nothing holds no published version; run: imagemill words --name nothing"):
        open_word_maps(published.tiers, "nothing")
    with pytest.raises(UnknownDataset, match="words has no version 4; it has: 1"):
        open_word_maps(published.tiers, number=4)
    assert not (published.tiers.slow / "nothing").exists()


def test_a_table_of_other_rows_than_the_matrix_is_damage(published: PublishedWords):
    folder = published.folder
    write_table(folder.tmp / "short.parquet", map_table(NOUNS[:2], (("animal",), ("dog",)), ("exact phrase",) * 2))
    table = store_object(folder, folder.tmp / "short.parquet", prefix="nouns", suffix=".parquet")
    vectors, matrix, *_ = published.bundle.files
    files = (vectors, matrix, BundleFile("nouns.parquet", table, is_spared=True))
    publish(folder, on_top(folder, published.bundle, files=files, identity=bundle_identity("words", files)))
    with (
        open_word_maps(published.tiers) as maps,
        pytest.raises(DamagedDataset, match=r"nouns-\w+\.npy has 3 rows, and \S+\.parquet 2"),
    ):
        _ = maps.nouns


def test_an_open_version_is_held_on_both_disks_and_let_go(published: PublishedWords):
    stage(published.tiers, "words", published.bundle.objects)
    names = {stored.name for stored in published.bundle.objects}
    with open_word_maps(published.tiers):
        assert (pinned(published.folder).versions, pinned(published.folder).objects) == ({1}, names)
    assert pinned(published.folder).versions == set()
    assert unstage(published.tiers, "words").removed > 0


def test_names_without_a_lemma_are_their_own_labels():
    table = map_table(("n1", " "), (("dog",), ()), ("exact phrase", "no vector"))
    found = WordMap(np.eye(2, dtype=np.float32), table)
    assert found.labels == ("dog", " ")
