"""What is near a word, and how near two words are, as a person asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from storage.word_maps import WordMap
from tasks.ops.word_lookup import compared, near_word
from tasks.ops.word_mapping import noun_map
from tests.tasks.ops.kennel_words import Kennel, make_kennel

HALF = 0.5**0.5


@dataclass(frozen=True)
class Asked:
    kennel: Kennel
    nouns: WordMap


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    kennel = make_kennel(tmp_path_factory.mktemp("kennel"))
    return Asked(kennel, noun_map(kennel.nouns, kennel.words))


def near(asked: Asked, word: str, count: int = 10) -> list[str]:
    return [noun.name for noun in near_word(word, asked.nouns, asked.kennel.words, count=count).nouns]


def test_the_nearest_nouns_come_first_without_the_word_itself(asked: Asked):
    assert near(asked, "dog", 4) == ["guide_dog", "Laika", "animal", "cat"]
    assert near(asked, "dog", 1) == ["guide_dog"]
    assert near(asked, "cat", 3) == ["dog", "guide_dog", "Laika"]


def test_a_word_is_told_with_its_senses_and_each_noun_with_what_it_is(asked: Asked):
    found = near_word("domestic  dog", asked.nouns, asked.kennel.words, count=1)
    assert found.word == "domestic_dog"
    (sense,) = found.senses
    assert (sense.name, sense.wnid, sense.branch) == ("dog", "n00000020", "animal")
    assert sense.gloss.startswith("a domestic animal")
    assert sense.cosine == pytest.approx(1)
    (noun,) = found.nouns
    assert (noun.wnid, noun.gloss) == ("n00000030", "a dog that leads people who are blind")
    assert noun.cosine == pytest.approx(1)


def test_case_and_spaces_do_not_count_and_a_word_may_be_no_noun(asked: Asked):
    assert near(asked, "DOG", 4) == near(asked, "dog", 4)
    found = near_word("violin", asked.nouns, asked.kennel.words, count=2)
    assert (found.senses, [noun.name for noun in found.nouns]) == ((), ["cat", "pack"])
    assert [noun.cosine for noun in found.nouns] == pytest.approx([HALF, HALF])


def test_a_noun_without_a_word_of_its_own_is_asked_for_by_the_vector_of_its_map(asked: Asked):
    assert near(asked, "Guide dog", 3) == ["dog", "Laika", "animal"]
    found = compared("guide_dog", "dog", asked.nouns, asked.kennel.words)
    assert (found.first, found.second, found.nearer) == ("guide_dog", "dog", 0)
    assert found.cosine == pytest.approx(1)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("giude_dog", "guide_dog"),
        ("cta", "cat"),
        ("xylophones", "nothing that is like it"),
        ("", "nothing that is like it"),
        # It is a noun, and has no vector by whatever rule.
        ("flag", "nothing that is like it"),
    ],
)
def test_a_word_without_a_vector_is_an_error_with_what_may_have_been_meant(asked: Asked, word: str, meant: str):
    for ask in (
        lambda: near_word(word, asked.nouns, asked.kennel.words, count=3),
        lambda: compared("dog", word, asked.nouns, asked.kennel.words),
    ):
        with pytest.raises(ValueError, match=rf"^there is no vector for '{word}'; perhaps you meant: {meant}"):
            ask()


def test_two_words_are_compared_and_nearer_nouns_counted_without_those_of_the_first(asked: Asked):
    found = compared("dog", "cat", asked.nouns, asked.kennel.words)
    assert found.cosine == pytest.approx(HALF)
    # guide_dog and Laika have the very vector of dog; animal is as near as cat is.
    assert (found.nearer, found.nouns) == (2, 7)
    assert compared("cat", "dog", asked.nouns, asked.kennel.words).nearer == 0
    assert compared("cat", "pack", asked.nouns, asked.kennel.words).nearer == 3
    assert compared("dog", "DOG", asked.nouns, asked.kennel.words).cosine == 1
