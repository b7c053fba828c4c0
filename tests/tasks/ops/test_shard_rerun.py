"""A range of shards is built again although it looks whole: what comes out equal is kept, what does not is told."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from storage.datasets import create_dataset
from storage.errors import DamagedDataset, DatasetLocked, UnknownDataset
from storage.locking import dataset_lock
from storage.pair_versions import BAD, GOOD
from storage.versions import version_numbers
from tasks.ops.shard_rerun import Rerun, rerun_shards
from tests.storage.damaged_files import DAMAGES, files_of, on_disk
from tests.storage.word_bundles import published_words
from tests.tasks.ops.paired_images import Paired, paired, photos
from tests.tasks.ops.prepared_images import Prepared, add_files

pytestmark = pytest.mark.usefixtures("no_process_is_left")


def rerun(
    prepared: Prepared | Paired, shards: str | None = None, classes: tuple[str, ...] = (), *, source: Path | None = None
) -> Rerun:
    return rerun_shards(prepared.tiers, prepared.folder.name, shards=shards, classes=classes, source=source, workers=1)


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a dataset by its path there; the lock left out."""
    found = {os.path.relpath(path, folder): content for path, (content, _) in on_disk(folder).items()}
    return {path: content for path, content in found.items() if path != "lock"}


def spoil(path: Path) -> None:
    file = max(files_of(path), key=lambda file: file.stat().st_size)
    content = DAMAGES["middle bit"](file.read_bytes())
    file.unlink()
    file.write_bytes(content or b"")


def images_of(prepared: Prepared, place: int) -> list[str]:
    """Return the names of the images that a shard of the second version has stored, read without our code."""
    version = prepared.version(2)
    rows = parquet.read_table(prepared.folder.objects / version.table.name)["name"].to_pylist()
    first = sum(shard.rows for shard in version.shards[:place])
    return rows[first : first + version.shards[place].rows]


def shards_with(prepared: Prepared, class_name: str) -> list[int]:
    places = range(len(prepared.version(2).shards))
    return [place for place in places if any(name.startswith(f"{class_name}/") for name in images_of(prepared, place))]


# ---- The same


def test_whole_shards_come_out_the_same_and_nothing_is_written(prepared: Prepared):
    before = contents(prepared.folder.path)
    done = rerun(prepared, "1:3")
    assert (done.number, done.shards, done.same, done.restored, done.different) == (2, 4, [1, 2], {}, {})
    assert done.is_reproduced
    assert contents(prepared.folder.path) == before


def test_they_are_really_built_a_shard_outside_of_the_range_does_not_need_its_images(prepared: Prepared):
    inside, outside = images_of(prepared, 1), images_of(prepared, 2)
    (prepared.source / outside[0]).unlink()
    assert rerun(prepared, "1:2").same == [1]
    (prepared.source / inside[0]).unlink()
    assert list(rerun(prepared, "1:2").different) == [1]


@pytest.mark.parametrize(("text", "places"), [(":2", [0, 1]), ("3:", [3]), (":", [0, 1, 2, 3]), ("0:4", [0, 1, 2, 3])])
def test_either_end_of_a_range_may_be_left_out(prepared: Prepared, text: str, places: list[int]):
    assert rerun(prepared, text).same == places


def test_a_class_means_each_shard_with_a_row_of_it(prepared: Prepared):
    dogs, cats = shards_with(prepared, "dog"), shards_with(prepared, "cat")
    assert 0 < len(dogs) < len(cats) < 4
    assert rerun(prepared, classes=("dog",)).same == dogs
    assert rerun(prepared, classes=("cat", "dog", "cat")).same == sorted({*cats, *dogs})


def test_damage_within_the_range_is_restored_and_named_and_elsewhere_stays(prepared: Prepared):
    before = contents(prepared.folder.path)
    version = prepared.version(2)
    inside, outside = (prepared.folder.objects / version.shards[place].objects[0].name for place in (1, 2))
    spoil(inside)
    assert rerun(prepared, "0:2").restored == {1: [inside]}
    assert contents(prepared.folder.path) == before
    spoil(outside)
    spoiled = contents(prepared.folder.path)
    assert rerun(prepared, "0:2").same == [0, 1]
    assert contents(prepared.folder.path) == spoiled


def test_images_that_moved_are_read_where_they_are_now(prepared: Prepared, tmp_path: Path):
    moved = Path(shutil.move(prepared.source, tmp_path / "moved"))
    assert "is gone; if the images moved, give --source" in rerun(prepared, "0:1").different[0]
    assert rerun(prepared, "0:1", source=moved).same == [0]


# ---- Not the same


