"""Versions of pairs: records, damage, collection, pins and copies, as of any dataset."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from storage.damage import Damage
from storage.datasets import create_dataset
from storage.errors import DamagedDataset, UnknownDataset, UnreadableRecord
from storage.garbage import GRACE, find_garbage, move_to_trash
from storage.pair_versions import BAD, GOOD, PAIRS, current_pairs, read_pair_version
from storage.pins import pinned
from storage.publishing import current_published, publish, read_published
from storage.reading import open_pairs, open_version
from storage.receipts import Receipt
from storage.spares import spare_of
from storage.staging import stage
from storage.verification import Verification, verified
from storage.versions import version_numbers
from tasks.ops.dataset_status import UnfinishedPairs, dataset_statuses
from tasks.ops.pair_building import PairShardJob
from tests.faults.bare_pairs import build_here
from tests.storage.aged_versions import age
from tests.storage.damaged_files import DAMAGES, as_of_format, damaged, files_of, flipped, on_disk, paths_of
from tests.tasks.ops.paired_images import FORMATS, HALF, Paired, paired, photos

every_format = pytest.mark.parametrize("array_format", FORMATS)
KINDS = ("mark", "version", "receipt", "table", "card", "spare")
READER = """
import sys
from pathlib import Path
from storage import Tiers
from storage.pair_versions import BAD
from storage.reading import open_pairs
pairs = open_pairs(Tiers(Path(sys.argv[1]), Path(sys.argv[2])), "photos-half", number=1)
print(len(pairs.array(BAD)[:]), flush=True)
sys.stdin.readline()
print(len(pairs.array(0)[:]), flush=True)
"""


@pytest.fixture
def pairs(tmp_path: Path) -> Paired:
    return paired(photos(tmp_path, shards=(5, 0, 3)).tiers)


@pytest.fixture
def grown(tmp_path: Path) -> Paired:
    """The second of two versions, of which the first has a shard of its own."""
    paired(photos(tmp_path, shards=(5, 3)).tiers)
    return paired(photos(tmp_path, shards=(5, 4)).tiers)


def rewritten(pairs: Paired, **changes: Any) -> None:
    """Give the record of the first version other fields, and the checksum that goes with them."""
    path = pairs.folder.version(1)
    body = json.loads(path.read_bytes())["body"] | changes
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    checksum = blake3(f"pair-version 2 {text}".encode()).hexdigest()
    path.write_text(f'{{"blake3":"{checksum}","format":2,"kind":"pair-version","body":{text}}}\n')


def check(pairs: Paired) -> Verification:
    return verified(pairs.tiers, pairs.dataset, share=1.0)


# ---- Records


def test_a_version_is_read_as_it_was_published_whatever_is_asked_for(pairs: Paired):
    assert read_pair_version(pairs.folder, 1) == current_pairs(pairs.folder) == pairs.version
    assert read_published(pairs.folder, 1) == current_published(pairs.folder) == pairs.version


def test_every_flipped_byte_of_a_record_is_damage(pairs: Paired):
    path = pairs.folder.version(1)
    sound = path.read_bytes()
    for place in range(0, len(sound), 23):
        with damaged(path, flipped(sound, place, place % 7)):
            try:
                read_pair_version(pairs.folder, 1)
            except (DamagedDataset, UnreadableRecord, UnknownDataset):
                continue
            pytest.fail(f"byte {place} was flipped and nobody noticed")


def test_a_record_of_another_number_is_damage_and_passed_over(grown: Paired):
    grown.folder.version(2).write_bytes(grown.folder.version(1).read_bytes())
    with pytest.raises(DamagedDataset, match=r"00000002\.json is the record of another version"):
        read_pair_version(grown.folder, 2)
    found = current_pairs(grown.folder)
    assert found
    assert found.number == 1


CONTRADICTIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "more rows than its shards": lambda body: {"stored": 9},
    "another identity": lambda body: {"identity": "0" * 64},
    "other classes": lambda body: {"classes": ["cat", "cow"]},
    "a parent that follows": lambda body: {"parent": 1},
    "bad images of no size": lambda body: {"bad_side": 0},
    "bad images larger than their bytes": lambda body: {"bad_side": 4000},
    "good images larger than their bytes": lambda body: {"origin": body["origin"] | {"side": 4000}},
    "an origin that leads out of the root": lambda body: {"origin": body["origin"] | {"dataset": "../photos"}},
    "a shard without its bad array": lambda body: {
        "shards": [shard | {"objects": shard["objects"][:1]} for shard in body["shards"]]
    },
    "an array without rows": lambda body: {
        "shards": [shard | {"objects": body["shards"][0]["objects"]} for shard in body["shards"]]
    },
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_record_that_contradicts_itself_is_damage(pairs: Paired, what: str):
    body = json.loads(pairs.folder.version(1).read_bytes())["body"]
    rewritten(pairs, **CONTRADICTIONS[what](body))
    with pytest.raises(DamagedDataset, match="contradicts itself: imagemill did not write it"):
        read_pair_version(pairs.folder, 1)
    assert next(damage.path for damage in check(pairs).damages) == pairs.folder.version(1)


def test_records_of_another_format_or_array_format_are_not_read(pairs: Paired):
    path = pairs.folder.version(1)
    sound = path.read_bytes()
    rewritten(pairs, array_format="zarr")
    with pytest.raises(UnreadableRecord, match="names the array format zarr; this version of imagemill knows bcol"):
        read_pair_version(pairs.folder, 1)
    path.write_bytes(as_of_format(sound, "pair-version", 3))
    with pytest.raises(UnreadableRecord, match="Use the version that wrote it"):
        current_pairs(pairs.folder)


def test_what_holds_something_else_is_named_with_the_command_that_makes_pairs(pairs: Paired):
    with pytest.raises(UnknownDataset, match="photos holds no pairs; make some with: imagemill pairs photos --recipe"):
        open_pairs(pairs.tiers, "photos")
    with pytest.raises(UnknownDataset, match="holds pairs, and no prepared images"):
        open_version(pairs.tiers, "photos-half")
    with pytest.raises(UnknownDataset, match=r"none holds no published version; run: imagemill pairs … --name none"):
        open_pairs(pairs.tiers, "none")
    with pytest.raises(UnknownDataset, match="has no version 7; it has: 1"):
        open_pairs(pairs.tiers, "photos-half", number=7)


def test_kinds_do_not_mix_in_one_dataset(pairs: Paired):
    with pytest.raises(ValueError, match="photos-half is a dataset of pairs, and cannot take images; choose another n"):
        create_dataset(pairs.tiers.slow, "photos-half")
    with pytest.raises(ValueError, match="photos is a dataset of images, and cannot take pairs; choose another name"):
        create_dataset(pairs.tiers.slow, "photos", kind=PAIRS)


def test_a_draft_of_which_an_object_is_gone_is_not_published(pairs: Paired):
    pairs.object(2, BAD).unlink()
    draft = replace(pairs.version, number=2, parent=1, identity="a" * 64)
    with pytest.raises(DamagedDataset, match="vanished before it could be published"):
        publish(pairs.folder, draft)
    assert version_numbers(pairs.folder) == [1]


# ---- Damage


@every_format
@pytest.mark.parametrize(("place", "row"), [(GOOD, 1), (BAD, 6)])
def test_a_flipped_pixel_of_either_array_is_found_with_its_row_and_class(
    array_format: str, place: int, row: int, tmp_path: Path
):
    origin = photos(tmp_path, array_format)
    pairs = paired(origin.tiers)
    with open_pairs(pairs.tiers, pairs.dataset) as opened:
        pixels = opened.array(place)[row].tobytes()
    path = pairs.object(0 if row < 5 else 1, place)
    (file,) = (file for file in files_of(path) if pixels in file.read_bytes())
    content = file.read_bytes()
    file.write_bytes(flipped(content, content.index(pixels) + 9, 4))
    (damage,) = check(pairs).damages
    assert (damage.path, damage.tier, damage.versions) == (path, "slow", (1,))
    (rows,) = damage.rows
    assert rows[0] <= row < rows[1]
    assert rows[1] - rows[0] <= 5
    assert damage.classes == tuple(sorted({("cat", "dog")[label] for label in origin.labels[slice(*rows)]}))
    with open_pairs(pairs.tiers, pairs.dataset) as opened, pytest.raises(DamagedDataset, match=re.escape(str(path))):
        opened.array(place)[row]


@pytest.mark.parametrize("array_format", ["hdf5", pytest.param("bcolz", marks=pytest.mark.slow)])
def test_every_damage_to_every_file_is_found_and_named(array_format: str, tmp_path: Path):
    pairs = paired(photos(tmp_path, array_format).tiers)
    assert check(pairs).is_whole
    arrays = [pairs.object(0, GOOD), pairs.object(1, BAD)]
    for path in [*arrays, *(path for kind in KINDS for path in paths_of(pairs.folder.path, kind))]:
        file = files_of(path)[-1]
        sound = file.read_bytes()
        for damage in ("first bit", "last bit", "half lost", "deleted"):
            with damaged(file, DAMAGES[damage](sound)):
                found = {found.path for found in check(pairs).damages}
            # Without the only record there is no version to look after.
            assert path in found or (path.suffix == ".zip" and damage == "deleted"), (path, damage)
    assert check(pairs).is_whole


def test_a_look_changes_nothing(pairs: Paired):
    before = on_disk(pairs.tiers.slow)
    check(pairs)
    assert on_disk(pairs.tiers.slow) == before


def test_names_of_classes_that_are_hostile_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hostile = "\x1b[31mcat\u202e<script>|`", "![dog](http://example.org)"
    monkeypatch.setattr("tests.storage.random_versions.CLASSES", hostile)
    pairs = paired(photos(tmp_path).tiers)
    spoilt = pairs.object(0, BAD)
    spoilt.unlink()
    (damage,) = check(pairs).damages
    assert isinstance(damage, Damage)
    assert set(damage.classes) <= set(hostile)
    card = (pairs.folder.objects / pairs.version.card.name).read_text(encoding="utf-8")
    assert not re.search("\x1b|\u202e|<script|example", card)


# ---- Collection


def aged(pairs: Paired) -> Paired:
    for part in ("versions", "spares", "receipts", "objects"):
        for path in (pairs.folder.path / part).iterdir():
            age(path, days=30)
    return pairs


def test_nothing_of_a_version_that_is_kept_is_garbage(grown: Paired):
    assert find_garbage(aged(grown).folder, keep=None) == []


@every_format
def test_only_what_the_older_version_has_alone_is_collected(array_format: str, tmp_path: Path):
    first = paired(photos(tmp_path, array_format, shards=(5, 3)).tiers)
    second = aged(paired(photos(tmp_path, array_format, shards=(5, 4)).tiers))
    folder = second.folder
    found = {item.path for item in find_garbage(folder, keep=1)}
    spare = spare_of(folder, 1)
    assert found == {
        folder.version(1),
        spare,
        folder.receipt(first.version.shards[1].key),
        first.object(1, GOOD),
        first.object(1, BAD),
        *(folder.objects / stored.name for stored in first.version.companions),
    }
    move_to_trash(folder, find_garbage(folder, keep=1), keep=1, grace=GRACE)
    assert check(second).is_whole
    with open_pairs(second.tiers, second.dataset) as opened:
        assert len(opened.array(BAD)[:]) == 9


def test_what_a_reader_holds_is_not_collected_until_it_is_gone(grown: Paired, start_python: Callable[..., Any]):
    aged(grown)
    reader = start_python(READER, grown.tiers.slow, grown.tiers.fast)
    assert reader.stdout.readline() == "8\n"
    assert pinned(grown.folder).versions == {1}
    assert find_garbage(grown.folder, keep=1) == []
    reader.stdin.write("go on\n")
    reader.stdin.flush()
    assert reader.stdout.readline() == "8\n"
    reader.communicate()
    assert find_garbage(grown.folder, keep=1) != []


def test_the_spare_holds_records_receipts_table_and_card(pairs: Paired):
    spare = spare_of(pairs.folder, 1)
    assert spare
    version = pairs.version
    with zipfile.ZipFile(spare) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert set(held) == {
        "dataset.json",
        "versions/00000001.json",
        *(f"receipts/{shard.key}.json" for shard in version.shards),
        f"objects/{version.table.name}",
        f"objects/{version.card.name}",
    }
    assert all((pairs.folder.path / name).read_bytes() == content for name, content in held.items())


# ---- Copies


@every_format
def test_staged_pairs_are_read_from_the_copies_alone(array_format: str, tmp_path: Path):
    pairs = paired(photos(tmp_path, array_format).tiers)
    with open_pairs(pairs.tiers, pairs.dataset) as opened:
        expected = [opened.array(place)[:] for place in (GOOD, BAD)]
    stage(pairs.tiers, pairs.dataset, pairs.version.objects)
    for path in pairs.folder.objects.glob("*8-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with open_pairs(pairs.tiers, pairs.dataset, access="random") as opened:
        assert np.array_equal(opened.array(GOOD)[[7, 0, 3]], expected[GOOD][[7, 0, 3]])
        assert np.array_equal(opened.array(BAD)[:], expected[BAD])


def test_a_damaged_copy_is_read_from_the_slow_root_with_a_warning(pairs: Paired, caplog: pytest.LogCaptureFixture):
    stage(pairs.tiers, pairs.dataset, pairs.version.objects)
    name = pairs.object(0, BAD).name
    copy = pairs.tiers.cache(pairs.dataset).objects / name
    copy.write_bytes(b"\0" * copy.stat().st_size)
    with open_pairs(pairs.tiers, pairs.dataset) as opened:
        assert opened.array(BAD)[:].any()
    assert f"the copy {copy} failed, the slow root is read instead" in caplog.text


def test_status_tells_of_pairs_what_it_tells_of_images(pairs: Paired):
    stage(pairs.tiers, pairs.dataset, pairs.version.objects)
    images, found = dataset_statuses(pairs.tiers)
    assert (images.name, found.name) == ("photos", "photos-half")
    assert (found.sides, found.array_format, found.classes, found.stored) == ((8, 4), "hdf5", 2, 8)
    assert (found.refused, found.bytes, found.unfinished) == (0, pairs.version.bytes, ())
    assert found.staged_bytes == sum(stored.bytes for stored in pairs.version.objects)


class Killed(Exception):
    """Stands for whatever ends a run between two shards."""


def one_shard_of(jobs: Iterable[PairShardJob]) -> Iterator[Receipt]:
    yield from build_here(islice(jobs, 1))
    raise Killed


def test_status_tells_what_an_unfinished_run_has_made_of_pairs_with_and_without_a_version(tmp_path: Path):
    origin = photos(tmp_path, shards=(5, 3))
    with pytest.raises(Killed):
        paired(origin.tiers, build=one_shard_of)
    _, found = dataset_statuses(origin.tiers)
    assert (found.current, found.unfinished_pairs) == (None, UnfinishedPairs(built=1, pairs=5))
    pairs = paired(origin.tiers)
    assert (pairs.built, dataset_statuses(origin.tiers)[1].unfinished_pairs) == (1, None)
    with pytest.raises(Killed):
        paired(origin.tiers, HALF.replace("gaussian-noise", "shot-noise"), dataset=pairs.dataset, build=one_shard_of)
    images, found = dataset_statuses(origin.tiers)
    assert (found.current, found.unfinished_pairs) == (1, UnfinishedPairs(built=1, pairs=5))
    assert images.unfinished_pairs is None


def test_beside_a_damaged_version_status_does_not_guess_what_is_unfinished(
    grown: Paired, caplog: pytest.LogCaptureFixture
):
    path = grown.folder.version(1)
    path.write_bytes(flipped(path.read_bytes(), 200, 1))
    _, found = dataset_statuses(grown.tiers)
    assert (found.current, found.unfinished_pairs) == (2, None)
    assert "which receipts of photos-half are of an unfinished run cannot be told" in caplog.text


def test_two_recipes_of_one_dataset_are_versions_of_it(pairs: Paired):
    other = paired(pairs.tiers, HALF.replace("gaussian-noise", "shot-noise"), dataset=pairs.dataset)
    assert (other.version.number, other.version.parent) == (2, 1)
    with open_pairs(pairs.tiers, pairs.dataset, number=1) as old, open_pairs(pairs.tiers, pairs.dataset) as new:
        assert np.array_equal(old.array(GOOD)[:], new.array(GOOD)[:])
        assert not np.array_equal(old.array(BAD)[:], new.array(BAD)[:])
