"""Reading published versions, compared with the rows that were put in."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import Tiers, open_version
from storage.datasets import create_dataset
from storage.durable import remove
from storage.errors import DamagedDataset, UnknownDataset
from storage.open_files import OpenFiles
from storage.pins import pinned
from storage.staging import stage, unstage
from tests.storage.descriptors import open_below

FORMATS = ("bcolz", "hdf5")
SHARDS = (5, 0, 1, 8)
ROWS = sum(SHARDS)


@pytest.fixture(params=FORMATS)
def published(request: pytest.FixtureRequest, publish_rows):
    return publish_rows(request.param, shards=SHARDS)


@pytest.fixture
def version(published):
    with open_version(published.tiers, published.dataset, access="sequential") as opened:
        yield opened


# ---- Rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.slices(ROWS + 3))
def test_slices_are_numpys_across_shards(published, version, rows: slice):
    np.testing.assert_array_equal(version.rows(8)[rows], published.images[8][rows])


def test_every_size_has_all_rows(published, version):
    assert version.sides == (8, 4)
    for side in version.sides:
        assert version.rows(side).shape == (ROWS, side, side, 3)
        assert len(version.rows(side)) == len(version) == ROWS
        np.testing.assert_array_equal(version.rows(side)[:], published.images[side])
        assert version.rows(side)[:].dtype == np.uint8


@pytest.mark.parametrize("row", [0, 4, 5, 6, 13, -1, -14, np.int64(7), np.uint8(3)], ids=repr)
def test_one_number_gives_one_image(published, version, row):
    np.testing.assert_array_equal(version.rows(8)[row], published.images[8][row])


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint64, np.uint8])
def test_an_array_of_numbers_gives_the_images_in_that_order(published, version, kind):
    numbers = np.array([13, 0, 5, 5, 1, 12, 6], dtype=kind)
    np.testing.assert_array_equal(version.rows(8)[numbers], published.images[8][numbers])


def test_numbers_from_the_end_and_lists_and_no_numbers_at_all(published, version):
    np.testing.assert_array_equal(version.rows(8)[np.array([-1, 0, -14])], published.images[8][[-1, 0, -14]])
    np.testing.assert_array_equal(version.rows(8)[[3, 1]], published.images[8][[3, 1]])
    assert version.rows(8)[[]].shape == (0, 8, 8, 3)


def test_an_array_of_booleans_picks_rows(published, version):
    mask = version.splits == "train"
    assert 0 < mask.sum() < ROWS
    np.testing.assert_array_equal(version.rows(8)[mask], published.images[8][mask])


@pytest.mark.parametrize(
    "rows", [np.array([True, False]), np.array([0.5]), np.zeros((2, 2), int), np.array(["1"])], ids=repr
)
def test_what_numbers_no_rows_is_refused(version, rows):
    with pytest.raises(IndexError, match="an array of row numbers or an array of 14 booleans, got"):
        version.rows(8)[rows]


@pytest.mark.parametrize("row", [14, -15, 10**6])
def test_rows_beyond_the_end_are_refused(version, row: int):
    with pytest.raises(IndexError, match=r"rows must lie in -14\.\.13, got"):
        version.rows(8)[row]
    with pytest.raises(IndexError, match=r"rows must lie in -14\.\.13, got"):
        version.rows(8)[np.array([0, row])]


def test_reading_without_checks_gives_the_same_rows(published):
    with open_version(published.tiers, published.dataset, access="sequential", check=False) as opened:
        np.testing.assert_array_equal(opened.rows(8)[1:13], published.images[8][1:13])
        np.testing.assert_array_equal(opened.labels, published.labels)


# ---- What is known of a row


def test_labels_ids_splits_and_paths_stand_in_the_order_of_the_rows(published, version):
    table = pq.read_table(published.tiers.authority("photos").objects / published.version.table.name)
    np.testing.assert_array_equal(version.labels, published.labels)
    assert version.classes == ("cat", "dog")
    assert version.ids.dtype == np.uint64
    assert version.ids.tolist() == table["id"].to_pylist()
    assert version.splits.tolist() == table["split"].to_pylist()
    assert set(version.splits) <= {"train", "valid", "test"}
    assert [version.path(row) for row in range(ROWS)] == published.names
    assert [version.source(row) for row in range(ROWS)] == published.sources
    assert version.path(-1) == published.names[-1]


def test_the_ids_of_the_table_are_those_beside_the_pixels(publish_rows):
    published = publish_rows("hdf5", shards=SHARDS)
    found = []
    for shard, rows in enumerate(SHARDS):
        if rows:
            with h5py.File(published.object(shard, 8)) as file:
                found.extend(np.asarray(file["ids"]).tolist())
    with open_version(published.tiers, "photos") as opened:
        assert opened.ids.tolist() == found


# ---- What is not there


def test_an_unknown_size_is_refused_with_the_sizes_that_are_there(version):
    with pytest.raises(UnknownDataset, match="photos has no size 224; it has: 8, 4"):
        version.rows(224)


def test_an_unknown_version_is_refused(published):
    with pytest.raises(UnknownDataset, match="has no version 2; it has: 1"):
        open_version(published.tiers, "photos", number=2)
    assert open_version(published.tiers, "photos", number=1).version == published.version


def test_an_unknown_or_unpublished_dataset_is_refused_with_the_command_that_makes_it(tmp_path: Path):
    tiers = Tiers(tmp_path, tmp_path)
    for _ in range(2):
        with pytest.raises(UnknownDataset, match=r"holds no published version; run: imagemill prepare … --dataset pho"):
            open_version(tiers, "photos")
        create_dataset(tmp_path, "photos")


# ---- Damage


def pixel_file(path: Path, pixels: bytes) -> tuple[Path, int]:
    """Find the file of an object that holds `pixels`, and where."""
    for file in [path] if path.is_file() else path.rglob("*.blp"):
        if (offset := file.read_bytes().find(pixels)) >= 0:
            return file, offset
    raise AssertionError("the pixels are in no file")


def test_a_flipped_pixel_is_damage_and_never_a_wrong_pixel(published, version, flip_bit: Callable[..., None]):
    for row in (0, 3, 5, 13):
        shard, within = next((s, row - sum(SHARDS[:s])) for s in (0, 2, 3) if row < sum(SHARDS[: s + 1]))
        file, offset = pixel_file(published.object(shard, 8), published.images[8][row].tobytes())
        version.close()
        flip_bit(file, offset + 17, 3)
        with pytest.raises(DamagedDataset, match=published.object(shard, 8).name):
            version.rows(8)[row]
        flip_bit(file, offset + 17, 3)
        version.close()
        np.testing.assert_array_equal(version.rows(8)[row], published.images[8][row], err_msg=f"row {within}")


def test_rows_beside_a_damaged_chunk_are_still_read(published, version, flip_bit: Callable[..., None]):
    file, offset = pixel_file(published.object(0, 8), published.images[8][2].tobytes())
    flip_bit(file, offset)
    np.testing.assert_array_equal(version.rows(8)[0:2], published.images[8][0:2])
    np.testing.assert_array_equal(version.rows(8)[4:], published.images[8][4:])
    with pytest.raises(DamagedDataset):
        version.rows(8)[3]


def test_pixels_rewritten_by_an_hdf5_program_are_damage(publish_rows):
    published = publish_rows("hdf5", shards=SHARDS)
    with h5py.File(published.object(0, 8), "r+") as file:
        images = file["images"]
        assert isinstance(images, h5py.Dataset)
        images[3] = 0
    with (
        open_version(published.tiers, "photos", access="sequential") as opened,
        pytest.raises(DamagedDataset, match="the block of rows 2 to 3 is not what was published; nothing of it was"),
    ):
        opened.rows(8)[3]


def test_a_truncated_chunk_is_damage(published, version):
    file, _ = pixel_file(published.object(3, 8), published.images[8][8].tobytes())
    os.truncate(file, file.stat().st_size - 100)
    with pytest.raises(DamagedDataset):
        version.rows(8)[6:14]


def test_swapped_objects_are_noticed(publish_rows):
    for name in FORMATS:
        published = publish_rows(name, shards=(4, 4))
        one, other = published.object(0, 8), published.object(1, 8)
        one.rename(one.with_name("aside"))
        other.rename(one)
        one.with_name("aside").rename(other)
        with open_version(published.tiers, "photos", number=published.version.number, access="sequential") as opened:
            for row in range(8):
                with pytest.raises(DamagedDataset, match="is not what was published"):
                    opened.rows(8)[row]


def test_an_object_of_other_rows_or_size_is_damage(published, version):
    shards = published.object(0, 8), published.object(3, 8), published.object(0, 4)
    shards[0].rename(shards[0].with_name("aside"))
    shards[1].rename(shards[0])
    with pytest.raises(DamagedDataset, match=r"should hold 5 rows of 8 pixels, it holds 8 of 8"):
        version.rows(8)[0]
    shards[0].rename(shards[1])
    shards[2].rename(shards[0])
    with pytest.raises(DamagedDataset, match=r"should hold 5 rows of 8 pixels, it holds 5 of 4"):
        version.rows(8)[0]


def test_a_missing_object_is_damage(published, version):
    published.object(2, 8).rename(published.object(2, 8).with_name("aside"))
    with pytest.raises(DamagedDataset, match="is missing or is not a whole"):
        version.rows(8)[5]
    np.testing.assert_array_equal(version.rows(8)[:5], published.images[8][:5])


def test_rows_without_their_receipt_are_not_read_unless_unchecked(published, version):
    published.tiers.authority("photos").receipt(published.version.shards[0].key).unlink()
    with pytest.raises(DamagedDataset, match="is missing: without it the rows cannot be checked"):
        version.rows(8)[0]
    with open_version(published.tiers, "photos", access="sequential", check=False) as unchecked:
        np.testing.assert_array_equal(unchecked.rows(8)[0], published.images[8][0])


def test_checksums_need_not_follow_the_chunks_of_the_file(publish_rows):
    coarse = publish_rows("hdf5", shards=(6,), rows_per_chunk=3)
    kept = coarse.object(0, 8).read_bytes()
    fine = publish_rows("hdf5", shards=(6,), rows_per_chunk=1)
    fine.object(0, 8).write_bytes(kept)
    with open_version(fine.tiers, "photos", access="sequential") as opened:
        np.testing.assert_array_equal(opened.rows(8)[[4, 0, 5]], coarse.images[8][[4, 0, 5]])


def test_every_flipped_byte_of_the_table_is_noticed(published, flip_bit: Callable[..., None]):
    path = published.tiers.authority("photos").objects / published.version.table.name
    for offset in range(0, path.stat().st_size, 37):
        flip_bit(path, offset, offset % 8)
        with (
            open_version(published.tiers, "photos", access="sequential") as opened,
            pytest.raises(DamagedDataset, match="is not the table of rows that was published"),
        ):
            opened.labels.sum()
        flip_bit(path, offset, offset % 8)
    path.unlink()
    with (
        open_version(published.tiers, "photos", access="sequential") as opened,
        pytest.raises(DamagedDataset, match="is missing"),
    ):
        opened.path(0)


# ---- Disks and open files


def test_random_reading_takes_the_fast_copies_alone(published):
    stage(published.tiers, "photos", published.version.objects)
    for shard, rows in enumerate(SHARDS):
        if rows:
            published.object(shard, 8).rename(published.object(shard, 8).with_name(f"aside {shard}"))
    with open_version(published.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[[13, 0]], published.images[8][[13, 0]])
    with open_version(published.tiers, "photos", access="sequential") as opened, pytest.raises(DamagedDataset):
        opened.rows(8)[0]


def test_only_so_many_files_are_open_at_once_and_none_after_closing(
    publish_rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.plain_rows.ROW_FILES", OpenFiles(5))
    published = publish_rows("hdf5", shards=(1,) * 8)
    with open_version(published.tiers, "photos", access="sequential") as opened:
        for _ in range(2):
            np.testing.assert_array_equal(opened.rows(4)[:], published.images[4])
            assert open_below(tmp_path, suffix=".h5") == 5
    assert open_below(tmp_path, suffix=".h5") == 0


@pytest.mark.parametrize("check", [True, False])
def test_threads_read_the_same_version_at_once(published, check: bool):
    with open_version(published.tiers, "photos", check=check) as opened:
        wanted = [np.random.default_rng(seed).permutation(len(opened)) for seed in range(40)]
        with ThreadPoolExecutor(8) as threads:
            for rows, found in zip(wanted, threads.map(lambda rows: opened.rows(8)[rows], wanted), strict=True):
                np.testing.assert_array_equal(found, published.images[8][rows])


def test_a_process_that_was_forked_reads_what_its_parent_has_open(published):
    with open_version(published.tiers, "photos") as opened:
        assert len(opened.rows(8)[:]) == len(opened)
        if (child := os.fork()) == 0:
            same = np.array_equal(opened.rows(8)[::-1], published.images[8][::-1])
            os._exit(0 if same else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_shard_that_cannot_be_used_is_not_left_open(publish_rows, tmp_path: Path):
    published = publish_rows("hdf5", shards=(2,))
    published.tiers.authority("photos").receipt(published.version.shards[0].key).unlink()
    opened = open_version(published.tiers, "photos", access="sequential")
    with pytest.raises(DamagedDataset):
        opened.rows(8)[0]
    assert open_below(tmp_path, suffix=".h5") == 0


# ---- Copies that fail


@pytest.fixture
def staged(published):
    stage(published.tiers, "photos", published.version.objects)
    return published


def copy_of(published, shard: int, side: int) -> Path:
    return published.tiers.fast / "photos" / "objects" / published.object(shard, side).name


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_without_copies_the_slow_root_is_read_with_one_warning(published, caplog: pytest.LogCaptureFixture):
    with open_version(published.tiers, "photos") as opened:
        for _ in range(2):
            np.testing.assert_array_equal(opened.rows(8)[:], published.images[8])
    (warning,) = warnings(caplog)
    assert str(copy_of(published, 0, 8)) in warning
    assert "imagemill stage photos" in warning


def test_copies_that_are_all_there_are_no_reason_to_warn(staged, caplog: pytest.LogCaptureFixture):
    with open_version(staged.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
    assert warnings(caplog) == []


def test_a_flipped_pixel_of_a_copy_is_read_from_the_slow_root_with_one_warning(
    staged, caplog: pytest.LogCaptureFixture, flip_bit: Callable[..., None]
):
    file, offset = pixel_file(copy_of(staged, 3, 8), staged.images[8][9].tobytes())
    flip_bit(file, offset + 5)
    with open_version(staged.tiers, "photos") as opened:
        for _ in range(3):
            np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
            np.testing.assert_array_equal(opened.rows(8)[[9, 1]], staged.images[8][[9, 1]])
    (warning,) = warnings(caplog)
    assert f"the copy {copy_of(staged, 3, 8)} failed, the slow root is read instead" in warning
    assert "imagemill stage photos --check" in warning
    assert stage(staged.tiers, "photos", staged.version.objects, check=True).copied > 0
    with open_version(staged.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
    assert len(warnings(caplog)) == 1


def test_copies_that_cannot_be_opened_are_read_from_the_slow_root(staged, caplog: pytest.LogCaptureFixture):
    for shard in (0, 2):
        file, _ = pixel_file(copy_of(staged, shard, 8), staged.images[8][{0: 0, 2: 5}[shard]].tobytes())
        file.write_bytes(b"x" * file.stat().st_size)
    with open_version(staged.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
        np.testing.assert_array_equal(opened.rows(4)[:], staged.images[4])
    assert len(warnings(caplog)) == 2


def test_a_copy_that_vanishes_while_it_is_read_is_read_from_the_slow_root(staged):
    with open_version(staged.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:2], staged.images[8][:2])
        shutil.rmtree(staged.tiers.fast)
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
        np.testing.assert_array_equal(opened.rows(4)[:], staged.images[4])


def test_where_both_are_damaged_nothing_is_returned_and_the_slow_object_is_named(
    staged, caplog: pytest.LogCaptureFixture, flip_bit: Callable[..., None]
):
    for path in (copy_of(staged, 0, 8), staged.object(0, 8)):
        file, offset = pixel_file(path, staged.images[8][3].tobytes())
        flip_bit(file, offset)
    with open_version(staged.tiers, "photos") as opened:
        for _ in range(2):
            with pytest.raises(DamagedDataset, match=str(staged.object(0, 8))):
                opened.rows(8)[3]
        np.testing.assert_array_equal(opened.rows(8)[5:], staged.images[8][5:])
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("access", ["random", "sequential"])
def test_a_link_in_place_of_an_object_is_never_followed(staged, access, caplog: pytest.LogCaptureFixture):
    for path in (staged.object(0, 8), copy_of(staged, 0, 8)):
        path.rename(staged.tiers.slow / "elsewhere") if path == staged.object(0, 8) else remove(path)
        path.symlink_to(staged.tiers.slow / "elsewhere")
    with (
        open_version(staged.tiers, "photos", access=access, check=False) as opened,
        pytest.raises(DamagedDataset, match=rf"{staged.object(0, 8)} is a symbolic link"),
    ):
        opened.rows(8)[0]


# ---- What readers hold


READER = """
import sys
from pathlib import Path
from storage import Tiers, open_version
opened = open_version(Tiers(Path(sys.argv[1]), Path(sys.argv[2])), "photos")
print(opened.rows(8)[0].sum(), flush=True)
sys.stdin.readline()
"""


def held(published, root: str) -> set[str]:
    return set(pinned(getattr(published.tiers, root)("photos")).objects)


def objects_at(published, side: int) -> set[str]:
    return {published.object(shard, side).name for shard, rows in enumerate(SHARDS) if rows}


def test_reading_holds_the_version_and_of_the_copies_those_of_its_size_until_it_is_closed(staged):
    with open_version(staged.tiers, "photos") as opened:
        assert held(staged, "authority") == {stored.name for stored in staged.version.objects}
        assert pinned(staged.tiers.authority("photos")).versions == {staged.version.number}
        assert held(staged, "cache") == set()
        opened.rows(8)[0]
        assert held(staged, "cache") == objects_at(staged, 8)
        opened.rows(4)[0]
        assert held(staged, "cache") == objects_at(staged, 8) | objects_at(staged, 4)
    assert held(staged, "authority") == held(staged, "cache") == set()


def test_sequential_reading_holds_nothing_on_the_fast_root(staged):
    with open_version(staged.tiers, "photos", access="sequential") as opened:
        opened.rows(8)[0]
        assert held(staged, "authority") >= objects_at(staged, 8)
        assert held(staged, "cache") == set()


def test_what_is_read_is_not_evicted_until_the_reader_is_killed(staged, start_python):
    reader = start_python(READER, staged.tiers.slow, staged.tiers.fast)
    assert int(reader.stdout.readline()) == staged.images[8][0].sum()
    assert set(unstage(staged.tiers, "photos").held_names) == objects_at(staged, 8)
    reader.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, reader.pid, os.WEXITED | os.WNOWAIT)
    assert unstage(staged.tiers, "photos").held_names == ()
    assert list((staged.tiers.fast / "photos" / "objects").iterdir()) == []


def test_a_copy_that_is_opened_counts_as_used(staged):
    for shard in (0, 3):
        os.utime(copy_of(staged, shard, 8), (0, 0))
    with open_version(staged.tiers, "photos") as opened:
        opened.rows(8)[0]
    assert copy_of(staged, 0, 8).stat().st_mtime > copy_of(staged, 3, 8).stat().st_mtime == 0


def everything_below(*roots: Path) -> dict[Path, tuple[int, int]]:
    found = [path for root in roots for path in root.rglob("*")]
    return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in found}


def test_who_glances_leaves_no_trace_on_either_disk(staged):
    roots = (staged.tiers.slow, staged.tiers.fast)
    before = everything_below(*roots)
    with open_version(staged.tiers, "photos", access="glance") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
        assert everything_below(*roots) == before
    assert everything_below(*roots) == before


def test_a_glance_falls_on_the_copies_and_on_the_originals_where_a_copy_is_damaged(
    staged, caplog: pytest.LogCaptureFixture
):
    remove(staged.object(3, 8))
    file, _ = pixel_file(copy_of(staged, 0, 8), staged.images[8][0].tobytes())
    file.write_bytes(b"x" * file.stat().st_size)
    with open_version(staged.tiers, "photos", access="glance") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])
    (warning,) = warnings(caplog)
    assert str(copy_of(staged, 0, 8)) in warning


def test_what_was_collected_under_a_glance_is_an_error_that_names_it(staged):
    with open_version(staged.tiers, "photos", access="glance") as opened:
        remove(copy_of(staged, 0, 8))
        remove(staged.object(0, 8))
        with pytest.raises((DamagedDataset, FileNotFoundError), match=staged.object(0, 8).name):
            opened.rows(8)[0]


def test_where_no_pin_can_be_written_reading_goes_on(staged):
    for root in (staged.tiers.slow, staged.tiers.fast):
        (root / "photos" / "pins").rmdir()
        (root / "photos" / "pins").write_text("in the way")
    with open_version(staged.tiers, "photos") as opened:
        np.testing.assert_array_equal(opened.rows(8)[:], staged.images[8])


def test_a_pin_is_refreshed_whenever_a_shard_is_opened(publish_rows, tmp_path: Path):
    published = publish_rows("hdf5", shards=SHARDS)
    with open_version(published.tiers, "photos", access="sequential") as opened:
        before = set((published.tiers.slow / "photos" / "pins").iterdir())
        opened.rows(8)[0]
        (path,) = set((published.tiers.slow / "photos" / "pins").iterdir()) - before
        os.utime(path, (0, 0))
        opened.rows(8)[0]
        assert path.stat().st_mtime == 0
        opened.rows(8)[13]
        assert path.stat().st_mtime > 0