def test_a_source_that_has_changed_is_named_and_what_was_published_stays(prepared: Prepared):
    name = images_of(prepared, 1)[0]
    other = next(path for path in prepared.source.glob("*/*.png") if path != prepared.source / name)
    shutil.copyfile(other, prepared.source / name)
    before = contents(prepared.folder.path)
    done = rerun(prepared, "0:3")
    assert (done.same, done.different) == ([0, 2], {1: f"the source {name} has changed or cannot be read"})
    assert not done.is_reproduced
    assert contents(prepared.folder.path) == before
    assert version_numbers(prepared.folder) == [1, 2]


def test_a_source_of_the_same_size_and_time_but_other_bytes_is_found(prepared: Prepared):
    path = prepared.source / images_of(prepared, 0)[0]
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert list(rerun(prepared, "0:1").different) == [0]


def test_damage_that_cannot_be_rebuilt_is_told_beside_the_reason(prepared: Prepared):
    array = prepared.folder.objects / prepared.version(2).shards[0].objects[1].name
    spoil(array)
    (prepared.source / images_of(prepared, 0)[0]).unlink()
    why = rerun(prepared, "0:1").different[0]
    assert re.search(rf"is gone: No such file.*; {re.escape(str(array))} is damaged or gone besides$", why)


# ---- What is refused


@pytest.mark.parametrize("text", ["3:5", "4:", "2:2", "3:1", "9:12"])
def test_a_range_beyond_the_shards_is_refused_with_their_number(prepared: Prepared, text: str):
    with pytest.raises(ValueError, match=rf"--shards {text} should lie in 0:4: version 2 has 4 shards"):
        rerun(prepared, text)


@pytest.mark.parametrize("text", ["3", "a:b", "-1:2", "1-3", ""])
def test_what_is_no_range_is_refused_with_an_example(prepared: Prepared, text: str):
    with pytest.raises(ValueError, match=r"--shards should be FIRST:STOP such as 3:7"):
        rerun(prepared, text)


def test_an_unknown_class_is_refused_with_names_like_it(prepared: Prepared):
    with pytest.raises(ValueError, match=r"version 2 has no class 'dogs' among its 2; near it are dog"):
        rerun(prepared, classes=("cat", "dogs"))
    with pytest.raises(ValueError, match=r"no class 'n02084071' among its 2; they are named like cat, dog"):
        rerun(prepared, classes=("n02084071",))


def test_a_class_without_a_row_is_refused(prepared: Prepared):
    add_files(prepared.source, {"yak/text.jpg": b"not an image"})
    assert prepared.prepare()["version"] == 3
    with pytest.raises(ValueError, match="version 3 of photos has no row of the class yak"):
        rerun(prepared, classes=("yak",))


def test_a_newest_version_that_is_damaged_is_not_taken_for_the_one_before(prepared: Prepared):
    spoil(prepared.folder.version(2))
    with pytest.raises(DamagedDataset, match=r"version 2 is damaged.* Run first, without a range: imagemill repair ph"):
        rerun(prepared, "0:1")


def test_a_dataset_without_a_version_or_without_shards_is_refused(prepared: Prepared):
    create_dataset(prepared.tiers.slow, "empty")
    with pytest.raises(UnknownDataset, match="has no version yet"):
        rerun_shards(prepared.tiers, "empty", shards="0:1", classes=(), source=None, workers=1)
    with pytest.raises(UnknownDataset, match="has no dataset 'pictures'; it has: empty, photos"):
        rerun_shards(prepared.tiers, "pictures", shards="0:1", classes=(), source=None, workers=1)


def test_words_have_no_shards(prepared: Prepared):
    published_words(prepared.tiers)
    with pytest.raises(UnknownDataset, match="which have no shards; the command that made them makes them again"):
        rerun_shards(prepared.tiers, "words", shards="0:1", classes=(), source=None, workers=1)


def test_nothing_is_built_beside_a_run(prepared: Prepared):
    with dataset_lock(prepared.folder), pytest.raises(DatasetLocked, match=f"process {os.getpid()}"):
        rerun(prepared, "0:1")


# ---- Pairs


@pytest.fixture
def pairs(tmp_path: Path) -> Paired:
    return paired(photos(tmp_path, shards=(5, 0, 3)).tiers)


def test_pairs_are_made_again_from_their_good_images(pairs: Paired):
    before = contents(pairs.folder.path)
    assert rerun(pairs, "0:3").same == [0, 1, 2]
    spoil(pairs.object(2, BAD))
    assert rerun(pairs, "1:").restored == {2: [pairs.object(2, BAD)]}
    assert contents(pairs.folder.path) == before


def test_pairs_without_their_good_images_are_told_which_dataset_to_repair_first(pairs: Paired):
    shutil.rmtree(pairs.tiers.slow / "photos" / "objects")
    for file in files_of(pairs.object(0, GOOD)):
        file.unlink()
    done = rerun(pairs, "0:1")
    assert "imagemill repair photos" in done.different[0]
