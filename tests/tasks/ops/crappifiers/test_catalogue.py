"""What every defect promises, whatever it does."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.catalogue import CRAPPIFIERS
from tasks.ops.pair_recipe import Step
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, noise, rng

every_defect = pytest.mark.parametrize("name", CRAPPIFIERS)


def default_parameters(name: str) -> Any:
    return CRAPPIFIERS[name].parameters(*(["1/4"] if name == "shrink" else []))


@every_defect
@given(height=SIDES, width=SIDES, seed=SEEDS)
@example(height=1, width=1, seed=0)
@example(height=1, width=300, seed=1)
@example(height=300, width=1, seed=2)
@settings(max_examples=15, deadline=None)
def test_any_size_gives_a_new_image_from_the_draws_alone(name: str, height: int, width: int, seed: int):
    image, parameters = noise(height, width), default_parameters(name)
    first = CRAPPIFIERS[name].inflict(image, rng(seed), parameters)
    again = CRAPPIFIERS[name].inflict(image, rng(seed), parameters)
    assert first.dtype == np.uint8
    if name != "shrink":
        assert first.shape == image.shape
    assert np.array_equal(first, again)
    assert first.flags.writeable
    assert first.flags.c_contiguous
    assert not np.shares_memory(first, image)


@every_defect
def test_a_defect_is_seen_on_a_picture_and_some_draw_other_ones(name: str):
    image, parameters = noise(96, 96), default_parameters(name)
    results = [CRAPPIFIERS[name].inflict(image, rng(seed), parameters) for seed in range(5)]
    assert all(result.shape != image.shape or not np.array_equal(result, image) for result in results)
    alike = all(np.array_equal(result, results[0]) for result in results)
    assert alike == (name in ("grey", "shrink"))


@every_defect
def test_a_window_on_a_larger_array_will_do(name: str):
    whole = noise(80, 80)
    window, parameters = whole[10:70, 5:65], default_parameters(name)
    assert not window.flags.c_contiguous
    from_window = CRAPPIFIERS[name].inflict(window, rng(), parameters)
    assert np.array_equal(from_window, CRAPPIFIERS[name].inflict(window.copy(), rng(), parameters))


@every_defect
def test_parameters_are_values_whose_keys_a_recipe_has_not_taken(name: str):
    parameters = default_parameters(name)
    assert parameters == default_parameters(name)
    assert hash(parameters) == hash(default_parameters(name))
    keys = {field.name for field in dataclasses.fields(parameters)}
    assert not keys & {field.name for field in dataclasses.fields(Step)}
    assert "`" in (type(parameters).__doc__ or "") or not keys


@every_defect
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_a_range_the_wrong_way_round_beyond_its_limits_or_nan_is_refused(name: str, data: st.DataObject):
    parameters = default_parameters(name)
    ranges = {key: value for key, value in dataclasses.asdict(parameters).items() if isinstance(value, tuple)}
    for key, (low, high) in ranges.items():
        wrong = data.draw(st.sampled_from([(high + 1, low), (low, 1e9), (-1e9, high), (float("nan"), high)]))
        with pytest.raises(ValueError, match=rf"^{key} must be \[lowest, highest\] within .* to .*, got \["):
            dataclasses.replace(parameters, **{key: wrong})


@every_defect
def test_an_unknown_choice_is_answered_with_the_known_ones(name: str):
    parameters = default_parameters(name)
    for field in dataclasses.fields(parameters):
        current = getattr(parameters, field.name)
        if isinstance(current, str) and field.name != "side":
            with pytest.raises(ValueError, match=rf"^{field.name} must be one of .*{current}.*, got 'nonsense'"):
                dataclasses.replace(parameters, **{field.name: "nonsense"})
