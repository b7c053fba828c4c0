"""Copies on the fast root: verified, within the budget, evicted in order, and never from under a reader."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections import namedtuple
from pathlib import Path

import msgspec
import pytest

from storage.datasets import create_dataset
from storage.errors import DamagedDataset, NotEnoughSpace, UnknownDataset
from storage.objects import store_object
from storage.owners import owner_name
from storage.pins import pin
from storage.receipts import StoredObject
from storage.space import HEADROOM_BYTES
from storage.staging import DatasetUsage, Staged, fast_usage, needed_for_sizes, stage, unstage
from storage.tiers import Tiers
from tests.faults.c_shims import compiled_shim

Usage = namedtuple("Usage", "total used free")

STAGE = """
import msgspec, sys
from pathlib import Path
from storage.errors import NotEnoughSpace
from storage.receipts import StoredObject
from storage.staging import stage
from storage.tiers import Tiers
slow, fast, budget, dataset, objects = sys.argv[1:]
objects = msgspec.json.decode(objects, type=list[StoredObject])
print("ready", flush=True)
for line in sys.stdin:
    try:
        stage(Tiers(Path(slow), Path(fast), int(budget)), dataset, objects)
        print("staged", flush=True)
    except NotEnoughSpace:
        print("refused", flush=True)
"""
READER = """
import sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.pins import pin
held = pin(DatasetFolder(Path(sys.argv[1])), 1, sys.argv[2:])
print("held", flush=True)
sys.stdin.readline()
"""

# Counts the bytes of all copies, whole and partial, as often as it can until its input ends, and prints the most.
# Two equal looks in a row are one state; a single look may see what is removed, and what takes its place.
WATCH = """
import os, select, sys
def look(root):
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in ("pins", ".imagemill")]
        for file in files:
            try:
                facts = os.lstat(os.path.join(folder, file))
                found[facts.st_ino] = facts.st_size
            except FileNotFoundError:
                pass
    return found
most = looks = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    one, other = look(sys.argv[1]), look(sys.argv[1])
    if one == other:
        most, looks = max(most, sum(one.values())), looks + 1
print(most, looks)
"""
EVICT = """
import sys
from pathlib import Path
from storage.staging import unstage
from storage.tiers import Tiers
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(3):
        unstage(Tiers(Path(sys.argv[1]), Path(sys.argv[2])), "photos")
    print("done", flush=True)
