"""Paths below a dataset: nothing that a record says leads out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import DamagedDataset
from storage.layout import DatasetFolder

FOLDER = DatasetFolder(Path("/root/photos"))
IDENTITY = "0123456789abcdef" * 4
PATHS: list[Callable[[str], Path]] = [
    FOLDER.plan,
    FOLDER.receipt,
    FOLDER.refused,
    lambda key: FOLDER.former_receipt(key, IDENTITY),
    lambda identity: FOLDER.former_receipt(IDENTITY, identity),
]


def test_every_part_lies_below_the_dataset():
    assert FOLDER.plan(IDENTITY[:32]) == Path("/root/photos/plans", IDENTITY[:32])
    assert FOLDER.receipt(IDENTITY) == Path("/root/photos/receipts", f"{IDENTITY}.json")
    assert FOLDER.former_receipt(IDENTITY, "f" * 64) == Path(f"/root/photos/receipts/{IDENTITY}.{'f' * 16}.json")
    assert FOLDER.version(7) == Path("/root/photos/versions/00000007.json")
    assert [part.name for part in (FOLDER.spares, FOLDER.trash, FOLDER.pins, FOLDER.logs)] == [
        *("spares", "trash", "pins", "logs"),
    ]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("text", ["", "..", "../../etc/passwd", "/etc", "a" * 15, "a" * 65, "A" * 32, "a" * 32 + "\n"])
def test_a_key_or_identity_that_is_no_hash_is_refused_before_it_becomes_a_path(path: Callable[[str], Path], text: str):
    with pytest.raises(DamagedDataset, match="should be 16 to 64 hexadecimal digits; imagemill did not write it"):
        path(text)


@given(st.text() | st.text(alphabet="0123456789abcdef./", max_size=70))
def test_whatever_a_record_says_the_path_stays_in_its_part(text: str):
    try:
        receipt = FOLDER.receipt(text)
    except DamagedDataset:
        return
    assert receipt.parent == Path("/root/photos/receipts")
    assert receipt.name == f"{text}.json"
    assert ".." not in receipt.parts
