"""Splits and the table of rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3

from storage.errors import DamagedDataset
from storage.parameters import SplitRule
from storage.row_tables import ROWS_SCHEMA, read_rows_table, rows_table, split_of

BY_SOURCE = SplitRule("source", valid=0.1, test=0.05)
BY_CLASS = SplitRule("class", valid=0.2, test=0.2)


def random_sources(count: int) -> list[str]:
    content = np.random.default_rng(0).bytes(32 * count)
    return [content[first : first + 32].hex() for first in range(0, len(content), 32)]


def test_splits_by_source_have_the_shares_that_were_asked_for():
    count = 40_000
    counts = Counter(split_of(BY_SOURCE, source=source, class_name="cat") for source in random_sources(count))
    for split, share in (("test", 0.05), ("valid", 0.1), ("train", 0.85)):
        # Six standard deviations of the binomial distribution.
        assert abs(counts[split] - share * count) < 6 * (count * share * (1 - share)) ** 0.5
    assert counts.total() == count


def test_splits_by_source_do_not_look_at_the_class_and_splits_by_class_not_at_the_source():
    for source in random_sources(100):
        assert len({split_of(BY_SOURCE, source=source, class_name=name) for name in ("cat", "dog", "")}) == 1
    for number in range(100):
        splits = {split_of(BY_CLASS, source=source, class_name=f"class {number}") for source in random_sources(20)}
        assert len(splits) == 1


def test_splits_by_class_have_about_the_shares_that_were_asked_for():
    counts = Counter(split_of(BY_CLASS, source="", class_name=f"n{number:08d}") for number in range(5_000))
    for split, share in (("test", 0.2), ("valid", 0.2), ("train", 0.6)):
        assert abs(counts[split] - share * 5_000) < 6 * (5_000 * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(
    ("rule", "split"),
    [
        (SplitRule("source", valid=0, test=0), "train"),
        (SplitRule("source", valid=1, test=0), "valid"),
        (SplitRule("source", valid=0, test=1), "test"),
    ],
)
def test_a_share_of_none_or_all_means_it(rule: SplitRule, split: str):
    for source in ("0" * 64, "f" * 64, *random_sources(20)):
        assert split_of(rule, source=source, class_name="cat") == split


def test_a_larger_share_of_test_takes_rows_in_and_puts_none_out():
    for source in random_sources(500):
        if split_of(SplitRule("source", valid=0.1, test=0.1), source=source, class_name="") == "test":
            assert split_of(SplitRule("source", valid=0.1, test=0.2), source=source, class_name="") == "test"


def test_the_split_of_known_rows_never_changes():
    # Written down once: a change here moves rows of published datasets between train and test.
    assert split_of(BY_SOURCE, source="0ccc" + "0" * 60, class_name="") == "test"
    assert split_of(BY_SOURCE, source="0ccd" + "0" * 60, class_name="") == "valid"
    assert split_of(BY_SOURCE, source="2666" + "0" * 60, class_name="") == "valid"
    assert split_of(BY_SOURCE, source="2667" + "0" * 60, class_name="") == "train"
    point = int(blake3(b"n01440764").hexdigest()[:16], 16) / 2**64
    expected = "test" if point < 0.2 else "valid" if point < 0.4 else "train"
    assert split_of(BY_CLASS, source="", class_name="n01440764") == expected


def test_the_table_has_a_line_for_each_row_in_order():
    sources = random_sources(3)
    table = rows_table(["b", "a", "b"], [1, 0, 1], sources, classes=("cat", "dog"), rule=BY_CLASS)
    assert table.schema == ROWS_SCHEMA
    assert table["name"].to_pylist() == ["b", "a", "b"]
    assert table["label"].to_pylist() == [1, 0, 1]
    assert table["source"].to_pylist() == sources
    assert table["id"].to_pylist() == [int(blake3(name).hexdigest()[:16], 16) for name in (b"b", b"a", b"b")]
    splits = [split_of(BY_CLASS, source="", class_name=name) for name in ("dog", "cat", "dog")]
    assert table["split"].to_pylist() == splits


def test_a_table_of_no_rows_has_its_columns():
    assert rows_table([], [], [], classes=(), rule=BY_SOURCE).schema == ROWS_SCHEMA


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        rows_table(["a", "b"], [0, 0], ["0" * 64], classes=("cat",), rule=BY_SOURCE)


# ---- Tables that somebody else may have written


def stored_table(path: Path, **changed: object) -> Path:
    columns = {"name": ["a", "b"], "label": [0, 1], "split": ["train", "test"], "id": [1, 2], "source": ["x", "y"]}
    columns |= changed
    pq.write_table(pa.table({name: columns[name] for name in ROWS_SCHEMA.names}, schema=ROWS_SCHEMA), path)
    return path


def test_a_table_comes_back(tmp_path: Path):
    assert read_rows_table(stored_table(tmp_path / "a"), rows=2, classes=2)["label"].to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"label": [0, 2]}, "labels from 0 to 2, the version has 2 classes"),
        ({"label": [-1, 0]}, "labels from -1 to 0"),
        ({"label": [None, 0]}, "rows with nothing in them"),
        ({"name": ["a", None]}, "rows with nothing in them"),
        ({"source": [None, None]}, "rows with nothing in them"),
    ],
)
def test_a_table_that_says_what_cannot_be_is_damage(tmp_path: Path, changed: dict[str, object], told: str):
    with pytest.raises(DamagedDataset, match=told):
        read_rows_table(stored_table(tmp_path / "a", **changed), rows=2, classes=2)


def test_a_table_of_another_length_is_damage_before_it_is_unpacked(tmp_path: Path):
    with pytest.raises(DamagedDataset, match="a should list 3 rows, it lists 2"):
        read_rows_table(stored_table(tmp_path / "a"), rows=3, classes=2)
