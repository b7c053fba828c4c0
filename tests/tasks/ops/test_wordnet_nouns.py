"""All nouns are there, with what ImageNet calls them, what they are kinds of, and where they belong."""

from __future__ import annotations

import pytest

from tasks.ops.demo_classes import demo_classes
from tasks.ops.wordnet_nouns import BRANCHES, branch
from tests.tasks.ops.wordnet_examples import needs_wordnet, real_nouns

pytestmark = needs_wordnet


def test_there_are_82115_nouns_in_the_order_of_their_wnids():
    assert len(real_nouns()) == 82_115
    assert list(real_nouns()) == sorted(real_nouns())
    assert all(wnid == noun.wnid for wnid, noun in real_nouns().items())


def test_the_first_class_of_imagenet_is_the_tench():
    tench = real_nouns()["n01440764"]
    assert tench.lemmas == ("tench", "Tinca_tinca")
    assert tench.hypernyms == ("n01439121",)
    assert real_nouns()[tench.hypernyms[0]].lemmas[0] == "cyprinid"
    assert (
        tench.gloss
        == "freshwater dace-like game fish of Europe and western Asia noted for ability to survive outside water"
    )


def test_every_demo_class_is_a_noun_with_its_lemma():
    for each in demo_classes():
        assert each.lemma in real_nouns()[each.wnid].lemmas


def test_hypernyms_are_nouns_those_of_instances_too_and_only_entity_has_none():
    assert all(above in real_nouns() for noun in real_nouns().values() for above in noun.hypernyms)
    assert [noun.lemmas for noun in real_nouns().values() if not noun.hypernyms] == [("entity",)]
    einstein = next(noun for noun in real_nouns().values() if "Albert_Einstein" in noun.lemmas)
    assert [real_nouns()[wnid].lemmas[0] for wnid in einstein.hypernyms] == ["physicist"]


@pytest.mark.parametrize(
    ("wnid", "expected"),
    [
        ("n01440764", "animal"),
        ("n00015388", "animal"),  # animal itself, which WordNet files under Tops
        ("n00017222", "plant"),
        ("n00021265", "food"),
        ("n00007846", "person"),
        ("n00001740", "Tops"),  # entity
        ("n04536866", "artifact"),  # violin
        ("n07873807", "food"),  # pizza
    ],
)
def test_a_noun_belongs_to_the_branch_that_a_person_expects(wnid: str, expected: str):
    assert branch(real_nouns()[wnid]) == expected


def test_there_are_26_branches_and_each_has_nouns():
    assert len(BRANCHES) == 26
    assert {branch(noun) for noun in real_nouns().values()} == set(BRANCHES)
