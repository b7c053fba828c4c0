"""Annealings against values worked out by hand, and what holds for all of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.annealing import ANNEALINGS, annealed

VALUES = st.floats(1e-6, 10)
SHARES = st.floats(0, 1)
MOVING = sorted(set(ANNEALINGS) - {"none"})


@pytest.mark.parametrize(
    ("annealing", "power", "expected"),
    [
        ("none", 1, [8, 8, 8, 8, 8]),
        ("linear", 1, [8, 6.5, 5, 3.5, 2]),
        # 2 + 6 (1 + cos(iπ/4)) / 2, the cosines being 1, √½, 0, -√½, -1
        ("cosine", 1, [8, 5 + 3 * math.sqrt(0.5), 5, 5 - 3 * math.sqrt(0.5), 2]),
        ("exponential", 1, [8, 8 / math.sqrt(2), 4, 4 / math.sqrt(2), 2]),
        ("polynomial", 2, [8, 2 + 6 * 9 / 16, 3.5, 2 + 6 / 16, 2]),
    ],
)
def test_values_worked_out_by_hand(annealing: str, power: float, expected: list[float]):
    found = [annealed(8, 2, step / 4, annealing=annealing, power=power) for step in range(5)]
    assert found == pytest.approx(expected)


@given(start=VALUES, end=VALUES, power=st.floats(0.2, 5))
@pytest.mark.parametrize("annealing", MOVING)
def test_all_begin_at_the_start_and_finish_at_the_end(annealing: str, start: float, end: float, power: float):
    assert annealed(start, end, 0, annealing=annealing, power=power) == pytest.approx(start)
    assert annealed(start, end, 1, annealing=annealing, power=power) == pytest.approx(end)


@given(start=VALUES, end=VALUES, share=SHARES, later=SHARES)
@pytest.mark.parametrize("annealing", MOVING)
def test_none_ever_turns_back(annealing: str, start: float, end: float, share: float, later: float):
    early, late = sorted((share, later))
    first, second = (annealed(start, end, each, annealing=annealing) for each in (early, late))
    assert (second - first) * (end - start) >= -1e-12
    assert min(start, end) - 1e-9 <= first <= max(start, end) + 1e-9


@given(start=VALUES, end=VALUES, share=SHARES)
def test_a_polynomial_of_power_1_is_linear(start: float, end: float, share: float):
    found = annealed(start, end, share, annealing="polynomial", power=1)
    assert found == pytest.approx(annealed(start, end, share, annealing="linear"), abs=1e-9)


def test_an_unknown_annealing_is_answered_with_those_that_there_are():
    with pytest.raises(ValueError, match="no annealing 'cos'; there are: none, linear, cosine, exp"):
        annealed(1, 0, 0.5, annealing="cos")
