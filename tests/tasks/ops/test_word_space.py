"""Word space: nouns without their mean, and drawn towards what they are kinds of, as a plain loop draws them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.ops.word_space import drawn_upwards, in_word_space, noun_centre, noun_space
from tests.tasks.ops.animal_words import animal_map


def test_in_word_space_nouns_have_no_mean_and_those_without_a_vector_stay_nothing():
    nouns = animal_map()
    centre = noun_centre(nouns)
    has_vector = nouns.has_vector
    np.testing.assert_allclose((nouns.vectors[has_vector] - centre).mean(axis=0), 0, atol=1e-6)
    moved = in_word_space(nouns.vectors, centre)
    assert np.linalg.norm(moved, axis=1).tolist() == pytest.approx([1.0] * 9 + [0.0])
    nothing = type(nouns)(np.zeros((2, 4), np.float32), nouns.table.slice(0, 2))
    with pytest.raises(ValueError, match="no noun of these word maps has a vector; make others: imagemill words"):
        noun_centre(nothing)


def plainly_drawn(units: NDArray[np.float32], pairs: list[tuple[int, int]], weight: float, rounds: int) -> np.ndarray:
    """What `drawn_upwards` says, one noun at a time."""

    def unit(vector: np.ndarray) -> np.ndarray:
        length = float(np.sqrt((vector**2).sum()))
        return vector / length if length > 1e-12 else np.zeros_like(vector)

    found = units.astype(np.float64)
    for _ in range(rounds):
        above = [sum((found[b] for a, b in pairs if a == row), np.zeros(units.shape[1])) for row in range(len(units))]
        drawn = [unit(own + weight * unit(up)) for own, up in zip(units.astype(np.float64), above, strict=True)]
        found = np.stack([new if own.any() else own * 0 for new, own in zip(drawn, units, strict=True)])
    return found


@given(st.data())
def test_each_noun_is_drawn_towards_the_mean_of_those_above_it(data: st.DataObject):
    count = data.draw(st.integers(1, 7))
    rows = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(rows, rows), max_size=9, unique=True))
    seed, weight = data.draw(st.integers(0, 99)), data.draw(st.sampled_from([0.3, 1.0, 2.5]))
    units = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    units[data.draw(st.integers(0, count)) :: 3] = 0
    found = drawn_upwards(units, np.array(pairs, np.int32).reshape(-1, 2), weight, rounds=3)
    np.testing.assert_allclose(found, plainly_drawn(units, pairs, weight, 3), atol=2e-4)
    assert found.dtype == np.float32


def test_kinds_of_one_thing_come_nearer_and_nothing_else_moves():
    nouns = animal_map()
    dog, retriever, ice = (nouns.names.index(wnid) for wnid in ("n00000005", "n00000006", "n00000009"))
    plain = noun_space(nouns)
    drawn = noun_space(nouns, hypernyms=np.array([[retriever, dog]]), weight=1.0)
    assert drawn.unit(retriever) @ drawn.unit(dog) > plain.unit(retriever) @ plain.unit(dog) + 0.01
    others, everyone = np.array([dog, ice]), np.arange(len(nouns.names))
    np.testing.assert_array_equal(drawn.units(others), plain.units(others))
    unweighted = noun_space(nouns, hypernyms=np.array([[retriever, dog]]))
    np.testing.assert_array_equal(unweighted.units(everyone), plain.units(everyone))


def test_another_word_lies_where_its_vector_is_less_the_mean_of_nouns():
    space = noun_space(animal_map())
    vector = np.array([3, 0, 0, 0], np.float64)
    expected = np.array([1, 0, 0, 0]) - space.centre
    np.testing.assert_allclose(space.word(vector), expected / np.linalg.norm(expected), atol=1e-6)
