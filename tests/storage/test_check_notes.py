"""Notes of checks: the last of each kind, written where that is possible, read whatever lies there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from storage.check_notes import check_notes, kind_of_check, note_check
from storage.verification import verified
from tests.storage.random_versions import Published


@pytest.fixture
def published(publish_rows: Callable[..., Published]) -> Published:
    return publish_rows("hdf5", shards=(2, 3))


def check(published: Published, share: float) -> None:
    note_check(published.folder, verified(published.tiers, "photos", share=share), share=share)


def test_a_check_that_found_nothing_is_noted_with_what_it_looked_at(published: Published):
    assert check_notes(published.folder) == ()
    check(published, 1.0)
    (note,) = check_notes(published.folder)
    assert (note.kind, note.share, note.versions, note.damages, note.told) == ("full", 1.0, (1,), 0, ())
    assert note.is_whole
    assert note.hashed_bytes > 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(note.at)).total_seconds()) < 600


def test_a_damaged_file_is_told_of_in_the_note(published: Published):
    damaged = published.folder.objects / published.object(0, 8).name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    check(published, 0.0)
    (note,) = check_notes(published.folder)
    assert not note.is_whole
    assert note.damages == len(note.told) == 1
    assert damaged.name in note.told[0]


def test_the_last_note_of_each_kind_is_kept_and_the_newest_comes_first(published: Published):
    for share in (1.0, 0.5, 0.0):
        check(published, share)
    assert {note.kind for note in check_notes(published.folder)} == {"full", "sample", "quick"}
    check(published, 1.0)
    notes = check_notes(published.folder)
    assert len(notes) == 3
    assert [note.at for note in notes] == sorted((note.at for note in notes), reverse=True)


@pytest.mark.parametrize(("share", "kind"), [(0.0, "quick"), (0.05, "sample"), (1.0, "full")])
def test_kinds_go_by_the_share_that_is_hashed(share: float, kind: str):
    assert kind_of_check(share) == kind


def test_a_note_that_somebody_changed_is_passed_over(published: Published, caplog: pytest.LogCaptureFixture):
    check(published, 1.0)
    path = published.folder.check_note("full")
    path.write_bytes(path.read_bytes().replace(b'"damages":0', b'"damages":7'))
    assert check_notes(published.folder) == ()
    assert "a note of a check is passed over" in caplog.text


def test_where_nothing_can_be_written_the_check_goes_on_without_a_note(published: Published):
    in_the_way = published.folder.check_note("full") / "in the way"
    in_the_way.mkdir(parents=True)
    check(published, 1.0)
    assert in_the_way.is_dir()
