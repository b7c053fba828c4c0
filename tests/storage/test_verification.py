"""Whatever is damaged is found and named, whatever is whole is not, and nothing on disk is changed by looking."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.damage import Damage
from storage.errors import UnknownDataset, UnreadableRecord
from storage.staging import stage
from storage.tiers import Tiers
from storage.verification import Verification, seed_of_today, verified
from tests.storage.damaged_files import (
    DAMAGES,
    KINDS,
    as_of_format,
    damaged,
    files_of,
    flipped,
    on_disk,
    paths_of,
    swapped,
)
from tests.storage.random_versions import Published

FORMATS = ("bcolz", "hdf5")
FIRST, SECOND = (3, 0, 5), (3, 4)
"""Rows of the shards of two versions, which share the first shard."""


@pytest.fixture(params=FORMATS)
def published(request: pytest.FixtureRequest, prepublished: Callable[..., Published]) -> Published:
    """The second of two versions."""
    return prepublished(request.param, FIRST, SECOND)


def check(published: Published, *, share: float = 1.0, seed: int = 0) -> Verification:
    return verified(published.tiers, "photos", share=share, seed=seed)


def named(found: Verification) -> set[Path]:
    return {damage.path for damage in found.damages}


def kinds_of(published: Published) -> list[str]:
    return [kind for kind in KINDS if paths_of(published.folder.path, kind)]


# ---- Whole


def test_a_whole_dataset_is_whole_and_everything_was_looked_at(published: Published):
    found = check(published)
    items = [path for kind in kinds_of(published) for path in paths_of(published.folder.path, kind)]
    assert (found.damages, found.notes, found.is_whole) == ((), (), True)
    assert (found.dataset, found.versions) == ("photos", (1, 2))
    assert found.files == len(items)
    hashed = [path for path in items if path.parent.name in ("objects", "spares")]
    assert found.hashed_bytes == sum(file.stat().st_size for path in hashed for file in files_of(path))


def test_looking_changes_nothing(published: Published):
    stage(published.tiers, "photos", published.version.objects)
    spoiled = published.object(0, 8)
    spoiled.rename(spoiled.with_name("aside"))
    before = on_disk(published.tiers.slow), on_disk(published.tiers.fast)
    for share in (0.0, 0.5, 1.0):
        assert not check(published, share=share).is_whole
    assert (on_disk(published.tiers.slow), on_disk(published.tiers.fast)) == before


def test_a_dataset_without_a_version_is_whole(folder):
    found = verified(Tiers(folder.path.parent, folder.path.parent), "photos", share=1.0)
    assert (found.is_whole, found.versions, found.files, found.hashed_bytes) == (True, (), 1, 0)


# ---- Damaged


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_of_any_file_is_found_and_the_file_is_named(published: Published, damage: str):
    folder = published.folder
    for kind in kinds_of(published):
        path = paths_of(folder.path, kind)[-1]
        if (kind, damage) == ("spare", "deleted"):
            continue
        for file in files_of(path):
            with damaged(file, DAMAGES[damage](file.read_bytes())):
                found = check(published)
            assert named(found) == {path}, (kind, file)
            assert found.damages[0].problem
    assert check(published).is_whole


def test_a_version_without_its_spare_is_whole_and_somebody_is_told(published: Published):
    spare = paths_of(published.folder.path, "spare")[0]
    with damaged(spare, None):
        found = check(published)
    assert found.is_whole
    (note,) = found.notes
    assert note.startswith("version 1 has no spare copy of its records; the next prepare or `imagemill repair photos`")


def test_two_files_of_a_kind_that_changed_places_are_found_both(published: Published):
    folder = published.folder
    for kind in kinds_of(published):
        one, *_, other = paths_of(folder.path, kind) * 2
        if one == other or (one.is_file() and one.read_bytes() == other.read_bytes()):
            continue
        with swapped(one, other):
            found = named(check(published))
        if kind == "hashes of listings":
            # A hash and a listing that disagree: either may be the wrong one, and the listing is named.
            assert {path.parent for path in found} == {one.parent, other.parent}
        else:
            assert found == {one, other}, kind


def test_every_kind_has_been_damaged_and_every_kind_with_two_files_swapped(published: Published):
    counts = {kind: len(paths_of(published.folder.path, kind)) for kind in kinds_of(published)}
    assert set(KINDS) - set(counts) == ({"view"} if published.version.parameters.array_format == "bcolz" else set())
    assert {kind for kind, count in counts.items() if count < 2} == {"mark", "report"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), choice=st.randoms(use_true_random=False))
def test_any_flipped_bit_of_any_file_is_found(published: Published, place: float, bit: int, choice: random.Random):
    path = choice.choice(paths_of(published.folder.path, choice.choice(kinds_of(published))))
    file = choice.choice(files_of(path))
    content = file.read_bytes()
    with damaged(file, flipped(content, int(place * len(content)), bit)):
        assert path in named(check(published))


@pytest.mark.parametrize("made", ["a link to the same bytes", "a link to nowhere", "a folder"])
def test_what_stands_in_the_place_of_a_file_is_damage(published: Published, made: str, tmp_path: Path):
    for kind in kinds_of(published):
        path = paths_of(published.folder.path, kind)[-1]
        path.rename(tmp_path / "aside")
        if made == "a folder" and (tmp_path / "aside").is_dir():
            path.write_bytes(b"a file")
        elif made == "a folder":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / ("aside" if made == "a link to the same bytes" else "nowhere"))
        assert named(check(published)) == {path}, kind
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        (tmp_path / "aside").rename(path)
    assert check(published).is_whole


def test_a_link_within_an_array_is_damage_whatever_it_leads_to(prepublished: Callable[..., Published], tmp_path: Path):
    published = prepublished("bcolz", (3,))
    chunk = published.object(0, 8) / "images" / "data" / "__0.blp"
    chunk.rename(tmp_path / "aside")
    chunk.symlink_to(tmp_path / "aside")
    (damage,) = check(published, share=0.0).damages
    assert damage.path == published.object(0, 8)
    assert "it holds a symbolic link, which imagemill never makes there: images/data/__0.blp" in damage.problem


@pytest.mark.parametrize("more", ["file", "folder/file"])
def test_a_file_too_many_within_an_array_is_damage(prepublished: Callable[..., Published], more: str):
    published = prepublished("bcolz", (3,))
    path = published.object(0, 8) / "images" / more
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    assert named(check(published)) == {published.object(0, 8)}


def test_what_nobody_published_is_no_damage(published: Published):
    folder = published.folder
    (folder.objects / f"8-{'0' * 64}.h5").write_bytes(b"of a run that died")
    (folder.objects / "notes.txt").write_bytes(b"of a person")
    (folder.path / "receipts" / f"{'1' * 64}.json").write_bytes(b"{}")
    (folder.path / "plans" / ("2" * 32)).mkdir()
    (folder.versions / "00000003.json.0123.partial").write_bytes(b"{")
    (folder.spares / "notes.zip").write_bytes(b"")
    assert check(published).is_whole


# ---- Which rows


def test_a_damaged_chunk_is_told_by_its_rows_and_classes(published: Published):
    classes = np.array(published.version.classes)
    for row in (0, 2, 3, 6):
        shard, first = (0, 0) if row < 3 else (1, 3)
        chunk = slice(first + (row - first) // 2 * 2, min(first + (row - first) // 2 * 2 + 2, first + SECOND[shard]))
        path = published.object(shard, 8)
        file, offset = pixel_file(path, published.images[8][row].tobytes())
        with damaged(file, flipped(file.read_bytes(), offset + 17, 3)):
            (damage,) = check(published).damages
        assert (damage.path, damage.tier, damage.rows) == (path, "slow", ((chunk.start, chunk.stop),))
        assert damage.classes == tuple(sorted(set(classes[published.labels[chunk]])))
        assert damage.versions == ((1, 2) if shard == 0 else (2,))
        assert damage.shard == published.version.shards[shard].key
        assert f"; rows {chunk.start} to {chunk.stop - 1}; " in str(damage)


def pixel_file(path: Path, pixels: bytes) -> tuple[Path, int]:
    """Find the file of an object that holds `pixels`, and where."""
    for file in files_of(path):
        if (offset := file.read_bytes().find(pixels)) >= 0:
            return file, offset
    raise AssertionError("the pixels are in no file")


def test_an_array_that_is_lost_loses_all_rows_of_its_shard(published: Published):
    shutil.move(published.object(1, 4), published.tiers.slow)
    (damage,) = check(published, share=0.0).damages
    assert (damage.problem, damage.rows) == ("missing", ((3, 7),))


def test_a_table_or_view_or_card_loses_no_row(published: Published):
    for stored in published.version.companions:
        path = published.folder.objects / stored.name
        with damaged(path, None):
            (damage,) = check(published).damages
        assert (damage.path, damage.rows, damage.classes, damage.shard) == (path, (), (), None)


# ---- How much is looked at


def test_a_quick_look_reads_all_records_and_sizes_but_no_array(published: Published):
    for kind in kinds_of(published):
        path = paths_of(published.folder.path, kind)[-1]
        file = files_of(path)[-1]
        is_hashed = path.parent.name in ("objects", "spares")
        with damaged(file, flipped(file.read_bytes(), 7, 0)):
            assert named(check(published, share=0.0)) == (set() if is_hashed else {path}), kind
        with damaged(file, file.read_bytes()[:-1]):
            assert named(check(published, share=0.0)) == (set() if kind == "spare" else {path}), kind
    assert check(published, share=0.0).hashed_bytes == 0


def test_samples_are_drawn_by_the_seed_and_come_to_see_everything(published: Published):
    file = files_of(published.object(1, 8))[-1]
    with damaged(file, flipped(file.read_bytes(), 7, 0)):
        runs = [check(published, share=0.2, seed=seed) for seed in range(30)]
        assert check(published, share=0.2, seed=3) == runs[3]
    whole = check(published).hashed_bytes
    assert all(0 < run.hashed_bytes < 0.9 * whole for run in runs)
    assert {run.is_whole for run in runs} == {True, False}


def test_the_smallest_sample_is_one_file(published: Published):
    sizes = {check(published, share=1e-9, seed=seed).hashed_bytes for seed in range(20)}
    assert 0 not in sizes
    assert len(sizes) > 1


@pytest.mark.parametrize(("now", "seed"), [(0.0, 0), (86_399.9, 0), (86_400.0, 1), (1.8e9, 20_833)])
def test_the_seed_is_the_same_all_day_and_another_the_next(monkeypatch: pytest.MonkeyPatch, now: float, seed: int):
    monkeypatch.setattr(time, "time", lambda: now)
    assert seed_of_today() == seed


def test_progress_is_told_in_bytes_and_comes_to_the_whole(published: Published):
    totals: list[int] = []
    parts: list[int] = []
    found = verified(published.tiers, "photos", share=0.5, on_start=totals.append, on_bytes=parts.append)
    assert totals == [found.hashed_bytes] == [sum(parts)]
    assert len(parts) > 3


# ---- Copies on the fast root


def test_a_damaged_copy_is_found_and_told_apart_from_its_original(published: Published):
    stage(published.tiers, "photos", published.version.objects)
    copy = published.tiers.fast / "photos" / "objects" / published.object(1, 8).name
    file, offset = pixel_file(copy, published.images[8][5].tobytes())
    with damaged(file, flipped(file.read_bytes(), offset, 0)):
        (damage,) = check(published).damages
    assert (damage.path, damage.tier, damage.rows) == (copy, "fast", ((5, 7),))
    shutil.move(copy, published.tiers.fast)
    assert check(published).is_whole


def test_copies_count_among_the_files_and_bytes(published: Published):
    before = check(published)
    stage(published.tiers, "photos", published.version.objects)
    after = check(published)
    assert after.files - before.files == len(set(published.version.objects))
    assert after.hashed_bytes - before.hashed_bytes == sum(stored.bytes for stored in set(published.version.objects))


def test_what_was_published_on_the_fast_root_is_nobodys_copy(published: Published):
    theirs = Path(shutil.copytree(published.folder.path, published.tiers.fast / "photos"))
    for file in files_of(theirs / "objects" / published.object(0, 8).name):
        file.write_bytes(b"their damage")
    assert check(published).is_whole


# ---- What is not there


def test_an_unknown_dataset_is_refused_with_those_that_are_there_and_is_not_made(published: Published):
    with pytest.raises(UnknownDataset, match=r"has no dataset 'pictures'; it has: photos"):
        verified(published.tiers, "pictures", share=1.0)
    assert os.listdir(published.tiers.slow) == ["photos"]


def test_a_dataset_of_another_format_is_refused_and_not_called_damaged(published: Published):
    path = published.folder.marker
    of_old = as_of_format(path.read_bytes(), "dataset", 1)
    with damaged(path, of_old), pytest.raises(UnreadableRecord, match=r"dataset of format 1; .* reads a dataset of fo"):
        check(published)


def test_a_damage_tells_all_it_knows_in_one_line():
    damage = Damage(
        Path("/root/x.h5"),
        "missing",
        versions=(1, 2),
        rows=((0, 4), (8, 9)),
        classes=("a", "b", "c", "d", "e", "f", "g"),
    )
    text = "/root/x.h5: missing; rows 0 to 3, 8 to 8; classes a, b, c, d, e and 2 more; version 1, 2"
    assert str(damage) == text
    assert str(replace(damage, versions=(), rows=(), classes=())) == "/root/x.h5: missing"


def test_the_same_object_in_both_versions_is_looked_at_once(published: Published):
    with damaged(files_of(published.object(0, 8))[0], None):
        (damage,) = check(published, share=0.0).damages
    assert damage.versions == (1, 2)
    assert str(damage).endswith("version 1, 2")