"""


@pytest.fixture
def tiers(tmp_path: Path) -> Tiers:
    for name in ("photos", "albums"):
        create_dataset(tmp_path / "slow", name)
    return Tiers(tmp_path / "slow", tmp_path / "fast")


def stored_file(tiers: Tiers, content: bytes = b"rows", dataset: str = "photos") -> StoredObject:
    folder = tiers.authority(dataset)
    (folder.tmp / "built").write_bytes(content)
    return store_object(folder, folder.tmp / "built", prefix="8", suffix=".h5")


def stored_folder(tiers: Tiers) -> StoredObject:
    folder = tiers.authority("photos")
    (folder.tmp / "built" / "images").mkdir(parents=True)
    (folder.tmp / "built" / "images" / "data").write_bytes(b"rows of a folder")
    return store_object(folder, folder.tmp / "built", prefix="8", suffix=".bcolz")


def many(tiers: Tiers, count: int, size: int = 1000, dataset: str = "photos") -> list[StoredObject]:
    return [stored_file(tiers, bytes([number]) * size, dataset) for number in range(count)]


def slow(tiers: Tiers, stored: StoredObject, dataset: str = "photos") -> Path:
    return tiers.slow / dataset / "objects" / stored.name


def fast(tiers: Tiers, stored: StoredObject, dataset: str = "photos") -> Path:
    return tiers.fast / dataset / "objects" / stored.name


def copies(tiers: Tiers, dataset: str = "photos") -> set[str]:
    return set(os.listdir(tiers.fast / dataset / "objects"))


def names(*objects: StoredObject) -> set[str]:
    return {stored.name for stored in objects}


def within(tiers: Tiers, budget: int) -> Tiers:
    return Tiers(tiers.slow, tiers.fast, budget)


def used_in_order(tiers: Tiers, objects: list[StoredObject]) -> None:
    for place, stored in enumerate(objects):
        os.utime(fast(tiers, stored), (1_000_000 + place, 1_000_000 + place))


def nothing_is_left_over(tiers: Tiers) -> bool:
    tmp = [list((folder / "tmp").iterdir()) for folder in tiers.fast.iterdir() if (folder / "tmp").is_dir()]
    return not any(tmp) and not list((tiers.fast / ".imagemill" / "reservations").iterdir())


# ---- Copying


def test_files_and_folders_are_copied_once(tiers: Tiers):
    objects = [stored_file(tiers), stored_folder(tiers)]
    assert stage(tiers, "photos", objects) == Staged(copied=20)
    assert fast(tiers, objects[0]).read_bytes() == b"rows"
    assert (fast(tiers, objects[1]) / "images" / "data").read_bytes() == b"rows of a folder"
    assert copies(tiers) == names(*objects)
    assert stage(tiers, "photos", objects) == Staged(present=20)
    assert nothing_is_left_over(tiers)


def test_progress_is_told_in_bytes(tiers: Tiers):
    objects = [stored_file(tiers, b"x" * 9_000_000), stored_folder(tiers)]
    totals, parts = [], []
    stage(tiers, "photos", objects, on_start=totals.append, on_bytes=parts.append)
    assert totals == [9_000_016]
    assert len(parts) == 4
    assert sum(parts) == 9_000_016


@pytest.mark.parametrize("store", [stored_file, stored_folder])
def test_a_damaged_source_is_refused_and_nothing_is_left_on_the_fast_disk(tiers: Tiers, store, flip_bit):
    stored = store(tiers)
    source = slow(tiers, stored)
    flip_bit(source if source.is_file() else source / "images" / "data", 2)
    told = rf"{re.escape(str(source))} is damaged: its hash is not the published .* Run: imagemill repair photos"
    with pytest.raises(DamagedDataset, match=told):
        stage(tiers, "photos", [stored])
    assert copies(tiers) == set()
    assert nothing_is_left_over(tiers)


def test_a_missing_source_is_damage(tiers: Tiers):
    stored = stored_file(tiers)
    slow(tiers, stored).unlink()
    with pytest.raises(DamagedDataset, match=rf"{stored.name} is missing"):
        stage(tiers, "photos", [stored])
    assert copies(tiers) == set()


def test_no_more_is_copied_than_was_published(tiers: Tiers):
    stored = stored_file(tiers)
    with slow(tiers, stored).open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedDataset, match="is damaged: it should have 4 bytes, it has 8"):
        stage(tiers, "photos", [stored])


@pytest.mark.parametrize("store", [stored_file, stored_folder])
def test_a_link_in_the_source_is_refused_and_not_followed(tiers: Tiers, store):
    stored = store(tiers)
    source = slow(tiers, stored)
    file = source if source.is_file() else source / "images" / "data"
    file.rename(tiers.slow / "elsewhere")
    file.symlink_to(tiers.slow / "elsewhere")
    told = rf"{file.name} is a symbolic link, which imagemill never makes there"
    # A link within a folder has a size of its own, which shows first.
    told = told if source == file else rf"{stored.name} is damaged: it should have \d+ bytes, it has \d+"
    with pytest.raises(DamagedDataset, match=told):
        stage(tiers, "photos", [stored])
    assert copies(tiers) == set()


def test_a_copy_that_was_cut_short_is_made_anew(tiers: Tiers):
    stored = stored_file(tiers)
    stage(tiers, "photos", [stored])
    os.truncate(fast(tiers, stored), 3)
    assert stage(tiers, "photos", [stored]).copied == 4
    assert fast(tiers, stored).read_bytes() == b"rows"


@pytest.mark.parametrize("store", [stored_file, stored_folder])
def test_a_damaged_copy_of_the_right_size_is_made_anew_when_copies_are_checked(tiers: Tiers, store, flip_bit):
    stored, sound = store(tiers), stored_file(tiers, b"sound")
    stage(tiers, "photos", [stored, sound])
    copy = fast(tiers, stored)
    flip_bit(copy if copy.is_file() else copy / "images" / "data", 1)
    assert stage(tiers, "photos", [stored, sound]).copied == 0
    assert stage(tiers, "photos", [stored, sound], check=True) == Staged(copied=stored.bytes, present=5)
    file = copy if copy.is_file() else copy / "images" / "data"
    assert file.read_bytes() in (b"rows", b"rows of a folder")


def test_a_link_in_place_of_a_copy_is_replaced_by_a_copy(tiers: Tiers):
    stored = stored_file(tiers)
    (tiers.fast / "photos" / "objects").mkdir(parents=True)
    fast(tiers, stored).symlink_to(slow(tiers, stored))
    assert stage(tiers, "photos", [stored]).copied == 4
    assert not fast(tiers, stored).is_symlink()
    assert fast(tiers, stored).read_bytes() == b"rows"


def test_one_disk_that_is_both_is_left_as_it_is(tmp_path: Path):
    create_dataset(tmp_path, "photos")
    tiers = Tiers(tmp_path, tmp_path)
    stored = stored_file(tiers)
    before = sorted(tmp_path.rglob("*"))
    assert stage(tiers, "photos", [stored], check=True) == Staged()
    with pytest.raises(ValueError, match="is both the slow and the fast root: there are no copies to remove"):
        unstage(tiers, "photos")
    assert sorted(tmp_path.rglob("*")) == before


# ---- Budget and eviction


def test_copies_that_cannot_fit_are_refused_and_nothing_is_copied_or_removed(tiers: Tiers):
    old = many(tiers, 3)
    stage(tiers, "photos", old)
    new = many(tiers, 6, dataset="albums")
    told = (
        r"fast has 0\.00 GB left of its budget of 0\.00 GB, copies of albums for random reading need 0\.00 GB\. "
        r"Remove other copies \(imagemill unstage NAME\), stage fewer sizes \(--size\), or raise --fast-budget"
    )
    with pytest.raises(NotEnoughSpace, match=told) as refused:
        stage(within(tiers, 5000), "albums", new)
    assert (refused.value.need, refused.value.have) == (6000, 2000)
    assert copies(tiers) == names(*old)
    assert copies(tiers, "albums") == set()
    assert nothing_is_left_over(tiers)


def test_a_disk_that_is_too_small_refuses_likewise(tiers: Tiers, monkeypatch: pytest.MonkeyPatch):
    objects = [stored_file(tiers), stored_folder(tiers)]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, HEADROOM_BYTES + 19))
    with pytest.raises(NotEnoughSpace, match=r"fast has 0\.07 GB free, copies of photos for random reading need 0\.07"):
        stage(tiers, "photos", objects)
    assert copies(tiers) == set()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, HEADROOM_BYTES + 20))
    assert stage(tiers, "photos", objects).copied == 20


def test_what_was_not_used_for_longest_goes_first_whatever_dataset_it_is_of(tiers: Tiers):
    photos, albums = many(tiers, 3), many(tiers, 2, dataset="albums")
    stage(tiers, "photos", photos)
    stage(tiers, "albums", albums)
    for place, path in enumerate(
        [
            fast(tiers, photos[1]),
            fast(tiers, albums[0], "albums"),
            fast(tiers, photos[0]),
            fast(tiers, albums[1], "albums"),
            fast(tiers, photos[2]),
        ]
    ):
        os.utime(path, (1_000_000 + place, 1_000_000 + place))
    new = stored_file(tiers, b"n" * 1500)
    assert stage(within(tiers, 5000), "photos", [new]) == Staged(copied=1500, evicted=2000)
    assert copies(tiers) == names(photos[0], photos[2], new)
    assert copies(tiers, "albums") == names(albums[1])
    assert nothing_is_left_over(tiers)


def test_what_is_being_staged_is_not_evicted_for_it(tiers: Tiers):
    objects = many(tiers, 4)
    stage(tiers, "photos", objects[:2])
    used_in_order(tiers, objects[:2])
    other = stored_file(tiers, b"o" * 1000, "albums")
    stage(tiers, "albums", [other])
    assert stage(within(tiers, 4000), "photos", objects) == Staged(copied=2000, present=2000, evicted=1000)
    assert copies(tiers) == names(*objects)
    with pytest.raises(NotEnoughSpace):
        stage(within(tiers, 4000), "photos", [*objects, stored_file(tiers, b"one too many")])
    assert copies(tiers) == names(*objects)


def test_a_smaller_budget_than_before_is_kept_from_the_next_staging_on(tiers: Tiers):
    objects = many(tiers, 5)
    stage(tiers, "photos", objects)
    used_in_order(tiers, objects)
    new = stored_file(tiers, b"n" * 1000)
    stage(within(tiers, 2000), "photos", [new])
    assert copies(tiers) == names(objects[4], new)


def test_folders_are_evicted_too(tiers: Tiers):
    folder, file = stored_folder(tiers), stored_file(tiers)
    stage(tiers, "photos", [folder])
    assert stage(within(tiers, 16), "photos", [file]) == Staged(copied=4, evicted=16)
    assert copies(tiers) == names(file)


def test_what_a_reader_holds_stays_until_the_reader_is_killed(tiers: Tiers, start_python):
    objects = many(tiers, 3)
    stage(tiers, "photos", objects)
    used_in_order(tiers, objects)
    reader = start_python(READER, tiers.fast / "photos", objects[0].name, objects[1].name)
    assert reader.stdout.readline() == "held\n"
    new = many(tiers, 2, dataset="albums")
    with pytest.raises(NotEnoughSpace):
        stage(within(tiers, 3000), "albums", new)
    assert copies(tiers) == names(*objects)
    stage(within(tiers, 3000), "albums", new[:1])
    assert copies(tiers) == names(*objects[:2])
    reader.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, reader.pid, os.WEXITED | os.WNOWAIT)
    stage(within(tiers, 2000), "albums", new)
    assert copies(tiers) == set()
    assert os.listdir(tiers.fast / "photos" / "pins") == []


def test_a_dataset_that_was_published_on_the_fast_disk_is_never_evicted_nor_counted(tiers: Tiers):
    create_dataset(tiers.fast, "published")
    own = Tiers(tiers.fast, tiers.fast)
    kept = stored_file(own, b"k" * 10_000, "published")
    os.utime(fast(tiers, kept, "published"), (0, 0))
    old, new = stored_file(tiers, b"o" * 1000), stored_file(tiers, b"n" * 1000)
    stage(tiers, "photos", [old])
    assert stage(within(tiers, 1000), "photos", [new]).evicted == 1000
    assert copies(tiers) == names(new)
    assert copies(tiers, "published") == names(kept)
    assert fast_usage(tiers).datasets == (DatasetUsage("photos", 1000, 0),)


def test_a_dataset_cannot_have_its_copies_where_one_of_its_name_was_published(tiers: Tiers):
    create_dataset(tiers.fast, "photos")
    stored = stored_file(tiers)
    for change in (lambda: stage(tiers, "photos", [stored]), lambda: unstage(tiers, "photos")):
        with pytest.raises(FileExistsError, match="should hold copies only, but a dataset was published there"):
            change()
    assert copies(tiers) == set()


def test_what_other_programs_keep_on_the_fast_disk_is_left_alone(tiers: Tiers):
    foreign = [
        tiers.fast / "project" / "objects" / "ab" / ("c" * 38),
        tiers.fast / "project" / "objects" / "notes.txt",
        tiers.fast / "project" / "tmp" / "something" / "file",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"f" * 1000)
        os.utime(path, (0, 0))
    old, new = stored_file(tiers, b"o" * 1000), stored_file(tiers, b"n" * 1000)
    stage(tiers, "photos", [old])
    assert stage(within(tiers, 1000), "photos", [new]).evicted == 1000
    assert all(path.read_bytes() == b"f" * 1000 for path in foreign)
    assert fast_usage(tiers).used == 1000


# ---- Two at once, and runs that died


@pytest.mark.parametrize("locks", ["working", "useless"])
def test_two_stagings_at_once_never_exceed_the_budget(
    tiers: Tiers, start_python, monkeypatch: pytest.MonkeyPatch, locks: str
):
    if locks == "useless":
        monkeypatch.setenv("LD_PRELOAD", str(compiled_shim("useless_locks")))
    size, budget = 300_000, 12 * 300_000
    parts = {"photos": many(tiers, 8, size), "albums": many(tiers, 8, size, "albums")}
    runs = {
        dataset: start_python(STAGE, tiers.slow, tiers.fast, budget, dataset, msgspec.json.encode(objects).decode())
        for dataset, objects in parts.items()
    }
    for run in runs.values():
        assert run.stdout.readline() == "ready\n"
    watcher = start_python(WATCH, tiers.fast)
    answers = []
    for _ in range(4):
        for run in runs.values():
            run.stdin.write("go\n")
            run.stdin.flush()
        answers += [run.stdout.readline() for run in runs.values()]
    most, looks = map(int, watcher.communicate()[0].split())
    assert looks > 10
    assert 8 * size <= most <= budget
    assert set(answers) <= {"staged\n", "refused\n"}
    assert "staged\n" in answers
    for dataset, objects in parts.items():
        for stored in objects:
            if stored.name in copies(tiers, dataset):
                assert fast(tiers, stored, dataset).read_bytes() == slow(tiers, stored, dataset).read_bytes()
    assert nothing_is_left_over(tiers)


def test_both_of_two_stagings_that_fit_beside_each_other_succeed(tiers: Tiers, start_python):
    parts = {"photos": many(tiers, 6), "albums": many(tiers, 6, dataset="albums")}
    runs = [
        start_python(STAGE, tiers.slow, tiers.fast, 12_000, dataset, msgspec.json.encode(objects).decode())
        for dataset, objects in parts.items()
    ]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    assert [run.stdout.readline() for run in runs] == ["staged\n", "staged\n"]
    assert {dataset: copies(tiers, dataset) for dataset in parts} == {
        dataset: names(*objects) for dataset, objects in parts.items()
    }


def test_what_a_killed_staging_left_is_cleared_by_the_next_of_any_dataset(tiers: Tiers):
    stage(tiers, "albums", many(tiers, 1, dataset="albums"))
    dead = "+".join((*owner_name().split("+")[:4], "1", "abc"))
    for path in (tiers.fast / "albums" / "tmp" / dead / "8-half.h5", tiers.fast / ".imagemill" / "reservations" / dead):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"h" * 5000)
    assert fast_usage(tiers).used == 6000
    stage(within(tiers, 3000), "photos", many(tiers, 2))
    assert fast_usage(tiers).used == 3000
    assert nothing_is_left_over(tiers)


# ---- Unstaging and what is told


def test_unstaging_removes_all_copies_of_a_dataset_or_those_named(tiers: Tiers):
    photos, albums = many(tiers, 3), many(tiers, 1, dataset="albums")
    stage(tiers, "photos", photos)
    stage(tiers, "albums", albums)
    assert unstage(tiers, "photos", photos[:1]).removed == 1000
    assert copies(tiers) == names(*photos[1:])
    done = unstage(tiers, "photos")
    assert (done.removed, done.held, done.held_names) == (2000, 0, ())
    assert copies(tiers) == set()
    assert copies(tiers, "albums") == names(*albums)
    assert all(slow(tiers, stored).is_file() for stored in photos)
    assert unstage(tiers, "photos").removed == 0


def test_unstaging_leaves_what_a_reader_holds_and_says_so(tiers: Tiers):
    objects = many(tiers, 3)
    stage(tiers, "photos", objects)
    with pin(tiers.cache("photos"), 1, [objects[1].name]):
        done = unstage(tiers, "photos")
    assert (done.removed, done.held, done.held_names) == (2000, 1000, (objects[1].name,))
    assert copies(tiers) == names(objects[1])


def test_unstaging_what_nobody_knows_is_refused(tiers: Tiers):
    with pytest.raises(UnknownDataset, match="there is no dataset 'nothing' below"):
        unstage(tiers, "nothing")
    assert unstage(tiers, "photos").removed == 0


def test_the_use_of_the_fast_disk_is_told_by_dataset(tiers: Tiers):
    assert fast_usage(tiers).used == 0
    photos, albums = many(tiers, 3), many(tiers, 1, 50, dataset="albums")
    stage(tiers, "photos", photos)
    stage(tiers, "albums", albums)
    with pin(tiers.cache("photos"), 1, [photos[0].name, "not-there.h5"]):
        usage = fast_usage(within(tiers, 10_000))
    assert (usage.root, usage.used, usage.budget, usage.pinned) == (tiers.fast, 3050, 10_000, 1000)
    assert usage.datasets == (DatasetUsage("albums", 50, 0), DatasetUsage("photos", 3000, 1000))
    assert usage.free > 0


def test_a_disk_that_is_both_has_no_copies_to_tell_of(tiers: Tiers):
    both = Tiers(tiers.slow, tiers.slow)
    stored_file(tiers)
    assert (fast_usage(both).used, fast_usage(both).datasets) == (0, ())


def test_one_size_needs_its_own_objects_and_the_tables(publish_rows):
    published = publish_rows("hdf5", shards=(2, 0, 3))
    version = published.version
    whole = [shard for shard in version.shards if shard.rows]
    both = [version.table, version.report, version.card]
    for place, side in enumerate((8, 4)):
        expected = [*(shard.objects[place] for shard in whole), version.views[place], *both]
        assert sorted(needed_for_sizes(version, [side]), key=str) == sorted(expected, key=str)
    assert needed_for_sizes(version, [4, 8]) == version.objects
    with pytest.raises(UnknownDataset, match="version 1 has no size 16; it has: 8, 4"):
        needed_for_sizes(version, [16, 8])


def test_what_a_reader_pinned_and_then_saw_is_there_to_stay(tiers: Tiers, start_python):
    # Whoever evicts has moved a copy aside when it finds the pin: it must move it back.
    objects = many(tiers, 4, 10)
    evictor = start_python(EVICT, tiers.slow, tiers.fast)
    assert evictor.stdout.readline() == "ready\n"
    for _ in range(100):
        stage(tiers, "photos", objects)
        evictor.stdin.write("go\n")
        evictor.stdin.flush()
        with pin(tiers.cache("photos"), 1, names(*objects)):
            seen = copies(tiers)
            assert evictor.stdout.readline() == "done\n"
            assert copies(tiers) >= seen
