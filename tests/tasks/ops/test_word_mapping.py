"""Maps: each noun and class has the vector of its rule, scaled to length 1, and says what it shares with whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.word_maps import MAP_SCHEMA
from tasks.ops.word_mapping import class_map, noun_map, row_in_any_case, rows_to_check
from tests.tasks.ops.kennel_words import RULES, Kennel, make_kennel

HALF = 0.5**0.5


@pytest.fixture(scope="module")
def kennel(tmp_path_factory: pytest.TempPathFactory) -> Kennel:
    return make_kennel(tmp_path_factory.mktemp("kennel"))


def test_every_noun_has_the_rule_the_words_and_the_direction_that_were_written_out_by_hand(kennel: Kennel):
    found = noun_map(kennel.nouns, kennel.words)
    assert dict(zip(found.names, found.rules, strict=True)) == RULES
    assert found.table.schema.equals(MAP_SCHEMA)
    assert found.table["words"].to_pylist() == [["animal"], ["dog"], ["dog"], ["dog"], ["cat"], ["Pack"], []]
    expected = [
        *([1, 0, 0, 0], [HALF, HALF, 0, 0], [HALF, HALF, 0, 0], [HALF, HALF, 0, 0]),
        *([0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]),
    ]
    np.testing.assert_allclose(found.vectors, expected, atol=1e-7)
    assert found.vectors.dtype == np.float32


def test_nouns_of_one_vector_name_each_other_and_borrowers_have_none_of_their_own(kennel: Kennel):
    found = noun_map(kennel.nouns, kennel.words)
    assert dict(zip(found.names, found.table["same_vector"].to_pylist(), strict=True)) == {
        "n00000010": [],
        "n00000020": ["n00000030", "n00000040"],
        "n00000030": ["n00000020", "n00000040"],
        "n00000040": ["n00000020", "n00000030"],
        "n00000050": [],
        "n00000060": [],
        "n00000070": [],
    }
    assert [name for name, own in zip(found.names, found.has_own_vector, strict=True) if own] == [
        *("n00000010", "n00000050", "n00000060"),
    ]


def test_lemmas_branch_and_gloss_are_those_of_wordnet(kennel: Kennel):
    found = noun_map(kennel.nouns, kennel.words)
    assert found.labels == ("animal", "dog", "guide_dog", "Laika", "cat", "pack", "flag")
    assert found.lemmas[1] == ["dog", "domestic_dog"]
    assert set(found.table["branch"].to_pylist()) == {"animal"}
    assert found.table["gloss"][2].as_py() == "a dog that leads people who are blind"


CLASSES = {
    "n00000050": ("exact phrase", ["cat"]),
    "n00000030": ("head word", ["dog"]),
    "dog": ("exact phrase", ["dog"]),
    " DOG ": ("case variant", ["dog"]),
    "guide  dog": ("head word", ["dog"]),
    "cat dog zzz": ("mean of parts", ["cat", "dog"]),
    "c-at": ("hyphen or spacing", ["cat"]),
    "n00000070": ("no vector", []),
    "n99999999": ("no vector", []),
    "zzz": ("no vector", []),
    " ": ("no vector", []),
}


def test_classes_are_wnids_or_else_names_and_keep_their_order_and_spelling(kennel: Kennel):
    found = class_map(CLASSES, kennel.nouns, kennel.words)
    assert found.names == tuple(CLASSES)
    got = zip(found.rules, found.table["words"].to_pylist(), strict=True)
    assert dict(zip(found.names, got, strict=True)) == CLASSES
    assert found.labels == (
        *("cat", "guide_dog", "dog", "DOG", "guide_dog", "cat_dog_zzz", "c-at", "flag", "n99999999", "zzz", " "),
    )
    assert found.table["branch"].to_pylist() == ["animal", "animal", *[""] * 5, "animal", *[""] * 3]
    assert found.has_vector.tolist() == [True] * 7 + [False] * 4


def test_the_mean_of_parts_is_that_of_their_directions_however_long_they_are(kennel: Kennel):
    found = class_map(["cat dog zzz"], kennel.nouns, kennel.words)
    mean = np.array([0 + HALF, 1 + HALF, 0, 0]) / 2
    np.testing.assert_allclose(found.vectors, [mean / np.linalg.norm(mean)], atol=1e-7)


def test_classes_share_vectors_among_themselves_only(kennel: Kennel):
    found = class_map(["n00000020", "dog", "cat"], kennel.nouns, kennel.words)
    assert found.table["same_vector"].to_pylist() == [["dog"], ["n00000020"], []]
    assert class_map(["n00000020"], kennel.nouns, kennel.words).has_own_vector.tolist() == [True]


def test_a_dataset_without_classes_has_an_empty_map(kennel: Kennel):
    found = class_map([], kennel.nouns, kennel.words)
    assert (len(found), found.vectors.shape, found.table.num_rows) == (0, (0, 4), 0)


def test_words_to_check_stand_below_the_nouns_in_whatever_case_they_have(kennel: Kennel):
    nouns = noun_map(kennel.nouns, kennel.words)
    rows = rows_to_check(nouns, kennel.words)
    assert rows.words == {"violin": 7}
    assert rows.synsets == {name: row for row, name in enumerate(RULES) if name != "n00000070"}
    np.testing.assert_allclose(rows.vectors[7], [0, HALF, HALF, 0], atol=1e-7)
    np.testing.assert_array_equal(rows.vectors[:7], nouns.vectors)


def test_a_word_is_found_as_it_is_spelled_or_else_in_other_case(kennel: Kennel, tmp_path: Path):
    assert [row_in_any_case(word, kennel.words) for word in ("dog", "DOG", "pack", "zzz")] == [2, 2, 4, None]
