"""The nouns near a picture: each notion once, by the name that fits it best."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ops.picture_nouns import nearest_nouns
from tasks.ops.word_space import noun_space
from tests.tasks.ops.animal_words import NOUNS, animal_map, expected_vector

ALL = np.flatnonzero(animal_map().has_vector)


def near(vector: tuple[float, ...], *, classes: frozenset[str] = frozenset(), rows=ALL, count: int = 9):
    nouns, wanted = animal_map(), expected_vector(vector).astype(np.float32)
    return nearest_nouns(wanted, nouns, noun_space(nouns), rows, classes, count=count)


def test_nouns_come_nearest_first_with_what_they_are_and_what_has_no_vector_never():
    found = near(NOUNS["n00000006"][1])
    units = {wnid: expected_vector(vector) for wnid, (_, vector) in NOUNS.items() if any(vector)}
    cosines = {wnid: float(unit @ units["n00000006"]) for wnid, unit in units.items() if wnid != "n00000002"}
    assert [noun.wnid for noun in found] == sorted(cosines, key=lambda wnid: -cosines[wnid])
    assert [noun.cosine for noun in found] == pytest.approx([cosines[noun.wnid] for noun in found], abs=1e-5)
    first = found[0]
    assert (first.label, first.branch, first.gloss, first.is_class) == ("golden_retriever", "animal", "a thing", False)


def test_of_nouns_with_one_vector_there_is_one_and_it_is_a_class_where_one_is():
    assert [noun.wnid for noun in near(NOUNS["n00000001"][1], count=1)] == ["n00000001"]
    (crane,) = near(NOUNS["n00000001"][1], classes=frozenset({"n00000002"}), count=1)
    assert (crane.wnid, crane.is_class) == ("n00000002", True)


def test_only_the_rows_that_are_given_are_looked_at():
    rows = np.array([4, 6])
    assert {noun.label for noun in near((0, 0, 1, 0), rows=rows)} == {"dog", "fox"}
    assert near((0, 0, 1, 0), rows=rows[:0]) == ()
