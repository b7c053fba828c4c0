"""From maps in memory to a version: whole, readable with numpy and Arrow alone, and the same for the same maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from storage.bundles import Bundle, BundleFile, FileReceipt, write_file_receipt
from storage.datasets import create_dataset
from storage.errors import ChecksFailed
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.scratch import scratch_folder
from storage.spares import spare_of
from storage.tiers import Tiers
from storage.verification import verified
from storage.versions import version_numbers
from storage.word_maps import open_word_maps
from storage.word_vectors import create_word_vectors, open_word_vectors
from tasks.ops.word_checks import RELATIONS, Checked
from tasks.ops.word_mapping import class_map, noun_map
from tasks.ops.words_publication import WordRequest, publish_words, require_good
from tasks.ops.words_report import WordMaps
from tests.tasks.ops.kennel_words import VECTORS, Kennel, make_kennel

CHECKED = Checked(RELATIONS, (), (), 4000, 0.77, 0.15, ())
REQUEST = WordRequest("a" * 64, (("text", "by hand"),), ("b" * 64,), is_circular=False)


@pytest.fixture(scope="module")
def kennel(tmp_path_factory: pytest.TempPathFactory) -> Kennel:
    return make_kennel(tmp_path_factory.mktemp("kennel"))


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return create_dataset(tmp_path / "slow", "words", kind="words")


def tiers_of(folder: DatasetFolder) -> Tiers:
    return Tiers(folder.path.parent, folder.path.parent)


def published(
    folder: DatasetFolder, kennel: Kennel, *, request: WordRequest = REQUEST, **classes: tuple[str, ...]
) -> tuple[Bundle, bool]:
    with scratch_folder(folder) as scratch:
        with create_word_vectors(scratch / "vectors", dimensions=4) as writer:
            writer.append(list(VECTORS), np.array(list(VECTORS.values()), np.float32))
        stored = store_object(folder, scratch / "vectors", prefix="vectors", suffix=".words")
        file = BundleFile("vectors", stored, is_spared=False)
        write_file_receipt(folder, FileReceipt("b" * 64, request.facts, (file,), 0.0))
        words = open_word_vectors(folder.objects / stored.name)
        of_classes = {dataset: class_map(names, kennel.nouns, words) for dataset, names in classes.items()}
        maps = WordMaps(noun_map(kennel.nouns, words), of_classes, words)
        return publish_words(folder, file, maps, CHECKED, request, scratch=scratch)


def test_a_version_has_vectors_and_a_matrix_and_a_table_for_nouns_and_each_dataset(
    folder: DatasetFolder, kennel: Kennel
):
    bundle, is_new = published(folder, kennel, photos=("dog", "zzz"), demo=("cat",))
    assert (is_new, bundle.number, bundle.parent, bundle.kind) == (True, 1, None, "words")
    assert (bundle.request, bundle.made_of, bundle.receipts) == (REQUEST.digest, REQUEST.facts, REQUEST.receipts)
    maps = ("nouns", "classes-photos", "classes-demo")
    matrices, tables = [f"{name}.npy" for name in maps], [f"{name}.parquet" for name in maps]
    assert {file.name for file in bundle.files} == {"vectors", *matrices, *tables}
    assert {file.name for file in bundle.files if file.is_spared} == set(tables)
    checked = verified(tiers_of(folder), "words", share=1.0)
    assert (checked.is_whole, checked.notes) == (True, ())
    assert spare_of(folder, 1) is not None
    assert list(folder.tmp.iterdir()) == []
    with open_word_maps(tiers_of(folder)) as opened:
        assert opened.datasets == ("demo", "photos")


def test_numpy_and_arrow_alone_read_what_was_published(folder: DatasetFolder, kennel: Kennel):
    bundle, _ = published(folder, kennel, photos=("dog", "zzz"))
    matrix = np.load(folder.objects / bundle.file("classes-photos.npy").name)
    np.testing.assert_allclose(matrix, [[0.5**0.5, 0.5**0.5, 0, 0], [0, 0, 0, 0]], atol=1e-7)
    table = pq.read_table(folder.objects / bundle.file("classes-photos.parquet").name)
    assert table.to_pylist()[1] == {
        "name": "zzz",
        "lemmas": ["zzz"],
        "branch": "",
        "gloss": "",
        "rule": "no vector",
        "words": [],
        "has_own_vector": False,
        "same_vector": [],
    }
    assert len(np.load(folder.objects / bundle.file("nouns.npy").name)) == len(kennel.nouns)


def test_the_same_maps_are_not_published_twice_whatever_was_asked_for(folder: DatasetFolder, kennel: Kennel):
    first, _ = published(folder, kennel, photos=("dog",))
    files = sorted(path.name for path in folder.objects.iterdir())
    assert published(folder, kennel, photos=("dog",)) == (first, False)
    assert sorted(path.name for path in folder.objects.iterdir()) == files
    other, is_new = published(folder, kennel, request=replace(REQUEST, digest="c" * 64), photos=("dog",))
    assert (other, is_new) == (first, False)
    second, is_new = published(folder, kennel, photos=("dog", "cat"))
    assert (second.number, second.parent, is_new) == (2, 1, True)


@pytest.mark.parametrize("name", ["card", "nouns.npy", "nouns.parquet", "classes-photos.npy", "vectors"])
def test_what_was_damaged_is_there_again_to_the_bit_after_the_same_was_published(
    folder: DatasetFolder, kennel: Kennel, name: str
):
    bundle, _ = published(folder, kennel, photos=("dog",))
    path = folder.objects / (bundle.card if name == "card" else bundle.file(name)).name
    file = path / "words.txt" if path.is_dir() else path
    file.write_bytes(file.read_bytes()[:-1])
    assert not verified(tiers_of(folder), "words", share=1.0).is_whole
    assert published(folder, kennel, photos=("dog",)) == (bundle, False)
    assert verified(tiers_of(folder), "words", share=1.0).is_whole


def test_datasets_of_the_same_classes_share_their_map(folder: DatasetFolder, kennel: Kennel):
    bundle, _ = published(folder, kennel, photos=("dog", "cat"), again=("dog", "cat"))
    assert bundle.file("classes-photos.npy") == bundle.file("classes-again.npy")
    assert verified(tiers_of(folder), "words", share=1.0).is_whole
    with open_word_maps(tiers_of(folder)) as maps:
        assert maps.classes("again").names == maps.classes("photos").names == ("dog", "cat")


def test_the_card_of_a_version_is_the_one_that_it_names(folder: DatasetFolder, kennel: Kennel):
    published(folder, kennel)
    second, _ = published(folder, kennel, photos=("dog",))
    card = (folder.objects / second.card.name).read_text(encoding="utf-8")
    assert card.startswith("# words, version 2\n")
    assert "| text | `by hand` |" in card


def test_maps_that_are_not_good_enough_are_refused_with_every_reason_and_a_remedy(folder: DatasetFolder):
    require_good(CHECKED, "words")
    with pytest.raises(ChecksFailed) as caught:
        require_good(replace(CHECKED, failures=("only 3 relations hold", "the correlation is 0.1")), "words")
    assert str(caught.value) == (
        "nothing was published as words: only 3 relations hold; the correlation is 0.1. Use other vectors or a larger "
        "text, or lower the thresholds if this is what you want"
    )
    assert version_numbers(folder) == []
