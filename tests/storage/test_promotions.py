"""Promotions are created only if absent, survive damage and races, and keep what they name from being collected."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from storage.bundles import Bundle
from storage.collection import collect
from storage.errors import VersionConflict
from storage.garbage import Garbage, find_garbage, move_to_trash
from storage.layout import DatasetFolder
from storage.promotions import next_promotion, promoted_version, promotions_of, record_promotion
from storage.tiers import Tiers
from storage.verification import verified
from storage.versions import version_numbers
from tasks.ops.repair import repair_dataset
from tests.storage.aged_versions import age
from tests.storage.stored_models import new_model, promoted, promotion, registered


def current(folder: DatasetFolder) -> int | None:
    version = promoted_version(folder)
    return version.number if version else None


def month_old(folder: DatasetFolder) -> DatasetFolder:
    for path in folder.path.rglob("*"):
        age(path, days=30)
    return folder


def test_the_highest_granted_promotion_counts(tmp_path: Path):
    folder = new_model(tmp_path)
    first, second = registered(folder, b"one"), registered(folder, b"two")
    assert current(folder) is None
    promoted(folder, second)
    assert current(folder) == 2
    record_promotion(folder, promotion(folder, first, is_granted=False))
    assert current(folder) == 2
    promoted(folder, first)
    assert current(folder) == 1
    assert [(each.number, each.version, each.is_granted) for each in promotions_of(folder)] == [
        *((3, 1, True), (2, 1, False), (1, 2, True)),
    ]


@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"{}"])
def test_a_damaged_promotion_is_read_from_its_copy_reported_and_restored(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    for weights in (b"one", b"two"):
        promoted(folder, registered(folder, weights))
    record = folder.promotion(2)
    sound = record.read_bytes()
    record.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert current(folder) == 2
    assert "promotion 2 is read from" in caplog.text
    found = verified(tiers, folder.name, share=0.0)
    assert [damage.path for damage in found.damages] == [record]
    assert repair_dataset(tiers, folder.name, source=None, workers=1).repaired == {record: "from its copy"}
    assert record.read_bytes() == sound
    assert verified(tiers, folder.name, share=1.0).is_whole


def test_every_flipped_bit_of_a_promotion_is_noticed(tmp_path: Path):
    folder = new_model(tmp_path)
    promoted(folder, registered(folder))
    folder.promotion_copy(1).unlink()
    sound = folder.promotion(1).read_bytes()
    for place in range(0, len(sound), 5):
        folder.promotion(1).write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        assert promotions_of(folder) == []
    folder.promotion(1).write_bytes(sound)
    assert current(folder) == 1


def test_without_record_and_copy_the_promotion_before_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    for weights in (b"one", b"two", b"three"):
        promoted(folder, registered(folder, weights))
    folder.promotion(3).write_bytes(b"?")
    folder.promotion_copy(3).write_bytes(b"?")
    with caplog.at_level(logging.WARNING):
        assert current(folder) == 2
    assert "promotion 3 is passed over" in caplog.text
    # Its number stays taken: whoever promotes next did not compare with it.
    assert next_promotion(folder) == 4
    for path in (folder.promotion(2), folder.promotion_copy(2)):
        path.unlink()
    assert {damage.path for damage in verified(tiers, folder.name, share=0.0).damages} == {
        folder.promotion(2),
        folder.promotion(3),
    }


def test_a_promotion_of_a_version_that_is_lost_or_another_is_passed_over(tmp_path: Path):
    folder = new_model(tmp_path)
    first, second = registered(folder, b"one"), registered(folder, b"two")
    promoted(folder, first)
    record_promotion(folder, replace(promotion(folder, second), identity="5" * 64))
    assert current(folder) == 1
    found = verified(Tiers(tmp_path, tmp_path), folder.name, share=0.0)
    assert [damage.path for damage in found.damages] == [folder.promotion(2)]
    promoted(folder, second)
    folder.version(2).unlink()
    assert current(folder) == 1


def test_of_many_at_once_one_promotes_and_the_others_are_told(tmp_path: Path):
    folder = new_model(tmp_path)
    versions = [registered(folder, bytes([letter])) for letter in b"abcdefgh"]
    barrier = Barrier(len(versions))

    def attempt(version: Bundle) -> str:
        decided = promotion(folder, version, number=1)
        barrier.wait()
        try:
            record_promotion(folder, decided)
        except VersionConflict as error:
            return str(error)
        return str(version.number)

    with ThreadPoolExecutor(len(versions)) as pool:
        outcomes = list(pool.map(attempt, versions))
    assert sum("another promotion was decided meanwhile" in outcome for outcome in outcomes) == len(versions) - 1
    assert str(current(folder)) in outcomes


def test_a_promotion_killed_before_its_copy_was_written_gets_one(tmp_path: Path):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    promoted(folder, registered(folder))
    folder.promotion_copy(1).unlink()
    (note,) = verified(tiers, folder.name, share=0.0).notes
    assert note.startswith("promotion 1 has no second copy")
    assert repair_dataset(tiers, folder.name, source=None, workers=1).is_whole
    assert folder.promotion_copy(1).read_bytes() == folder.promotion(1).read_bytes()


def test_what_is_promoted_and_those_to_go_back_to_are_never_collected(tmp_path: Path):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    versions = [registered(folder, bytes([letter])) for letter in b"abcdefg"]
    for number in (1, 2, 3, 4, 5):
        promoted(folder, versions[number - 1])
    month_old(folder)
    collect(folder, keep=1, grace=timedelta(days=1))
    # The last three of the promotions, and, since a gap would mean loss, all above.
    assert version_numbers(folder) == [3, 4, 5, 6, 7]
    assert verified(tiers, folder.name, share=1.0).is_whole
    assert len(promotions_of(folder)) == 5
    assert current(folder) == 5


def test_a_version_that_is_promoted_while_it_is_collected_comes_back(tmp_path: Path):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    first, _ = registered(folder, b"one"), registered(folder, b"two")
    month_old(folder)

    def garbage() -> Iterator[Garbage]:
        for item in find_garbage(folder, keep=1):
            yield item
            if item.path == folder.version(1):
                assert not folder.version(1).exists()
                promoted(folder, first)

    move_to_trash(folder, garbage(), keep=1, grace=timedelta(days=1))
    assert current(folder) == 1
    assert verified(tiers, folder.name, share=1.0).is_whole
