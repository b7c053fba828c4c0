"""Receipts: they prove what is there, and nothing that is not."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
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
    locate_receipt,
    published_receipt,
    read_receipt,
    set_aside_receipt,
    shard_identity,
    write_published_receipt,
    write_receipt,
)
from storage.refused import Reason, Refused

KEY = "ab" * 32
OTHER_KEY = "cd" * 32


@pytest.fixture
def receipt(folder: DatasetFolder) -> Receipt:
    """A receipt of two rows of three, whose object is there."""
    (folder.objects / "8-x.h5").write_bytes(b"12345")
    return Receipt(
        key=KEY,
        identity="aa" * 32,
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


def test_a_shards_identity_covers_parameters_names_labels_sources_and_which_were_refused():
    given = {"names": ("a", "b"), "labels": (0, 1), "sources": ("x", "y"), "refused": ()}
    changes = [
        {"names": ("b", "a")},
        {"labels": (1, 0)},
        {"sources": ("x", "z")},
        {"names": ("ab",)},
        {"refused": (1,)},
    ]
    identities = {shard_identity("p", **{**given, **change}) for change in [{}, *changes]}
    identities.add(shard_identity("q", **given))
    assert len(identities) == 7


def test_a_superseded_receipt_stays_readable_for_the_version_that_stands_on_it(folder: DatasetFolder, receipt: Receipt):
    later = replace(receipt, identity="bb" * 32, rows=0)
    write_receipt(folder, receipt)
    write_receipt(folder, later)
    assert read_receipt(folder, KEY) == later
    assert published_receipt(folder, KEY, receipt.identity) == receipt
    assert published_receipt(folder, KEY, "bb" * 32) == later
    with pytest.raises(DamagedDataset, match="is missing: without it the rows cannot be checked"):
        published_receipt(folder, KEY, "cc" * 32)


def test_a_receipt_set_aside_proves_nothing_to_a_run_and_all_to_the_version_that_stands_on_it(
    folder: DatasetFolder, receipt: Receipt
):
    write_receipt(folder, receipt)
    set_aside_receipt(folder, receipt)
    assert find_receipt(folder, KEY) is None
    assert published_receipt(folder, KEY, receipt.identity) == receipt
    # A run that was killed in between does it again.
    set_aside_receipt(folder, receipt)
    later = replace(receipt, identity="bb" * 32)
    write_receipt(folder, later)
    assert [published_receipt(folder, KEY, each.identity) for each in (receipt, later)] == [receipt, later]


@pytest.mark.parametrize("reason", list(Reason))
def test_a_shard_is_tried_again_where_an_image_was_refused_for_what_may_pass(
    reason: Reason, folder: DatasetFolder, receipt: Receipt
):
    may_pass = reason in (Reason.MISSING, Reason.CHANGED, Reason.UNREADABLE, Reason.TOO_MUCH_MEMORY)
    refused = replace(receipt, arrays=(), refused=(Refused(0, "cat/a.jpg", reason, "told"),))
    write_receipt(folder, refused)
    assert find_receipt(folder, KEY) == (None if may_pass else refused)


def test_receipts_lie_apart_from_objects(folder: DatasetFolder, receipt: Receipt, tmp_path: Path):
    write_receipt(folder, receipt)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(f"{KEY}*")] == [
        f"photos/receipts/{KEY}.json"
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("../8-x.h5", 5),
        ("/etc/passwd", 5),
        ("..", 5),
        ("", 5),
        ("8-x", 5),
        ("a/b.h5", 5),
        ("8-x.h5\n", 5),
        ("8-x.h5", -1),
    ],
)
def test_no_record_can_name_an_object_outside_of_the_folder_of_objects(name: str, size: int):
    with pytest.raises(ValueError, match="is not an object that imagemill stores"):
        StoredObject(name, "d" * 64, size)


def test_the_receipt_of_another_shard_under_a_shards_name_is_damage(folder: DatasetFolder, receipt: Receipt):
    write_receipt(folder, receipt)
    folder.receipt(OTHER_KEY).write_bytes(folder.receipt(KEY).read_bytes())
    with pytest.raises(DamagedDataset, match="is the receipt of another shard") as raised:
        read_receipt(folder, OTHER_KEY)
    assert raised.value.path == folder.receipt(OTHER_KEY)
    assert find_receipt(folder, OTHER_KEY) is None


@pytest.mark.parametrize("made", [os.symlink, os.link])
def test_a_link_to_an_object_is_none_unless_the_file_system_takes_both_for_the_same(
    folder: DatasetFolder, receipt: Receipt, made: Callable[..., None], tmp_path: Path
):
    path = folder.objects / "8-x.h5"
    path.rename(tmp_path / "elsewhere")
    made(tmp_path / "elsewhere", path)
    assert is_present(folder, receipt.arrays[0].stored) == (made is os.link)


# ---- Receipts that a later run superseded


@pytest.fixture
def later(folder: DatasetFolder, receipt: Receipt) -> Receipt:
    """A receipt for the same key, as a run writes it that found other bytes; both lie in the folder."""
    later = replace(receipt, identity="bb" * 32, rows=0)
    write_receipt(folder, receipt)
    write_receipt(folder, later)
    return later


def test_both_receipts_of_a_key_are_found_where_they_lie(folder: DatasetFolder, receipt: Receipt, later: Receipt):
    former = folder.path / "receipts" / f"{KEY}.{receipt.identity[:16]}.json"
    assert locate_receipt(folder, KEY, receipt.identity) == (former, receipt)
    assert locate_receipt(folder, KEY, later.identity) == (folder.receipt(KEY), later)


def test_a_lost_receipt_is_missed_where_it_should_lie(folder: DatasetFolder, receipt: Receipt, later: Receipt):
    former = folder.former_receipt(KEY, receipt.identity)
    former.unlink()
    with pytest.raises(DamagedDataset, match=r"is missing: .* Run: imagemill repair photos") as raised:
        locate_receipt(folder, KEY, receipt.identity)
    assert raised.value.path == former
    folder.receipt(KEY).unlink()
    with pytest.raises(DamagedDataset, match="is missing") as raised:
        locate_receipt(folder, KEY, receipt.identity)
    assert raised.value.path == folder.receipt(KEY)


def test_a_damaged_receipt_is_named_unless_the_other_one_is_asked_for(
    folder: DatasetFolder, receipt: Receipt, later: Receipt, flip_bit: Callable[..., None]
):
    flip_bit(folder.receipt(KEY), 200)
    assert published_receipt(folder, KEY, receipt.identity) == receipt
    with pytest.raises(DamagedDataset, match=f"{KEY}.json is ") as raised:
        published_receipt(folder, KEY, later.identity)
    assert raised.value.path == folder.receipt(KEY)


def test_a_superseded_receipt_is_put_back_beside_the_one_that_superseded_it(
    folder: DatasetFolder, receipt: Receipt, later: Receipt
):
    former = folder.former_receipt(KEY, receipt.identity)
    before = former.read_bytes()
    former.unlink()
    assert write_published_receipt(folder, receipt) == former
    assert former.read_bytes() == before
    assert read_receipt(folder, KEY) == later


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_a_receipt_is_put_back_in_its_own_place_where_none_or_a_damaged_one_lies(
    folder: DatasetFolder, receipt: Receipt, spoil: Callable[[Path], None]
):
    write_receipt(folder, receipt)
    before = folder.receipt(KEY).read_bytes()
    spoil(folder.receipt(KEY))
    assert write_published_receipt(folder, receipt) == folder.receipt(KEY)
    assert folder.receipt(KEY).read_bytes() == before
    assert os.listdir(folder.path / "receipts") == [f"{KEY}.json"]
