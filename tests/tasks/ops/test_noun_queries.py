"""A question: which noun each word is taken for, what else it may mean, and the vector that all come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.ops.noun_queries import Question, QuestionReader
from tasks.ops.word_space import noun_centre
from tests.tasks.ops.animal_words import NOUNS, WORDS, animal_map, animal_words, expected_vector


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> QuestionReader:
    return QuestionReader(animal_map(), animal_words(tmp_path_factory.mktemp("words") / "vectors"))


def taken(question: Question) -> list[tuple[str, str, str | None]]:
    return [(one.asked, one.how, one.sense.wnid if one.sense else None) for one in question.taken]


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        (["dog"], [("dog", "noun", "n00000005")]),
        (["Golden  Retriever"], [("Golden_Retriever", "noun", "n00000006")]),
        (["golden-retriever"], [("golden-retriever", "noun", "n00000006")]),
        (["ice cream"], [("ice_cream", "noun", "n00000009")]),
        (["domestic dogs"], [("domestic_dogs", "plural", "n00000005")]),
        (["foxes"], [("foxes", "plural", "n00000007")]),
        (["n00000004"], [("n00000004", "noun", "n00000004")]),
        (["hot dog"], [("hot_dog", "noun", "n00000004")]),
        (["furry"], [("furry", "word", None)]),
        (["in"], [("in", "noun", "n00000008")]),
    ],
)
def test_a_word_is_taken_for_the_noun_that_it_most_likely_means(
    reader: QuestionReader, phrases: list[str], expected: list[tuple[str, str, str | None]]
):
    question = reader.question(phrases)
    assert taken(question) == expected
    ((asked, _, wnid),) = expected
    vector = NOUNS[wnid][1] if wnid else WORDS[asked]
    np.testing.assert_allclose(question.vector, expected_vector(vector), atol=1e-6)


def test_a_name_of_several_nouns_is_told_with_those_that_it_may_mean_besides(reader: QuestionReader):
    (dog,) = reader.question(["dog"]).taken
    # Of the frank it is the third name only, and the unicorn has no vector.
    assert [other.wnid for other in dog.others] == ["n00000004"]
    assert dog.shared == 0
    (crane,) = reader.question(["crane"]).taken
    assert (crane.sense and crane.sense.wnid, crane.shared) == ("n00000001", 1)
    assert [other.wnid for other in crane.others] == ["n00000003"]
    (poet,) = reader.question(["Crane"]).taken
    assert (poet.sense and poet.sense.wnid) == "n00000003"


def test_of_equally_usual_nouns_a_class_of_the_dataset_comes_first(tmp_path: Path):
    preferring = QuestionReader(
        animal_map(), animal_words(tmp_path / "words"), preferred=frozenset({"n00000002", "n00000004"})
    )
    assert taken(preferring.question(["crane", "dog"])) == [
        ("crane", "noun", "n00000002"),
        ("dog", "noun", "n00000005"),
    ]


def test_of_equally_usual_nouns_one_that_a_picture_can_show_comes_first(tmp_path: Path):
    nouns = animal_map()
    column = nouns.table.column_names.index("branch")
    branches = ["event" if name == "n00000001" else "animal" for name in nouns.names]
    table = nouns.table.set_column(column, nouns.table.schema.field(column), [branches])
    reader = QuestionReader(type(nouns)(nouns.vectors, table), animal_words(tmp_path / "words"))
    (crane,) = reader.question(["crane"]).taken
    assert (crane.sense and crane.sense.wnid, crane.shared) == ("n00000002", 1)


def test_a_phrase_that_is_no_noun_falls_into_as_few_parts_as_it_can_and_small_words_are_passed_over(
    reader: QuestionReader,
):
    question = reader.question(["a furry golden retriever in the crane"])
    assert taken(question) == [
        ("furry", "word", None),
        ("golden_retriever", "noun", "n00000006"),
        ("crane", "noun", "n00000001"),
    ]
    assert question.passed_over == ("a", "in", "the")
    np.testing.assert_allclose(question.vector, expected_vector((5, 0, 0, 0), (2, 1, 0, 0), (0, 0, 3, 0)), atol=1e-6)


def test_several_phrases_are_averaged_as_their_parts_are(reader: QuestionReader):
    expected = expected_vector(NOUNS["n00000005"][1], NOUNS["n00000007"][1])
    np.testing.assert_allclose(reader.question(["dog", "fox"]).vector, expected, atol=1e-6)
    np.testing.assert_allclose(reader.question(["dog fox"]).vector, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("phrases", "said"),
    [
        (["golden retreiver"], "for 'golden' in 'golden retreiver'; perhaps you meant: golden_retriever$"),
        (["fxo"], "for 'fxo'; perhaps you meant: fox$"),
        (["xylophones"], "for 'xylophones'; nothing is spelled like it$"),
        # The unicorn is a noun that has no vector by whatever rule.
        (["unicorn"], "for 'unicorn'; nothing is spelled like it$"),
        (["dog", "fxo"], "for 'fxo'; perhaps you meant: fox$"),
        (["n00000010"], "no noun of WordNet 3.0 that has a vector is n00000010"),
        (["  "], "nothing to search for in '  '; name a noun"),
        (["of the"], "nothing to search for in 'of the'; name a noun"),
        (["dog " * 13], "a phrase may have 12 words, got 13"),
    ],
)
def test_what_is_not_known_is_told_with_what_may_have_been_meant(reader: QuestionReader, phrases: list[str], said: str):
    with pytest.raises(ValueError, match=said):
        reader.question(phrases)


class TwoWords:
    """The words hither and thither: from the centre of the nouns they lie in opposite directions."""

    def __init__(self, centre: np.ndarray) -> None:
        one = np.array([1, 0, 0, 0]) - centre
        along = -one / np.linalg.norm(one)
        half = along @ centre
        # Where the ray from the centre, away from the one, meets the sphere of unit vectors.
        other = centre + along * (-half + np.sqrt(half**2 + 1 - centre @ centre))
        self.vectors = np.stack([np.array([1, 0, 0, 0]), other]).astype(np.float32)

    def row(self, word: str) -> int | None:
        return {"hither": 0, "thither": 1}.get(word)

    def row_of_lower(self, word: str) -> int | None:
        return None


def test_words_that_cancel_each_other_out_mean_nothing():
    reader = QuestionReader(animal_map(), TwoWords(noun_centre(animal_map()).astype(np.float64)))
    assert reader.question(["hither"]).vector == pytest.approx(-reader.question(["thither"]).vector, abs=1e-5)
    with pytest.raises(ValueError, match="the vectors of hither, thither cancel each other out"):
        reader.question(["hither", "thither"])
