"""Publishing: numbers, races and damage."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace

import msgspec
import pytest

from storage.datasets import make_parts
from storage.errors import DamagedDataset, UnknownDataset, UnreadableRecord, VersionConflict
from storage.layout import DatasetFolder
from storage.publishing import publish
from storage.receipts import StoredObject
from storage.versions import (
    Version,
    VersionShard,
    current_version,
    next_number,
    read_version,
    version_identity,
    version_numbers,
)
from tests.storage.damaged_files import as_of_format

PUBLISHER = """
import sys
from dataclasses import replace
from pathlib import Path
import msgspec
from storage.errors import VersionConflict
from storage.layout import DatasetFolder
from storage.publishing import publish
from storage.versions import Version, current_version, next_number
folder, me = DatasetFolder(Path(sys.argv[1])), sys.argv[2]
draft = msgspec.json.decode(Path(sys.argv[3]).read_bytes(), type=Version)
print("ready", flush=True)
sys.stdin.readline()
for attempt in range(15):
    identity = sys.argv[4] or f"{me} {attempt}"
    try:
        current = current_version(folder)
        built_on = current.number if current else None
        mine = replace(draft, identity=identity, number=next_number(folder), parent=built_on)
        version, new = publish(folder, mine)
        print(identity, "new" if new else "old", version.number, sep="|")
    except VersionConflict as error:
        print(identity, error, 0, sep="|")
