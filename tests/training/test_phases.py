"""Phases: what they say of each step, how TOML holds them, and what is wrong with those that cannot be."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.optimisers import Optimiser
from training.phases import Phase, phases_from_tables, tables_of
from training.ramps import Ramp, discriminative, spread_out
from training.toml_text import toml_text

RATES = st.floats(0, 10, allow_subnormal=False)
POSITIVE = st.floats(1e-8, 10)


@st.composite
def phases(draw: st.DrawFn) -> Phase:
    groups = draw(st.integers(1, 4))
    per_group = st.tuples(*[POSITIVE] * groups)
    level = st.one_of(POSITIVE, per_group)
    annealing = st.sampled_from(["none", "linear", "cosine", "exponential", "polynomial"])
    ramp = st.builds(Ramp, level, level, annealing, st.floats(0.5, 3))
    momentum = st.floats(0, 0.99)
    return Phase(
        epochs=draw(st.floats(0.01, 100)),
        learning_rate=draw(st.one_of(level, ramp)),
        optimiser=draw(st.sampled_from([Optimiser("sgd", nesterov=True), Optimiser("adam", beta2=0.9), Optimiser()])),
        momentum=draw(st.one_of(momentum, st.builds(Ramp, momentum, momentum))),
        weight_decay=draw(st.one_of(RATES, per_group)),
        side=draw(st.one_of(st.none(), st.integers(1, 512))),
        batch_size=draw(st.one_of(st.none(), st.integers(1, 64))),
        frozen=draw(st.integers(0, groups - 1)),
        divergence=draw(st.one_of(st.none(), st.floats(1.5, 10))),
    )


@given(st.lists(phases(), min_size=1, max_size=3))
def test_phases_come_back_from_toml_equal(given_phases: list[Phase]):
    text = toml_text({"phases": tables_of(given_phases)})
    assert phases_from_tables(tomllib.loads(text)["phases"]) == given_phases


def test_phases_are_read_as_a_person_writes_them():
    text = """
    [[phases]]
    epochs = 1
    learning_rate = 1e-3
    optimiser = "sgd"

    [[phases]]
    epochs = 0.5
    learning_rate = {start = 0.01, end = 0.0, annealing = "cosine"}
    momentum = [0.8, 0.9]
    side = 128
    """
    assert phases_from_tables(tomllib.loads(text)["phases"]) == [
        Phase(1, 1e-3, Optimiser("sgd")),
        Phase(0.5, Ramp(0.01, 0.0, "cosine"), momentum=(0.8, 0.9), side=128),
    ]


def test_each_layer_group_has_its_own_ramp():
    phase = Phase(1, Ramp((1e-4, 1e-2), 0.0, "linear"), momentum=Ramp(0.95, 0.85), weight_decay=(0.0, 0.1))
    rates = phase.rates(0.25)
    assert rates.learning_rate == pytest.approx((0.75e-4, 0.75e-2))
    assert rates.momentum == pytest.approx(0.925)
    assert rates.weight_decay == (0.0, 0.1)


def test_discriminative_rates_are_evenly_spread_by_ratio():
    assert discriminative(1e-5, 1e-3, 3) == pytest.approx((1e-5, 1e-4, 1e-3))
    assert discriminative(1e-5, 1e-3, 1) == (1e-3,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "more than 0 epochs, got 0"),
        ({"epochs": float("nan")}, "more than 0 epochs, got nan"),
        ({"learning_rate": -1e-3}, r"a learning rate cannot be below 0, got -0.001"),
        ({"learning_rate": float("inf")}, "expected a finite number, or one for each layer group, got inf"),
        ({"learning_rate": ()}, r"expected a finite number, or one for each layer group, got \(\)"),
        ({"momentum": 1.0}, r"a momentum lies in \[0, 1\), got 1.0"),
        ({"momentum": float("nan")}, r"a momentum lies in \[0, 1\), got nan"),
        ({"weight_decay": -1.0}, "a weight decay cannot be below 0, got -1.0"),
        ({"side": 0}, "at least 1 pixel, got 0"),
        ({"batch_size": 0}, "a batch has at least 1 row, got 0"),
        ({"divergence": 1.0}, "a divergence is a factor above 1, got 1.0"),
        ({"frozen": -1}, "frozen layer groups is 0 or more, got -1"),
        ({"learning_rate": (1e-3, 1e-2), "frozen": 2}, "frozen layer groups is 0 to 1, got 2"),
        ({"learning_rate": (1e-3, 1e-2), "momentum": (0.9,) * 3}, "numbers for 2 and for 3 layer groups"),
    ],
)
def test_a_phase_that_cannot_be_says_why(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Phase(**{"epochs": 1, "learning_rate": 1e-3} | fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ramp(0.0, 1.0, "exponential"), "an exponential ramp needs numbers above 0, got 0.0 to 1.0"),
        (lambda: Ramp(1.0, 0.0, "polynomial", 0), "the power of a ramp must be above 0, got 0"),
        (lambda: Ramp(1.0, 0.0, "sine"), "no annealing 'sine'"),
        (lambda: Ramp((1.0, 2.0), (1.0,)), "for 1 and for 2 layer groups"),
        (lambda: Optimiser("lion"), "no optimiser 'lion'; there are: sgd, adam, adamw, rmsprop"),
        (lambda: Optimiser("sgd", beta2=0.9), "sgd has no beta2; it has: nesterov"),
        (lambda: spread_out((1.0, 2.0), 3), "2 numbers are given, .*, and the network has 3 layer groups"),
        (lambda: discriminative(0.0, 1.0, 2), "expected numbers above 0"),
    ],
)
def test_what_phases_are_made_of_is_checked_too(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"epochs": 1}, r"^phases: 0.learning_rate: field required"),
        ({"epochs": 1, "learning_rate": 0.1, "epoch": 2}, r"0.epoch: "),
        (
            {"epochs": 1, "learning_rate": {"start": 0.1, "end": 0.0, "annealing": "sine"}},
            "^phases: .*no annealing 'sine'",
        ),
        (
            {"epochs": 1, "learning_rate": 0.1, "optimiser": "lion"},
            "^phases: 0.optimiser: there is no optimiser 'lion'",
        ),
    ],
)
def test_a_table_that_is_no_phase_is_answered_with_its_place(table: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        phases_from_tables([table])
