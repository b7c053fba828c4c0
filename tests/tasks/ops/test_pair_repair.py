"""Pairs that were damaged are again what was published, to the bit, or it is said why not."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

import tasks.ops.pair_publication as publication
from storage.durable import remove
from storage.pair_versions import BAD, GOOD
from storage.staging import stage
from storage.verification import verified
from tasks.ops.repair import Repair, repair_dataset
from tests.storage.damaged_files import DAMAGES, files_of, on_disk, paths_of
from tests.tasks.ops.paired_images import FORMATS, HALF, Paired, paired, photos

pytestmark = pytest.mark.usefixtures("no_process_is_left")

every_format = pytest.mark.parametrize("array_format", FORMATS)
AGAIN = "made again from the images of photos"


@pytest.fixture
def pairs(tmp_path: Path) -> Paired:
    return paired(photos(tmp_path, shards=(5, 0, 3)).tiers)


def repaired(pairs: Paired) -> Repair:
    return repair_dataset(pairs.tiers, pairs.dataset, source=None, workers=1)


def contents(pairs: Paired) -> dict[str, str]:
    """Return the hash of each file of the dataset by its path, locks left out."""
    root = pairs.folder.path
    found = {os.path.relpath(path, root): content for path, (content, _) in on_disk(root).items()}
    return {path: content for path, content in found.items() if path != "lock"}


def spoil(path: Path, damage: str = "middle bit") -> None:
    """Damage an object's largest file; one that it shares with another dataset stays whole there."""
    file = max(files_of(path), key=lambda file: file.stat().st_size)
    content = DAMAGES[damage](file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)


def spoil_in_place(path: Path) -> None:
    """Flip a bit of a file and of whatever shares its bytes."""
    content = DAMAGES["middle bit"](path.read_bytes())
    assert content
    with path.open("r+b") as file:
        file.write(content)


def record_instead(monkeypatch: pytest.MonkeyPatch, part: str, other: str) -> None:
    """Let a recipe be recorded with another text in place of a part of it."""
    written = publication.canonical_form
    monkeypatch.setattr(publication, "canonical_form", lambda recipe: written(recipe).replace(part, other))


# ---- To the bit


@pytest.mark.parametrize(("array_format", "damage"), [("bcolz", "middle bit"), ("hdf5", "deleted")])
def test_good_and_bad_arrays_come_back_to_the_bit(array_format: str, damage: str, tmp_path: Path):
    pairs = paired(photos(tmp_path, array_format, shards=(5, 0, 3)).tiers)
    before = contents(pairs)
    lost = [pairs.object(0, BAD), pairs.object(2, BAD), pairs.object(2, GOOD)]
    for path in lost:
        spoil(path, damage)
    done = repaired(pairs)
    assert (done.repaired, done.unrepaired) == (dict.fromkeys(lost, AGAIN), {})
    assert contents(pairs) == before
    assert verified(pairs.tiers, pairs.dataset, share=1.0).is_whole


@every_format
def test_a_good_array_that_comes_back_is_shared_again(array_format: str, tmp_path: Path):
    origin = photos(tmp_path, array_format)
    pairs = paired(origin.tiers)
    remove(pairs.object(0, GOOD))
    assert repaired(pairs).repaired == {pairs.object(0, GOOD): AGAIN}
    one, other = files_of(pairs.object(0, GOOD)), files_of(origin.object(0, 8))
    assert [file.stat().st_ino for file in one] == [file.stat().st_ino for file in other]


def test_whole_pairs_are_left_alone(pairs: Paired):
    before = on_disk(pairs.folder.objects)
    done = repaired(pairs)
    assert (done.repaired, done.unrepaired) == ({}, {})
    assert on_disk(pairs.folder.objects) == before


def test_all_but_pixels_comes_back_from_the_spare_copy_without_the_origin(pairs: Paired):
    shutil.rmtree(pairs.tiers.slow / "photos")
    before = contents(pairs)
    for kind in ("mark", "version", "receipt", "table", "card"):
        for path in paths_of(pairs.folder.path, kind):
            spoil(path)
            done = repaired(pairs)
            assert (list(done.repaired), done.unrepaired) == ([path], {}), kind
            assert contents(pairs) == before, kind


