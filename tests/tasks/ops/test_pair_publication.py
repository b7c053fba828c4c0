"""Pairs are aligned with what they are made of, share its bytes, and are made once."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

import tasks.ops.pair_publication as publication
from storage.errors import DamagedDataset
from storage.garbage import GRACE, find_garbage, move_to_trash
from storage.pair_versions import BAD, GOOD, current_pairs
from storage.reading import open_pairs
from storage.versions import version_numbers
from tasks.ops.pair_building import PairShardJob
from tasks.ops.pair_publication import is_whole
from tests.faults.bare_pairs import build_here
from tests.oracles.published_dataset import assert_object, fingerprint, record_body
from tests.storage.aged_versions import age
from tests.storage.damaged_files import files_of, flipped
from tests.storage.random_versions import Published
from tests.tasks.ops.paired_images import (
    FORMATS,
    HALF,
    SPECKLED,
    Oracle,
    Paired,
    body_of,
    paired,
    photos,
    stored_rows,
)

every_format = pytest.mark.parametrize("array_format", FORMATS)


def inodes(path: Path) -> dict[str, int]:
    """Return the inode of each file of an object by its name within it."""
    return {str(file.relative_to(path.parent)): file.stat().st_ino for file in files_of(path)}


# ---- Aligned


@every_format
def test_good_rows_are_those_of_the_origin_and_bad_ones_what_the_recipe_makes_of_each_alone(
    array_format: str, tmp_path: Path, oracle: Oracle
):
    origin = photos(tmp_path, array_format, shards=(5, 0, 3))
    pairs = paired(origin.tiers)
    oracle.assert_true(pairs, origin, HALF)
    assert stored_rows(pairs, BAD)[0].shape == (8, 4, 4, 3)


@every_format
def test_a_reader_has_both_arrays_with_labels_ids_splits_and_paths_of_the_origin(array_format: str, tmp_path: Path):
    origin = photos(tmp_path, array_format)
    pairs = paired(origin.tiers)
    table = parquet.read_table(origin.folder.objects / origin.version.table.name)
    with open_pairs(origin.tiers, pairs.dataset) as opened:
        assert (len(opened), opened.sides) == (8, (8, 4))
        assert opened.array(GOOD)[:].tobytes() == origin.images[8].tobytes()
        assert opened.array(BAD)[[6, 1]].tobytes() == stored_rows(pairs, BAD)[0][[6, 1]].tobytes()
        assert opened.labels.tolist() == origin.labels.tolist()
        assert opened.ids.tolist() == table["id"].to_pylist()
        assert opened.splits.tolist() == table["split"].to_pylist()
        assert [opened.path(row) for row in range(8)] == origin.names


@every_format
def test_good_and_bad_images_of_one_size_are_two_arrays(array_format: str, tmp_path: Path, oracle: Oracle):
    origin = photos(tmp_path, array_format)
    pairs = paired(origin.tiers, SPECKLED)
    oracle.assert_true(pairs, origin, SPECKLED)
    with open_pairs(origin.tiers, pairs.dataset) as opened:
        assert opened.sides == (8, 8)
        bad, good = opened.array(BAD)[:], opened.array(GOOD)[:]
    # One row in two has the defect, and the others are the good ones.
    spoilt = (bad != good).any(axis=(1, 2, 3))
    assert 0 < spoilt.sum() < 8


def test_a_recipe_that_changes_no_row_still_has_two_arrays(tmp_path: Path):
    origin = photos(tmp_path)
    pairs = paired(origin.tiers, SPECKLED.replace("0.5", "0.0"))
    assert stored_rows(pairs, BAD)[0].tobytes() == origin.images[8].tobytes()
    assert {name.split("-")[0] for name in os.listdir(pairs.folder.objects)} == {"8", "bad", "rows", "card"}


def test_smaller_good_images_are_taken_where_they_are_asked_for(tmp_path: Path, oracle: Oracle):
    origin = photos(tmp_path)
    pairs = paired(origin.tiers, side=4)
    oracle.assert_true(pairs, origin, HALF, side=4)
    assert pairs.version.sides == (4, 2)


def test_the_record_and_its_objects_are_whole_by_their_own_hashes(tmp_path: Path):
    origin = photos(tmp_path, shards=(5, 0, 3))
    body = body_of(paired(origin.tiers))
    dataset = tmp_path / "slow" / "photos-half"
    for stored in [body["table"], body["card"], *(each for shard in body["shards"] for each in shard["objects"])]:
        assert_object(dataset, stored)
    assert body["table"] == json.loads(json.dumps(record_body(origin.folder.version(1), "version")["table"]))
    assert body["identity"] == fingerprint([[shard["identity"] for shard in body["shards"]], ["cat", "dog"]])
    assert (body["stored"], [shard["rows"] for shard in body["shards"]]) == (8, [5, 0, 3])
    assert body["origin"] == {"dataset": "photos", "identity": origin.version.identity, "number": 1, "side": 8}


def test_an_origin_without_any_row_makes_pairs_without_rows(tmp_path: Path):
    origin = photos(tmp_path, "bcolz", shards=(0, 0))
    pairs = paired(origin.tiers)
    assert (pairs.version.stored, pairs.built, pairs.is_new) == (0, 2, True)
    with open_pairs(origin.tiers, pairs.dataset) as opened:
        assert opened.array(GOOD)[:].shape == (0, 8, 8, 3)
        assert opened.array(BAD)[:].shape == (0, 4, 4, 3)
    assert not paired(origin.tiers).is_new


# ---- Shared


@every_format
def test_good_arrays_and_the_table_are_hard_links_of_the_origins(array_format: str, tmp_path: Path):
    origin = photos(tmp_path, array_format)
    pairs = paired(origin.tiers)
    for shard in range(2):
        assert inodes(pairs.object(shard, GOOD)) == inodes(origin.object(shard, 8))
    table = pairs.version.table.name
    assert inodes(pairs.folder.objects / table) == inodes(origin.folder.objects / table)


@every_format
def test_where_no_links_are_possible_good_arrays_are_copied(
    array_format: str, tmp_path: Path, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
):
    origin = photos(tmp_path, array_format)
    linking = os.link

    def refused(source: str | Path, target: str | Path, **options: bool) -> None:
        if "objects" in Path(source).parts:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        linking(source, target, **options)

    monkeypatch.setattr(os, "link", refused)
    pairs = paired(origin.tiers)
    monkeypatch.undo()
    oracle.assert_true(pairs, origin, HALF)
    for shard in range(2):
        mine, theirs = inodes(pairs.object(shard, GOOD)), inodes(origin.object(shard, 8))
        assert mine.keys() == theirs.keys()
        assert not set(mine.values()) & set(theirs.values())


@every_format
def test_what_is_collected_of_the_origin_leaves_the_pairs_whole(array_format: str, tmp_path: Path):
    photos(tmp_path, array_format, shards=(5, 3))
    first = paired(photos(tmp_path, array_format, shards=(4, 3)).tiers, number=1)
    origin = first.tiers.authority("photos")
    for part in ("versions", "spares", "plans", "receipts", "objects"):
        for path in (origin.path / part).iterdir():
            age(path, days=30)
    before = set(origin.objects.iterdir())
    move_to_trash(origin, find_garbage(origin, keep=1), keep=1, grace=GRACE)
    assert version_numbers(origin) == [2]
    assert len(before - set(origin.objects.iterdir())) > 2
    for shard in body_of(first)["shards"]:
        for stored in shard["objects"]:
            assert_object(first.folder.path, stored)


def test_what_was_just_shared_is_no_garbage_however_old_its_bytes_are(tmp_path: Path):
    origin = photos(tmp_path)
    for path in origin.folder.objects.iterdir():
        age(path, days=30)
    pairs = paired(origin.tiers)
    for path in (pairs.folder.version(1), *pairs.folder.spares.iterdir()):
        path.unlink()
    assert find_garbage(pairs.folder, keep=None) == []


# ---- Once


def test_the_same_again_makes_nothing_and_publishes_nothing(tmp_path: Path):
    origin = photos(tmp_path)
    first = paired(origin.tiers)
    before = {path: path.stat().st_ino for path in first.folder.path.rglob("*") if path.is_file()}
    again = paired(origin.tiers)
    assert (again.built, again.is_new, again.version) == (0, False, first.version)
    after = {path: path.stat().st_ino for path in first.folder.path.rglob("*") if path.is_file()}
    assert {path for path in before.keys() ^ after.keys() if path.parent.name != "tmp"} == set()
    assert is_whole(again.folder, again.version)


def test_another_recipe_size_or_library_makes_another_identity_and_another_name_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    origin = photos(tmp_path)
    recipes = {
        "half": HALF,
        "another name": HALF.replace('name = "half"', 'name = "other"'),
        "another seed": HALF + "\n" + "",
        "other noise": HALF.replace('"gaussian-noise"', '"gaussian-noise"\ndeviation = [4.0, 21.0]'),
        "other order": '\nname = "half"\nbad_side = "1/2"\n[[defects]]\ndefect = "shrink"\nside = "1/2"\n'
        '[[defects]]\ndefect = "gaussian-noise"\n',
    }
    recipes["another seed"] = HALF.replace('bad_side = "1/2"', 'bad_side = "1/2"\nseed = 1')
    made = {what: paired(origin.tiers, text, dataset="pairs") for what, text in recipes.items()}
    made["another size"] = paired(origin.tiers, HALF, side=4, dataset="pairs")
    monkeypatch.setattr(publication, "pair_libraries", lambda: (("numpy", "99"),))
    made["another library"] = paired(origin.tiers, HALF, dataset="pairs")
    identities = {what: pairs.version.identity for what, pairs in made.items()}
    assert identities.pop("another name") == identities["half"]
    assert len(set(identities.values())) == 6
    assert made["other noise"].version.number == 3
    # Each of them shares the good array that the first one had.
    assert len(list(made["half"].folder.objects.glob("8-*"))) == 2


def test_images_that_are_added_leave_the_pairs_of_the_other_shards_as_they_are(tmp_path: Path, oracle: Oracle):
    first = paired(photos(tmp_path, shards=(5, 3)).tiers)
    origin = photos(tmp_path, shards=(5, 3, 2))
    second = paired(origin.tiers)
    assert (second.built, second.version.number, second.version.parent) == (1, 2, 1)
    assert second.version.shards[:2] == first.version.shards
    oracle.assert_true(second, origin, HALF)


def test_a_lost_receipt_object_table_or_card_comes_back_with_the_same_command(tmp_path: Path):
    origin = photos(tmp_path)
    pairs = paired(origin.tiers)
    folder, version = pairs.folder, pairs.version
    lost = {
        folder.receipt(version.shards[0].key): 1,
        pairs.object(0, GOOD): 1,
        pairs.object(1, BAD): 1,
        folder.objects / version.table.name: 0,
        folder.objects / version.card.name: 0,
    }
    for path, built in lost.items():
        content = path.read_bytes()
        path.unlink()
        assert not is_whole(folder, version)
        again = paired(origin.tiers)
        assert (again.is_new, again.version, again.built) == (False, version, built), path
        assert is_whole(folder, version)
        # A receipt tells what the work took, too.
        assert path.read_bytes() == content or path.parent.name == "receipts"
    assert len(list(folder.objects.iterdir())) == len(version.objects)


@every_format
def test_a_run_that_ends_after_some_shards_is_continued_to_the_same_bytes(array_format: str, tmp_path: Path):
    origin = photos(tmp_path, array_format, shards=(5, 3, 4))

    def failing(jobs: Iterable[PairShardJob]):
        yield from islice(build_here(jobs), 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paired(origin.tiers, build=failing)
    assert current_pairs(origin.tiers.authority("photos-half")) is None
    continued = paired(origin.tiers)
    assert continued.built == 1
    assert continued.version.identity == paired(origin.tiers, dataset="whole").version.identity
    whole = body_of(paired(origin.tiers, dataset="whole"))["shards"]
    assert body_of(continued)["shards"] == whole


# ---- Damage


@every_format
def test_a_damaged_good_row_stops_with_its_path_and_nothing_is_published(
    array_format: str, tmp_path: Path, oracle: Oracle
):
    origin = photos(tmp_path, array_format)
    path = origin.object(1, 8)
    if array_format == "bcolz":
        path = path / "images" / "data" / "__0.blp"
    content = path.read_bytes()
    row = origin.images[8][6].tobytes()
    place = content.index(row) + 5
    path.write_bytes(flipped(content, place, 2))
    with pytest.raises(DamagedDataset, match=re.escape(str(origin.object(1, 8)))) as raised:
        paired(origin.tiers)
    assert raised.value.remedy == "run: imagemill repair photos"
    folder = origin.tiers.authority("photos-half")
    assert version_numbers(folder) == []
    assert not (folder.objects / origin.object(1, 8).name).exists()
    # Restored, as a repair does it: by another file.
    path.unlink()
    path.write_bytes(content)
    oracle.assert_true(paired(origin.tiers), origin, HALF)


def test_damaged_labels_or_ids_beside_good_rows_stop_with_the_path_too(tmp_path: Path):
    origin = photos(tmp_path)
    path = origin.object(1, 8)
    content = path.read_bytes()
    place = content.index(np.array(record_ids(origin)[5:], np.uint64).tobytes())
    path.write_bytes(flipped(content, place + 3, 2))
    with pytest.raises(DamagedDataset, match=f"{re.escape(str(path))} has other labels or ids than were published"):
        paired(origin.tiers)
    assert version_numbers(origin.tiers.authority("photos-half")) == []


def record_ids(origin: Published) -> list[int]:
    """Return the id of each row, from the table of rows."""
    return parquet.read_table(origin.folder.objects / origin.version.table.name)["id"].to_pylist()


def test_a_good_array_that_an_earlier_run_left_damaged_is_shared_anew(tmp_path: Path, oracle: Oracle):
    origin = photos(tmp_path)
    folder = paired(origin.tiers).folder
    left = paired(origin.tiers).object(0, GOOD)
    content = left.read_bytes()
    left.unlink()
    left.write_bytes(flipped(content, len(content) // 2, 1))
    for path in (*folder.versions.iterdir(), *(folder.path / "receipts").iterdir(), *folder.spares.iterdir()):
        path.unlink()
    pairs = paired(origin.tiers)
    oracle.assert_true(pairs, origin, HALF)
    assert inodes(pairs.object(0, GOOD)) == inodes(origin.object(0, 8))


def test_a_lost_good_array_stops_with_its_path(tmp_path: Path):
    origin = photos(tmp_path)
    origin.object(1, 8).unlink()
    with pytest.raises(DamagedDataset, match=re.escape(str(origin.object(1, 8)))):
        paired(origin.tiers)
    assert version_numbers(origin.tiers.authority("photos-half")) == []


def test_a_lost_receipt_of_the_origin_stops_with_its_path_and_the_remedy(tmp_path: Path):
    origin = photos(tmp_path)
    path = origin.folder.receipt(origin.version.shards[0].key)
    path.unlink()
    with pytest.raises(DamagedDataset, match=re.escape(str(path))) as raised:
        paired(origin.tiers)
    assert raised.value.remedy == "run: imagemill repair photos"


# ---- The card


def card_of(pairs: Paired) -> str:
    return (pairs.folder.objects / pairs.version.card.name).read_text(encoding="utf-8")


def test_the_card_tells_origin_sizes_recipe_and_how_to_read_it_and_shows_pairs(tmp_path: Path):
    origin = photos(tmp_path)
    card = card_of(paired(origin.tiers))
    assert card.startswith("# photos-half, version 1")
    for told in ("`photos`, version 1", "8 px", "4 px, by the recipe `half`", "gaussian-noise", "shrink"):
        assert told in card
    picture = re.search(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", card)
    assert picture
    with Image.open(io.BytesIO(base64.b64decode(picture[1]))) as sheet:
        assert sheet.width > sheet.height > 90


def test_the_code_on_the_card_reads_the_pairs(tmp_path: Path):
    origin = photos(tmp_path)
    snippet = re.search(r"```python\n(.*?)```", card_of(paired(origin.tiers)), re.DOTALL)
    assert snippet
    found: dict = {"tiers": origin.tiers}
    exec(snippet[1], found)
    assert (found["good"].shape, found["bad"].shape) == ((8, 8, 8, 3), (8, 4, 4, 3))


def test_oracle_and_product_would_differ_if_rows_were_swapped(tmp_path: Path, oracle: Oracle):
    """The oracle is worth something: another row's id gives another bad image."""
    origin = photos(tmp_path)
    good, _, ids = stored_rows(paired(origin.tiers), GOOD)
    assert not np.array_equal(oracle.bad(good, ids, HALF), oracle.bad(good, ids[::-1].copy(), HALF))
