"""Spares: the second copy of all that is not pixels, looked at with zipfile and BLAKE3 alone."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from storage.datasets import DatasetMark
from storage.digests import object_digest
from storage.errors import DatasetError
from storage.layout import DatasetFolder
from storage.plans import PLAN_FILES
from storage.receipts import read_receipt, write_receipt
from storage.records import write_record
from storage.spares import ensure_spare, is_whole_spare, restored_from_spare, spare_of, spared_copies, spares_in
from tests.storage.random_versions import Published

FORMATS = ("bcolz", "hdf5")
Spoil = Callable[[Path], object]


@pytest.fixture(params=FORMATS)
def published(request: pytest.FixtureRequest, prepublished: Callable[..., Published]) -> Published:
    return prepublished(request.param, (3, 0, 2))


def members_of(spare: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(spare) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def only_spare(folder: DatasetFolder) -> Path:
    (path,) = folder.spares.iterdir()
    return path


def test_a_spare_has_every_file_of_a_version_but_its_pixels(published: Published):
    folder, version = published.folder, published.version
    pixels = {folder.objects / stored.name for shard in version.shards for stored in shard.objects}
    files = (path for path in folder.path.rglob("*") if path.is_file() and not pixels & {path, *path.parents})
    wanted = {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in files}
    spare = only_spare(folder)
    del wanted[f"spares/{spare.name}"]
    assert members_of(spare) == wanted
    assert {name.split("/")[0] for name in wanted} == {"dataset.json", "versions", "plans", "receipts", "objects"}


def test_a_spare_is_named_after_its_version_and_its_own_hash(published: Published):
    spare = only_spare(published.folder)
    assert spare.name == f"00000001-{blake3(spare.read_bytes()).hexdigest()}.zip"
    assert list(spares_in(published.folder)) == [(1, spare)]
    assert spare_of(published.folder, 1) == spare
    assert spare_of(published.folder, 2) is None


def test_the_same_files_make_the_same_spare_and_a_whole_one_is_left_alone(published: Published):
    folder = published.folder
    spare = only_spare(folder)
    before = spare.stat()
    assert ensure_spare(folder, published.version, folder.tmp) == spare
    assert spare.stat().st_ino == before.st_ino
    spare.unlink()
    assert ensure_spare(folder, published.version, folder.tmp) == spare
    assert os.listdir(folder.tmp) == []


def in_place_of(path: Path, made: Spoil) -> None:
    path.unlink()
    made(path)


SPOILS: dict[str, Spoil] = {
    "a flipped bit": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "a lost end": lambda path: os.truncate(path, path.stat().st_size - 1),
    "nothing left": lambda path: path.write_bytes(b""),
    "a folder": lambda path: in_place_of(path, Path.mkdir),
    "a link": lambda path: in_place_of(path, lambda path: path.symlink_to(path.with_name("elsewhere.zip"))),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_damaged_spare_is_no_copy_and_is_made_anew(published: Published, spoil: Spoil):
    folder = published.folder
    spare = only_spare(folder)
    sound = spare.read_bytes()
    spoil(spare)
    assert not is_whole_spare(spare)
    assert list(spared_copies(folder, folder.version(1))) == []
    assert ensure_spare(folder, published.version, folder.tmp) == spare
    assert spare.read_bytes() == sound
    assert os.listdir(folder.spares) == [spare.name]


def test_a_spare_of_other_bytes_than_now_is_replaced_once_it_is_damaged(published: Published):
    # As older code may have packed it: whole, but not to the bit what is made today.
    folder = published.folder
    spare = only_spare(folder)
    other = folder.spares / f"00000001-{blake3(b'of another time').hexdigest()}.zip"
    other.write_bytes(b"of another time")
    spare.unlink()
    assert ensure_spare(folder, published.version, folder.tmp) == other
    other.write_bytes(b"of any")
    assert ensure_spare(folder, published.version, folder.tmp) == spare
    assert os.listdir(folder.spares) == [spare.name]


def test_what_else_lies_in_the_folder_is_no_spare(published: Published):
    folder = published.folder
    spare = only_spare(folder)
    for name in ("notes.zip", f"1-{'a' * 64}.zip", f"00000002-{'A' * 64}.zip", f"{spare.name}.0123.partial"):
        (folder.spares / name).write_bytes(b"")
        assert not is_whole_spare(folder.spares / name)
    assert list(spares_in(folder)) == [(1, spare)]


def test_copies_come_from_every_whole_spare_the_newest_first(prepublished: Callable[..., Published]):
    published = prepublished("bcolz", (3,), (3, 2))
    folder = published.folder
    old, new = (path for _, path in spares_in(folder))
    marker = folder.marker.read_bytes()
    assert list(spared_copies(folder, folder.marker)) == [marker, marker]
    assert list(spared_copies(folder, folder.version(1))) == [folder.version(1).read_bytes()]
    assert list(spared_copies(folder, folder.version(3))) == []
    new.unlink()
    write_record(folder.marker, "dataset", DatasetMark("photos", "of another kind"))
    new = ensure_spare(folder, published.version, folder.tmp)
    assert list(spared_copies(folder, folder.marker)) == [folder.marker.read_bytes(), marker]
    os.truncate(new, 10)
    assert list(spared_copies(folder, folder.marker)) == [marker]
    old.unlink()
    assert list(spared_copies(folder, folder.marker)) == []


def test_a_spare_holds_the_receipt_that_the_version_stands_on_where_it_lies(published: Published):
    folder = published.folder
    only_spare(folder).unlink()
    shard = published.version.shards[0]
    receipt = read_receipt(folder, shard.key)
    sound = folder.receipt(shard.key).read_bytes()
    write_receipt(folder, replace(receipt, identity="f" * 64, rows=0, arrays=()))
    members = members_of(ensure_spare(folder, published.version, folder.tmp))
    assert members[f"receipts/{shard.key}.{shard.identity[:16]}.json"] == sound
    assert f"receipts/{shard.key}.json" not in members


# ---- Nothing damaged gets into a spare


@pytest.mark.parametrize("spoil", ["a flipped bit", "nothing left", "nothing at all"])
def test_what_is_damaged_is_never_spared(published: Published, spoil: str):
    folder, version = published.folder, published.version
    only_spare(folder).unlink()
    plan = folder.plan(version.plan)
    for path in (
        folder.marker,
        folder.version(1),
        *(plan / name for name in PLAN_FILES),
        *(folder.receipt(shard.key) for shard in version.shards),
        *(folder.objects / stored.name for stored in version.companions),
    ):
        sound = path.read_bytes()
        (SPOILS | {"nothing at all": Path.unlink})[spoil](path)
        told = re.escape(str(path)) if spoil != "nothing at all" or path != folder.version(1) else "has no version 1"
        with pytest.raises((DatasetError, FileNotFoundError), match=told):
            ensure_spare(folder, version, folder.tmp)
        assert os.listdir(folder.spares) == []
        path.write_bytes(sound)
    assert is_whole_spare(ensure_spare(folder, version, folder.tmp))


# ---- Back from a spare


def test_a_lost_or_damaged_object_comes_back_to_the_bit(published: Published):
    folder = published.folder
    for stored in published.version.companions:
        path = folder.objects / stored.name
        sound = path.read_bytes()
        for spoil in (Path.unlink, *SPOILS.values()):
            spoil(path)
            assert restored_from_spare(folder, stored, folder.tmp)
            assert path.read_bytes() == sound
            shutil.rmtree(folder.tmp)
            folder.tmp.mkdir()


def test_pixels_are_in_no_spare(published: Published):
    folder = published.folder
    stored = published.version.shards[0].objects[0]
    before = object_digest(folder.objects / stored.name)
    assert not restored_from_spare(folder, stored, folder.tmp)
    assert object_digest(folder.objects / stored.name) == before