"""


def published(folder: DatasetFolder, draft: Version) -> tuple[Version, bool]:
    """Publish on top of what is there."""
    return publish(folder, on_top(folder, draft))


def on_top(folder: DatasetFolder, draft: Version) -> Version:
    """Return `draft` as the version that follows what is there."""
    current = current_version(folder)
    return replace(draft, number=next_number(folder), parent=current.number if current else None)


def race(start_python, folder: DatasetFolder, draft: Version, *, identity: str) -> list[list[str]]:
    path = folder.tmp / "draft.json"
    path.write_bytes(msgspec.json.encode(draft))
    publishers = [start_python(PUBLISHER, folder.path, me, path, identity) for me in range(4)]
    for publisher in publishers:
        assert publisher.stdout.readline() == "ready\n"
    for publisher in publishers:
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
    lines = [line for publisher in publishers for line in publisher.communicate(timeout=60)[0].splitlines()]
    assert len(lines) == 60
    return [line.split("|") for line in lines]


def test_versions_are_numbered_from_one_and_know_their_parents(folder: DatasetFolder, draft: Version):
    assert current_version(folder) is None
    first, new = published(folder, draft)
    assert (first.number, first.parent, new) == (1, None, True)
    second, new = published(folder, replace(draft, identity="other"))
    assert (second.number, second.parent, new) == (2, 1, True)
    assert current_version(folder) == second
    assert read_version(folder, 1) == first
    assert version_numbers(folder) == [1, 2]


def test_the_same_content_is_not_published_twice(folder: DatasetFolder, draft: Version):
    first, _ = published(folder, draft)
    again, new = published(folder, replace(draft, created="2030-01-01T00:00:00+00:00"))
    assert (again, new) == (first, False)
    assert version_numbers(folder) == [1]


def test_a_return_to_earlier_content_is_a_version_of_its_own(folder: DatasetFolder, draft: Version):
    published(folder, draft)
    published(folder, replace(draft, identity="other"))
    back, new = published(folder, draft)
    assert (back.number, back.parent, new) == (3, 2, True)


def test_of_racing_publishers_of_other_content_one_wins_each_number_and_nothing_is_overwritten(
    folder: DatasetFolder, draft: Version, start_python
):
    outcomes = race(start_python, folder, draft, identity="")
    published = {int(number): identity for identity, what, number in outcomes if what == "new"}
    conflicts = [what for _, what, _ in outcomes if what != "new"]
    assert version_numbers(folder) == sorted(published) == list(range(1, len(published) + 1))
    assert len(published) + len(conflicts) == 60
    for number, identity in published.items():
        version = read_version(folder, number)
        assert version.identity == identity
        assert version.parent == (number - 1 or None)
    for conflict in conflicts:
        assert "of photos with other content while this one was building" in conflict
        assert conflict.endswith("Run again to build on top of it")


def test_of_racing_publishers_of_the_same_content_one_is_new_and_all_get_the_version(
    folder: DatasetFolder, draft: Version, start_python
):
    outcomes = race(start_python, folder, draft, identity="the same")
    assert version_numbers(folder) == [1]
    assert {number for _, _, number in outcomes} == {"1"}
    assert [what for _, what, _ in outcomes].count("new") == 1


def test_the_number_taken_meanwhile_by_other_content_is_a_conflict(folder: DatasetFolder, draft: Version, start_python):
    for attempt in range(20):
        of_attempt = DatasetFolder(folder.path.with_name(f"photos{attempt}"))
        make_parts(of_attempt)
        shutil.copytree(folder.objects, of_attempt.objects, dirs_exist_ok=True)
        outcomes = race(start_python, of_attempt, draft, identity="")
        if any("another run published version" in what for _, what, _ in outcomes):
            return
    pytest.fail("publishers never met in 20 races")


def test_a_draft_built_on_an_older_version_is_a_conflict(folder: DatasetFolder, draft: Version):
    published(folder, draft)
    published(folder, replace(draft, identity="other"))
    with pytest.raises(VersionConflict, match="another run published version 2 of photos"):
        publish(folder, replace(draft, identity="late", number=2, parent=1))
    assert version_numbers(folder) == [1, 2]


def test_a_damaged_highest_version_is_passed_over_with_a_warning(
    folder: DatasetFolder, draft: Version, flip_bit, caplog: pytest.LogCaptureFixture
):
    first, _ = published(folder, draft)
    published(folder, replace(draft, identity="other"))
    flip_bit(folder.version(2), 100)
    with caplog.at_level(logging.WARNING):
        assert current_version(folder) == first
    assert "version 2 is passed over: " in caplog.text
    assert str(folder.version(2)) in caplog.text
    with pytest.raises(DamagedDataset, match=r"00000002\.json"):
        read_version(folder, 2)


def test_a_damaged_version_is_never_overwritten_by_the_next(folder: DatasetFolder, draft: Version, flip_bit):
    published(folder, draft)
    flip_bit(folder.version(1), 100)
    damaged = folder.version(1).read_bytes()
    version, new = published(folder, replace(draft, identity="other"))
    assert (version.number, version.parent, new) == (2, None, True)
    assert folder.version(1).read_bytes() == damaged


def test_a_version_of_later_code_is_an_error_and_not_passed_over(folder: DatasetFolder, draft: Version):
    published(folder, draft)
    folder.version(2).write_bytes(as_of_format(folder.version(1).read_bytes(), "version", 3))
    with pytest.raises(UnreadableRecord, match="Use the version that wrote it"):
        current_version(folder)


def test_an_unknown_version_is_refused_with_the_list_of_those_that_are_there(folder: DatasetFolder, draft: Version):
    with pytest.raises(UnknownDataset, match="photos has no version 1; it has: none"):
        read_version(folder, 1)
    published(folder, draft)
    published(folder, replace(draft, identity="other"))
    with pytest.raises(UnknownDataset, match="photos has no version 7; it has: 1, 2"):
        read_version(folder, 7)


def test_half_written_versions_are_never_counted(folder: DatasetFolder):
    (folder.versions / "00000005.json.0123abcd.partial").write_text("{")
    (folder.versions / "notes.txt").write_text("")
    assert version_numbers(folder) == []
    assert version_numbers(DatasetFolder(folder.path / "nowhere")) == []


def test_the_identity_of_a_version_covers_shards_their_order_and_classes():
    identities = {
        version_identity(("a", "b"), ("cat",)),
        version_identity(("b", "a"), ("cat",)),
        version_identity(("a",), ("cat",)),
        version_identity(("a", "b"), ("dog",)),
        version_identity(("a", "b", "cat"), ()),
    }
    assert len(identities) == 5
    assert version_identity(("a", "b"), ("cat",)) in identities


def test_a_version_lists_every_object_that_it_needs(draft: Version):
    objects = [StoredObject(f"{name}.h5", name * 64, 1) for name in "1234567"]
    shards = (VersionShard("k", "i", 1, (objects[0], objects[1])), VersionShard("l", "j", 0, ()))
    version = replace(draft, shards=shards, table=objects[2], views=(objects[3], objects[4]), report=objects[5])
    assert version.objects == objects[:6]
    assert replace(version, card=objects[6]).objects == objects
    assert version.companions == objects[2:6]


def test_a_draft_of_which_an_object_is_gone_or_cut_short_is_not_published(folder: DatasetFolder, draft: Version):
    report = folder.objects / draft.report.name
    for spoil in (lambda: report.write_bytes(b"repor"), report.unlink):
        spoil()
        with pytest.raises(DamagedDataset, match=r"refused-.*\.csv vanished before it could be published\. Run again"):
            published(folder, draft)
    assert version_numbers(folder) == []


def test_the_record_of_another_version_under_a_versions_name_is_damage(folder: DatasetFolder, draft: Version):
    first, _ = published(folder, draft)
    published(folder, replace(draft, identity="other"))
    folder.version(2).write_bytes(folder.version(1).read_bytes())
    with pytest.raises(DamagedDataset, match=r"00000002\.json is the record of another version"):
        read_version(folder, 2)
    assert current_version(folder) == first
    assert next_number(folder) == 3
