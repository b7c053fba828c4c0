"""Searching published rows by words and by vectors: what is found is what a plain loop finds, and is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.class_splits import open_class_splits
from storage.errors import UnknownDataset
from tasks.ops.image_search import ImageSearch, open_search
from tasks.ops.search_index import find_index, wanted_index
from tasks.ops.search_model import search_model
from tasks.ops.word_space import noun_space
from tests.storage.stored_models import new_model, promoted, registered
from tests.storage.word_bundles import published_words
from tests.tasks.ops.searchable import (
    CAT,
    COLOURS,
    DOG,
    EACH,
    INDEX,
    THING,
    Searchable,
    publish_index,
    published_searchable,
    register_model,
)


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Searchable:
    """Do not change it."""
    return published_searchable(tmp_path_factory.mktemp("searchable"))


@pytest.fixture(scope="module")
def search(searchable: Searchable):
    with open_search(searchable.tiers, INDEX, number=1) as opened:
        yield opened


def plain_order(searchable: Searchable, query: np.ndarray, rival: np.ndarray | None = None) -> list[tuple[float, int]]:
    """Cosines and rows, those first that are likelier the query than the rival, where there is one."""
    vectors = searchable.vectors_of(searchable.pictures)
    less = query * 0 if rival is None else rival
    found = [(float(vector @ query - vector @ less), float(vector @ query), row) for row, vector in enumerate(vectors)]
    return [(cosine, row) for _, cosine, row in sorted(found, key=lambda each: -each[0])]


def test_by_a_word_the_rows_of_its_class_come_first_with_all_that_is_known_of_them(
    searchable: Searchable, search: ImageSearch
):
    result = search.by_words(["dog"], count=6)
    _, dog, cat = searchable.noun_units
    expected = plain_order(searchable, dog, cat)[:6]
    assert [hit.row for hit in result.hits] == [row for _, row in expected]
    differences = [vector @ (dog - cat) for vector in searchable.vectors_of(searchable.pictures)]
    shares = [1 / (1 + np.exp(-16 * differences[hit.row])) for hit in result.hits]
    assert [hit.share for hit in result.hits] == pytest.approx(shares, abs=1e-4)
    assert [hit.cosine for hit in result.hits] == pytest.approx([cosine for cosine, _ in expected], abs=1e-5)
    first = result.hits[:EACH]
    assert {(hit.class_name, hit.label, hit.role) for hit in first} == {(DOG, "dog", "unseen")}
    assert sorted(hit.path for hit in first) == [f"{DOG}/{number}.png" for number in range(EACH)]
    (asked,) = result.asked
    assert (asked.class_name, asked.role, asked.hits, asked.rows) == (DOG, "unseen", EACH, EACH)
    searched = result.searched
    assert (searched.dataset, searched.version, searched.rows) == ("photos", 1, EACH * len(COLOURS))
    assert (searched.model, searched.model_version, searched.index_version) == ("devise", 1, 1)


def test_a_class_that_is_no_noun_has_its_own_name_and_no_role(search: ImageSearch):
    hits = search.by_words(["cat"], count=12).hits
    assert {(hit.label, hit.role) for hit in hits if hit.class_name == CAT} == {("cat", "seen")}
    of_things = [hit for hit in hits if hit.class_name == THING]
    assert {(hit.label, hit.role) for hit in of_things} == {(THING, "")}
    assert len(of_things) == EACH


def test_several_words_lie_between_what_each_alone_finds(searchable: Searchable, search: ImageSearch):
    result = search.by_words(["dog", "cat"], count=2 * EACH)
    middle = searchable.noun_units[1] + searchable.noun_units[2]
    expected = plain_order(searchable, middle / np.linalg.norm(middle))[: 2 * EACH]
    assert [hit.cosine for hit in result.hits] == pytest.approx([cosine for cosine, _ in expected], abs=1e-5)
    assert {hit.class_name for hit in result.hits} == {DOG, CAT}
    assert [asked.class_name for asked in result.asked] == [DOG, CAT]
    assert result.title == "dog + cat"


def test_by_the_vector_of_a_row_that_row_is_the_nearest_and_its_noun_is_named(
    searchable: Searchable, search: ImageSearch
):
    row = search.by_words(["cat"], count=1).hits[0].row
    vector = searchable.vectors_of(searchable.pictures)[row].astype(np.float32)
    result = search.by_picture("cat.png", vector, count=3, nouns=2, among="nouns")
    assert (result.hits[0].row, result.title, result.taken) == (row, "cat.png", ())
    assert result.hits[0].cosine == pytest.approx(1, abs=1e-5)
    expected = searchable.noun_units @ vector
    assert [noun.label for noun in result.nouns] == [("animal", "dog", "cat")[row] for row in np.argsort(-expected)[:2]]
    assert result.nouns[0].cosine == pytest.approx(expected.max(), abs=1e-5)
    assert (result.nouns[0].wnid, result.nouns[0].is_class) == (CAT, True)
    of_classes = search.by_picture("cat.png", vector, count=1, nouns=9, among="classes").nouns
    assert [noun.wnid for noun in of_classes] == [CAT, DOG]


def test_a_misspelt_word_is_told_with_what_may_have_been_meant(search: ImageSearch):
    with pytest.raises(ValueError, match=r"for 'domestic' in 'domestic dgo'; perhaps you meant: domestic_dog$"):
        search.by_words(["domestic dgo"], count=3)


def test_an_index_fits_the_current_rows_and_the_model_in_use_or_what_is_wrong_is_told(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    tiers = searchable.tiers
    wanted = wanted_index(tiers, search_model(tiers, "devise"), "photos")
    assert (wanted.name, wanted.encoder, wanted.version) == (INDEX, "devise@1", 1)
    found = find_index(tiers, wanted)
    assert (found.fitting, found.newest, found.problem) == (1, 1, "")
    register_model(searchable)
    newer = wanted_index(tiers, search_model(tiers, "devise"), "photos")
    found = find_index(tiers, newer)
    assert (found.fitting, found.newest) == (None, 1)
    assert found.problem == (
        "the index features-photos-devise is of version 1 of photos by devise@1; wanted is version 1 by devise@2"
    )
    publish_index(searchable, encoder="devise@2", shift=1)
    assert find_index(tiers, newer).fitting == 2
    # The older model, asked for by its number, has its own index still.
    assert find_index(tiers, wanted_index(tiers, search_model(tiers, "devise@1"), "photos")).fitting == 1
    with pytest.raises(UnknownDataset, match="paintings"):
        wanted_index(tiers, search_model(tiers, "devise"), "paintings")


def test_without_an_index_there_is_none_to_be_found(tmp_path: Path, searchable: Searchable):
    wanted = wanted_index(searchable.tiers, search_model(searchable.tiers, "devise"), "photos")
    elsewhere = type(searchable.tiers)(tmp_path, tmp_path)
    found = find_index(elsewhere, wanted)
    assert (found.fitting, found.newest, found.problem) == (None, None, "photos has no index by devise@1 yet")


def test_a_damaged_index_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    searchable = published_searchable(tmp_path)
    folder = searchable.tiers.authority(INDEX)
    for path in folder.objects.glob("features-*.json"):
        path.write_bytes(b"{}")
    found = find_index(
        searchable.tiers, wanted_index(searchable.tiers, search_model(searchable.tiers, "devise"), "photos")
    )
    assert (found.fitting, found.newest) == (None, None)
    assert "version 1 of features-photos-devise is passed over" in caplog.text


def test_a_model_that_knows_no_words_is_refused(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    folder = new_model(searchable.tiers.slow, "digits")
    promoted(folder, registered(folder))
    with pytest.raises(ValueError, match="digits was trained by digits, which knows no words; search needs a model of"):
        search_model(searchable.tiers, "digits")


def test_a_split_that_is_gone_costs_the_roles_and_not_the_search(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    searchable = published_searchable(tmp_path)
    for path in searchable.tiers.authority("splits-photos").versions.iterdir():
        path.unlink()
    with open_search(searchable.tiers, INDEX, number=1) as opened:
        assert {hit.role for hit in opened.by_words(["dog"], count=12).hits} == {""}
    assert "which classes devise@1 has seen is not told" in caplog.text


def test_the_words_that_a_model_learnt_are_searched_with_and_not_newer_ones(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    before = plain_order(searchable, searchable.noun_units[1], searchable.noun_units[2])
    published_words(searchable.tiers, seed=1)
    with open_search(searchable.tiers, INDEX, number=1) as opened:
        assert opened.maps.version.number == 1
        found = opened.by_words(["dog"], count=12).hits
        assert [hit.row for hit in found] == [row for _, row in before]
    with open_search(searchable.tiers, INDEX, number=1, words="words") as opened:
        assert opened.maps.version.number == 2


def test_an_index_of_vectors_that_are_not_of_word_space_is_refused(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    publish_index(searchable, length=1.5)
    said = r"features-photos-devise has vectors of lengths from 1.5 to 1.5, not 1: devise@1 puts pictures elsewhere"
    with pytest.raises(ValueError, match=said), open_search(searchable.tiers, INDEX, number=2):
        pass


def test_nouns_are_searched_in_the_space_that_the_model_learnt(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    register_model(searchable, settings="hypernym_weight = 0.5\n")
    publish_index(searchable, encoder="devise@2")
    tiers = searchable.tiers
    with open_class_splits(tiers, "splits-photos") as splits, open_search(tiers, INDEX, number=2) as search:
        nouns, pairs = search.maps.nouns, np.asarray(splits.hypernyms)
        everyone = np.arange(len(nouns.names))
        expected = noun_space(nouns, hypernyms=pairs, weight=0.5).units(everyone)
        np.testing.assert_array_equal(search.space.units(everyone), expected)
        assert np.abs(expected - noun_space(nouns).units(everyone)).max() > 0.05
        asked = search.by_words(["dog"], count=1).hits[0]
        vector = searchable.vectors_of(searchable.pictures)[asked.row]
        assert asked.cosine == pytest.approx(float(vector @ expected[nouns.rows[DOG]]), abs=1e-5)


def test_without_the_splits_that_tell_what_is_above_a_noun_such_a_model_cannot_be_searched_with(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    register_model(searchable, settings="hypernym_weight = 0.5\n")
    publish_index(searchable, encoder="devise@2")
    for path in searchable.tiers.authority("splits-photos").versions.iterdir():
        path.unlink()
    with pytest.raises(UnknownDataset, match="splits-photos"), open_search(searchable.tiers, INDEX, number=2):
        pass