def test_bad_arrays_need_no_origin(pairs: Paired):
    shutil.rmtree(pairs.tiers.slow / "photos")
    before = contents(pairs)
    spoil(pairs.object(0, BAD))
    assert repaired(pairs).repaired == {pairs.object(0, BAD): AGAIN}
    assert contents(pairs) == before


@pytest.mark.parametrize("shard", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_receipt_that_is_lost_with_its_spare_copy_is_written_again(pairs: Paired, shard: int):
    receipt = pairs.folder.receipt(pairs.version.shards[shard].key)
    for path in (receipt, *pairs.folder.spares.iterdir()):
        path.unlink()
    done = repaired(pairs)
    assert done.repaired[receipt] == AGAIN
    assert done.unrepaired == {}
    assert verified(pairs.tiers, pairs.dataset, share=1.0).is_whole


def test_the_arrays_of_a_version_that_is_not_the_current_one_come_back_too(tmp_path: Path):
    first = paired(photos(tmp_path, shards=(5, 3)).tiers, dataset="pairs")
    paired(first.tiers, HALF.replace('bad_side = "1/2"', 'bad_side = "1/2"\nseed = 1'), dataset="pairs")
    before = contents(first)
    lost = [first.object(0, BAD), first.object(1, GOOD)]
    for path in lost:
        spoil(path)
    done = repaired(first)
    assert (done.repaired, done.unrepaired) == (dict.fromkeys(lost, AGAIN), {})
    assert contents(first) == before


def test_a_copy_on_the_fast_root_comes_first(pairs: Paired):
    stage(pairs.tiers, pairs.dataset, pairs.version.objects)
    path = pairs.object(0, BAD)
    spoil(path)
    copy = pairs.tiers.cache(pairs.dataset).objects / path.name
    assert repaired(pairs).repaired == {path: f"copied from {copy}"}


# ---- What cannot be restored


def test_damage_that_pairs_share_with_their_origin_is_told_with_what_to_repair_first(pairs: Paired):
    path = pairs.object(0, GOOD)
    spoil_in_place(path)
    before = contents(pairs)
    done = repaired(pairs)
    theirs = pairs.tiers.authority("photos").objects / path.name
    told = f"its good images are {theirs}, which is damaged or gone, too; if it can be repaired, run first: "
    assert (done.repaired, done.unrepaired) == ({}, {path: f"{told}imagemill repair photos"})
    assert contents(pairs) == before


def test_good_rows_that_are_gone_for_good_are_named_and_other_shards_are_repaired(pairs: Paired):
    shutil.rmtree(pairs.tiers.slow / "photos")
    lost = [pairs.object(0, GOOD), pairs.object(2, BAD)]
    for path in lost:
        remove(path)
    done = repaired(pairs)
    assert done.repaired == {lost[1]: AGAIN}
    assert re.match(rf"its good images are .*/photos/objects/{lost[0].name}, which is", done.unrepaired[lost[0]])


def test_other_bytes_are_not_stored_and_the_libraries_that_changed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A record that tells another seed than the pairs were made with stands for a library that draws otherwise."""
    origin = photos(tmp_path)
    record_instead(monkeypatch, '"seed":0', '"seed":7')
    monkeypatch.setattr(publication, "pair_libraries", lambda: (("turbo", "2.0"),))
    pairs = paired(origin.tiers)
    monkeypatch.undo()
    path = pairs.object(0, BAD)
    spoil(path)
    before = contents(pairs)
    why = "the same good images give other bad ones: a library that decides them has changed (turbo 2.0 → none)"
    assert repaired(pairs).unrepaired == {path: why}
    assert contents(pairs) == before


def test_a_recipe_of_other_defects_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record_instead(monkeypatch, '"revision":1', '"revision":99')
    pairs = paired(photos(tmp_path).tiers)
    monkeypatch.undo()
    path = pairs.object(0, BAD)
    remove(path)
    told = repaired(pairs).unrepaired[path]
    assert told.startswith("nobody knows any more how they were made: recipe half was made for revision 99")
