"""Whatever comes and goes between two versions: who stays, stays in place, and nobody is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from storage.parameters import SplitRule
from storage.plans import LISTING_SCHEMA, Plan, PlanSettings, SourceTree
from tasks.ops.planning import Former, class_names, make_plan, needed_bytes, predecessors, rows_in_shard, same_listing
from tests.examples import PARAMETERS

SETTINGS = PlanSettings(PARAMETERS, seed=0, rows_per_shard=4, selection="everything")

Names = set[tuple[int, int]]
"""Class and number of each image."""
NAMES = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40)


def listing(names: Names, mtime_ns: int = 1) -> pa.Table:
    rows = [
        {"name": f"c{kind}/{number}.jpg", "class": f"c{kind}", "size": 10, "mtime_ns": mtime_ns}
        for kind, number in names
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["name"]), LISTING_SCHEMA)


def planned(table: pa.Table, former: Former | None = None, settings: PlanSettings = SETTINGS) -> Former:
    plan, shuffled = make_plan(table, former, dataset="d", source=SourceTree("/images", None), settings=settings)
    return Former(plan, shuffled)


def shards_of(made: Former) -> list[list[str]]:
    names = made.shuffled["name"].to_pylist()
    return [names[shard.first : shard.first + shard.count] for shard in made.plan.shards]


def keys_of(plan: Plan) -> list[str]:
    return [shard.key for shard in plan.shards]


@given(before=NAMES, after=NAMES, rows_per_shard=st.integers(1, 7), seed=st.integers(0, 3))
def test_additions_and_removals_keep_every_other_row_in_its_place(
    before: Names, after: Names, rows_per_shard: int, seed: int
):
    settings = replace(SETTINGS, rows_per_shard=rows_per_shard, seed=seed)
    first = planned(listing(before), settings=settings)
    second = planned(listing(after), first, settings)
    old_names = {name for shard in shards_of(first) for name in shard}
    kept = [[name for name in shard if tuple_of(name) in after] for shard in shards_of(first)]
    found = shards_of(second)
    survivors = [shard for shard in kept if shard]
    assert found[: len(survivors)] == survivors
    assert not any(name in old_names for shard in found[len(survivors) :] for name in shard)
    assert Counter(name for shard in found for name in shard) == Counter(listing(after)["name"].to_pylist())
    assert all(1 <= len(shard) <= rows_per_shard for shard in found)


@given(inputs=st.integers(1, 10**7), most=st.integers(1, 65536))
def test_few_inputs_make_several_shards_and_many_make_full_ones(inputs: int, most: int):
    rows = rows_in_shard(inputs, most)
    assert 1 <= rows <= most
    shards = -(-inputs // rows)
    if rows < most:
        assert shards <= 16
        assert shards >= 9 or rows == 64
    else:
        assert most <= 64 or inputs > 15 * most


def tuple_of(name: str) -> tuple[int, int]:
    kind, number = name.removeprefix("c").removesuffix(".jpg").split("/")
    return int(kind), int(number)


@given(before=NAMES, after=NAMES)
def test_shards_are_numbered_without_gaps_and_follow_each_other_without_gaps(before: Names, after: Names):
    made = planned(listing(after), planned(listing(before)))
    numbers = made.shuffled["shard"].to_pylist()
    assert numbers == sorted(numbers)
    assert sorted(set(numbers)) == list(range(len(made.plan.shards)))
    first = 0
    for number, shard in enumerate(made.plan.shards):
        assert (shard.first, shard.count) == (first, numbers.count(number))
        first += shard.count
    assert made.plan.listed == len(after)


@given(before=NAMES, after=NAMES)
def test_a_class_keeps_its_label_for_good_and_new_ones_follow(before: Names, after: Names):
    first = planned(listing(before))
    second = planned(listing(after), first)
    assert second.plan.classes[: len(first.plan.classes)] == first.plan.classes
    new = second.plan.classes[len(first.plan.classes) :]
    assert list(new) == sorted({f"c{kind}" for kind, _ in after} - set(first.plan.classes))
    for row in second.shuffled.to_pylist():
        assert second.plan.classes[row["label"]] == row["class"]


@given(names=NAMES, removed=NAMES)
def test_shards_that_lost_nobody_keep_their_key(names: Names, removed: Names):
    assume(names - removed)
    first = planned(listing(names))
    second = planned(listing(names - removed), first)
    whole = [
        shard.key
        for shard, members in zip(first.plan.shards, shards_of(first), strict=True)
        if not any(tuple_of(name) in removed for name in members)
    ]
    assert [key for key in keys_of(second.plan) if key in keys_of(first.plan)] == whole


@given(names=NAMES)
def test_the_same_listing_gives_the_same_plan(names: Names):
    table = listing(names)
    first, again = planned(table), planned(table)
    assert first.plan.identity == again.plan.identity
    assert first.shuffled.equals(again.shuffled)
    assert same_listing(table, first)
    assert planned(table, first).plan == first.plan


WHOLE = {(kind, number) for kind in range(3) for number in range(7)}


@pytest.mark.parametrize(
    "change",
    [
        {"sides": (8,)},
        {"array_format": "bcolz"},
        {"fidelity": "fast"},
        {"interpolation": "lanczos"},
        {"max_pixels": 49_999_999},
        {"max_scans": 63},
        {"colour_policy": ("alpha over black",)},
        {"split": SplitRule("class", valid=0.25, test=0.25)},
        {"libraries": (("pillow", "12.1"),)},
    ],
)
def test_any_other_parameter_gives_other_keys(change: dict[str, Any]):
    usual = planned(listing(WHOLE))
    other = planned(listing(WHOLE), settings=replace(SETTINGS, parameters=replace(PARAMETERS, **change)))
    assert not set(keys_of(usual.plan)) & set(keys_of(other.plan))
    assert usual.plan.identity != other.plan.identity


def test_another_seed_gives_another_order_and_no_other_rows():
    usual, other = planned(listing(WHOLE)), planned(listing(WHOLE), settings=replace(SETTINGS, seed=1))
    names, others = usual.shuffled["name"].to_pylist(), other.shuffled["name"].to_pylist()
    assert names != others
    assert sorted(names) == sorted(others)


def test_the_shuffled_order_is_not_the_sorted_one():
    names = planned(listing(WHOLE)).shuffled["name"].to_pylist()
    assert names != sorted(names)
    assert len({name.split("/")[0] for name in names[:7]}) > 1


def touched(table: pa.Table, *names: str) -> pa.Table:
    rows = [row | {"mtime_ns": 2} if row["name"] in names else row for row in table.to_pylist()]
    return pa.Table.from_pylist(rows, LISTING_SCHEMA)


def test_a_touched_file_gives_its_shard_a_new_key_and_the_old_one_as_predecessor():
    first = planned(listing(WHOLE))
    changed = touched(listing(WHOLE), "c1/3.jpg")
    second = planned(changed, first)
    place = next(place for place, shard in enumerate(shards_of(first)) if "c1/3.jpg" in shard)
    differing = [old != new for old, new in zip(keys_of(first.plan), keys_of(second.plan), strict=True)]
    assert differing == [number == place for number in range(len(differing))]
    assert predecessors(second.plan, second.shuffled, first) == {
        second.plan.shards[place].key: first.plan.shards[place].key
    }
    assert not same_listing(changed, first)


def test_a_shard_that_lost_a_row_and_one_that_is_new_have_no_predecessor():
    first = planned(listing(WHOLE))
    changed = (WHOLE - {(1, 3)}) | {(1, 8)}
    second = planned(listing(changed), first)
    assert len(set(keys_of(second.plan)) - set(keys_of(first.plan))) == 2
    assert predecessors(second.plan, second.shuffled, first) == {}
    assert predecessors(first.plan, first.shuffled, None) == {}


def test_a_shard_whose_label_changed_has_no_predecessor():
    first = planned(listing({(0, 1), (1, 1)}))
    rows = [row | {"class": "c1"} for row in listing({(0, 1), (1, 1)}).to_pylist()]
    second = planned(pa.Table.from_pylist(rows, LISTING_SCHEMA), first)
    assert keys_of(second.plan) != keys_of(first.plan)
    assert predecessors(second.plan, second.shuffled, first) == {}


def test_classes_that_went_keep_their_number():
    table = listing({(2, 1), (0, 1)})
    assert class_names(table, ("c1", "c2")) == ("c1", "c2", "c0")


def test_an_image_listed_twice_is_a_mistake():
    table = pa.concat_tables([listing({(0, 1)}), listing({(0, 1)})])
    with pytest.raises(ValueError, match="two inputs have the same row id; rename one of them"):
        planned(table)


def test_the_bytes_needed_are_those_of_every_listed_input_at_every_size():
    made = planned(listing(WHOLE))
    assert needed_bytes(made.plan, made.plan.shards) == 21 * 3 * (8 * 8 + 4 * 4)
    assert needed_bytes(made.plan, made.plan.shards[:1]) == 4 * 3 * (8 * 8 + 4 * 4)
    assert needed_bytes(made.plan, ()) == 0
