"""Receipts: they prove what is there, and nothing that is not."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.receipts import (
    Receipt,
    ShardArray,
    StoredObject,
    adopt_receipt,
    find_receipt,
    is_present,
    read_receipt,
    shard_identity,
    write_receipt,
)
from storage.refused import Reason, Refused

KEY = "ab" * 32


@pytest.fixture
def receipt(folder: DatasetFolder) -> Receipt:
    """A receipt of two rows of three, whose object is there."""
    (folder.objects / "8-x.h5").write_bytes(b"12345")
    return Receipt(
        key=KEY,
        identity="identity",
        rows=2,
        arrays=(ShardArray(8, StoredObject("8-x.h5", "d" * 64, 5), rows_per_chunk=1, chunk_crcs=(1, 2**32 - 1)),),
        ids_digest="e" * 64,
        sources=("1" * 64, "", "3" * 64),
        refused=(Refused(1, "cat/bad.jpg", Reason.TRUNCATED, "ends after 7 bytes"),),
        cpu_seconds=1.25,
    )


def test_a_receipt_comes_back(folder: DatasetFolder, receipt: Receipt):
    write_receipt(folder, receipt)
    assert read_receipt(folder, KEY) == receipt
    assert find_receipt(folder, KEY) == receipt
    assert receipt.listed == 3
    assert receipt.stored_positions == [0, 2]


def test_a_shard_without_a_receipt_is_not_done(folder: DatasetFolder):
    assert find_receipt(folder, KEY) is None
    with pytest.raises(FileNotFoundError):
        read_receipt(folder, KEY)


def test_a_receipt_whose_object_is_gone_or_cut_short_proves_nothing(folder: DatasetFolder, receipt: Receipt):
    write_receipt(folder, receipt)
    (folder.objects / "8-x.h5").write_bytes(b"1234")
    assert find_receipt(folder, KEY) is None
    (folder.objects / "8-x.h5").unlink()
    assert find_receipt(folder, KEY) is None


def test_a_damaged_receipt_proves_nothing_and_is_reported(
    folder: DatasetFolder, receipt: Receipt, flip_bit, caplog: pytest.LogCaptureFixture
):
    write_receipt(folder, receipt)
    flip_bit(folder.receipt(KEY), 200)
    with caplog.at_level(logging.WARNING):
        assert find_receipt(folder, KEY) is None
    assert "the shard will be built again: " in caplog.text
    with pytest.raises(DamagedDataset):
        read_receipt(folder, KEY)


def test_an_adopted_receipt_shares_the_objects_and_costs_nothing(folder: DatasetFolder, receipt: Receipt):
    adopted = adopt_receipt(folder, receipt, key="cd" * 32)
    assert adopted == replace(receipt, key="cd" * 32, cpu_seconds=0.0)
    assert find_receipt(folder, "cd" * 32) == adopted


def test_a_folder_counts_as_present_and_a_missing_one_does_not(folder: DatasetFolder):
    (folder.objects / "8-y.bcolz").mkdir()
    assert is_present(folder, StoredObject("8-y.bcolz", "d" * 64, 1000))
    assert not is_present(folder, StoredObject("8-z.bcolz", "d" * 64, 1000))


def test_a_shards_identity_covers_parameters_names_labels_and_sources():
    given = ("p", ("a", "b"), (0, 1), ("x", "y"))
    changes = [
        ("q", *given[1:]),
        (given[0], ("b", "a"), *given[2:]),
        (*given[:2], (1, 0), given[3]),
        (*given[:3], ("x", "z")),
        ("p", ("ab",), (0, 1), ("x", "y")),
    ]
    identities = {shard_identity(*arguments) for arguments in [given, *changes]}
    assert len(identities) == 6
    assert shard_identity(*given) in identities


def test_receipts_lie_apart_from_objects(folder: DatasetFolder, receipt: Receipt, tmp_path: Path):
    write_receipt(folder, receipt)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(f"{KEY}*")] == [
        f"photos/receipts/{KEY}.json"
    ]
