"""Depths and similarities by hand. That they are NLTK's, too, is tested where NLTK reads the same files."""

from __future__ import annotations

import pytest

from tasks.ops.wordnet_nouns import Noun
from tasks.ops.wordnet_taxonomy import Taxonomy


def taxonomy(**hypernyms: str) -> Taxonomy:
    nouns = {wnid: Noun(wnid, (wnid,), tuple(above.split()), "") for wnid, above in hypernyms.items()}
    return Taxonomy(nouns)


LIVING = taxonomy(entity="", animal="entity", plant="entity", dog="animal pet", pet="animal", cat="animal", pug="dog")


@pytest.mark.parametrize(
    ("wnid", "longest", "shortest"), [("entity", 0, 0), ("animal", 1, 1), ("dog", 3, 2), ("pug", 4, 3)]
)
def test_depth_is_the_longest_way_up_and_least_depth_the_shortest(wnid: str, longest: int, shortest: int):
    assert (LIVING.depth(wnid), LIVING.least_depth(wnid)) == (longest, shortest)


def test_ancestors_come_with_the_steps_of_the_shortest_way():
    assert LIVING.ancestors("pug") == {"pug": 0, "dog": 1, "animal": 2, "pet": 2, "entity": 3}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("dog", "dog", 1.0),
        ("dog", "cat", 2 * 2 / (2 * 2 + 1 + 1)),
        ("dog", "plant", 2 * 1 / (2 * 1 + 2 + 1)),
        ("pug", "dog", 2 * 4 / (2 * 4 + 1)),
    ],
)
def test_similarity_is_twice_the_depth_of_the_common_ancestor_over_the_depths_of_both(
    first: str, second: str, expected: float
):
    assert LIVING.wu_palmer(first, second) == LIVING.wu_palmer(second, first) == pytest.approx(expected)


def test_nouns_without_a_common_ancestor_have_nothing_in_common():
    assert taxonomy(thing="", idea="").wu_palmer("thing", "idea") == 0
