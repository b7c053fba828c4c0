"""A job is checked at the edge: each wrong value is named with what was expected, and a right one cannot change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flows.image_job import ImageJob
from storage.tiers import Tiers


def job(**changes: Any) -> ImageJob:
    given = {"source": "/images", "dataset": "demo", "slow": "/slow", "fast": "/fast"}
    return ImageJob.model_validate({**given, **changes})


def test_four_values_are_enough():
    made = job()
    assert (made.sizes, made.array_format, made.fidelity, made.rows_per_shard) == ((224,), "hdf5", "exact", 1024)
    assert (made.max_refused, made.seed, made.limit, made.access) == (0.01, 0, None, "random")
    assert made.workers == len(os.sched_getaffinity(0))
    assert made.tiers == Tiers(Path("/slow"), Path("/fast"))


def test_sizes_are_distinct_and_the_largest_comes_first():
    assert job(sizes=[72, 288, 224, 72]).sizes == (288, 224, 72)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "a/b"}, r"dataset\n.*letters, digits, '\.', '_' and '-' only, at most 64; got 'a/b'"),
        ({"dataset": ".."}, r"got '\.\.'"),
        ({"dataset": ""}, r"got ''"),
        ({"dataset": "-rf"}, r"got '-rf'"),
        ({"dataset": "demo\n"}, r"got 'demo\\n'"),
        ({"dataset": "x" * 65}, r"at most 64"),
        ({"array_format": "zarr"}, r"array_format\n.*unknown array format 'zarr'; known: bcolz, hdf5"),
        ({"sizes": []}, r"sizes\n.*at least 1 item"),
        ({"sizes": [0]}, r"sizes\.0\n.*greater than or equal to 1"),
        ({"sizes": [224, 4097]}, r"sizes\.1\n.*less than or equal to 4096"),
        ({"sizes": ["large"]}, r"sizes\.0\n.*valid integer"),
        ({"fidelity": "good"}, r"fidelity\n.*'exact' or 'fast'"),
        ({"interpolation": "nearest"}, r"interpolation\n.*'bilinear', 'bicubic' or 'lanczos'"),
        ({"limit": 0}, r"limit\n.*greater than or equal to 1"),
        ({"seed": -1}, r"seed\n.*greater than or equal to 0"),
        ({"seed": 2**63}, r"seed\n.*less than 9223372036854775808"),
        ({"workers": 0}, r"workers\n.*greater than or equal to 1"),
        ({"rows_per_shard": 0}, r"rows_per_shard\n.*greater than or equal to 1"),
        ({"rows_per_shard": 65537}, r"rows_per_shard\n.*less than or equal to 65536"),
        ({"max_refused": 1.01}, r"max_refused\n.*less than or equal to 1"),
        ({"max_refused": float("nan")}, r"max_refused\n"),
        ({"valid": -0.1}, r"valid\n.*greater than or equal to 0"),
        ({"valid": 0.7, "test": 0.4}, r"shares of the whole: 0\.7 \+ 0\.4 is more than 1"),
        ({"split_by": "name"}, r"split_by\n.*'source' or 'class'"),
        ({"access": "both"}, r"access\n.*'sequential' or 'random'"),
        ({"max_pixels": 0}, r"max_pixels\n.*greater than or equal to 1"),
        ({"max_scans": 0}, r"max_scans\n.*greater than or equal to 1"),
        ({"sise": 224}, r"sise\n.*not permitted"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(change: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        job(**change)


def test_whatever_is_missing_is_named():
    with pytest.raises(ValidationError) as caught:
        ImageJob.model_validate({})
    assert {error["loc"][0] for error in caught.value.errors()} == {"source", "dataset", "slow", "fast"}


def test_a_job_does_not_change_once_it_is_made():
    made = job()
    with pytest.raises(ValidationError, match="frozen"):
        made.seed = 3


def test_a_job_survives_the_way_through_json_as_prefect_stores_it():
    made = job(sizes=[72, 288], labels="/labels.csv", limit=5, workers=3)
    assert ImageJob.model_validate_json(made.model_dump_json()) == made


def test_every_parameter_is_described_for_the_form():
    described = ImageJob.model_json_schema()["properties"]
    assert [name for name, field in described.items() if not field.get("description")] in ([], ["interpolation"])


def settings_of(manifest: tuple[str, ...] | None = None, **changes: Any):
    return job(**changes).plan_settings(manifest, colour_policy=("white",), libraries=(("pillow", "12"),))


def test_what_decides_pixels_or_rows_decides_the_plan_and_nothing_else_does():
    usual = settings_of()
    alike: list[dict[str, Any]] = [{"workers": 7}, {"max_refused": 0.5}, {"access": "sequential"}, {"slow": "/other"}]
    assert all(settings_of(**change) == usual for change in alike)
    different = [
        settings_of(sizes=[8]),
        settings_of(array_format="bcolz"),
        settings_of(fidelity="fast"),
        settings_of(interpolation="lanczos"),
        settings_of(seed=1),
        settings_of(rows_per_shard=7),
        settings_of(limit=7),
        settings_of(("cat",)),
        settings_of(split_by="class"),
        settings_of(valid=0.1),
        settings_of(max_pixels=7),
        settings_of(max_scans=7),
    ]
    assert len({repr(settings) for settings in [usual, *different]}) == len(different) + 1
