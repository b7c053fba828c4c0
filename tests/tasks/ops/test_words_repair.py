"""Damaged word maps come back from their spare, or it is said that the command that made them makes them again."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from storage.staging import stage
from storage.tiers import Tiers
from storage.verification import verified
from tasks.ops.dataset_status import dataset_statuses
from tasks.ops.repair import Repair, repair_dataset
from tests.storage.damaged_files import files_of, flipped, on_disk
from tests.storage.word_bundles import PublishedWords, published_words

LOST = "; there is no copy of it; the command that made these words makes it again"


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> PublishedWords:
    root = tmp_path_factory.mktemp("words")
    return published_words(Tiers(root / "slow", root / "fast"))


@pytest.fixture
def published(published_once: PublishedWords, tmp_path: Path) -> PublishedWords:
    """A copy that a test may change."""
    shutil.copytree(published_once.tiers.slow, tmp_path / "slow")
    return replace(published_once, tiers=Tiers(tmp_path / "slow", tmp_path / "fast"))


def repaired(published: PublishedWords) -> Repair:
    return repair_dataset(published.tiers, "words", source=None, workers=1)


def contents(published: PublishedWords) -> dict[str, str]:
    """Return the hash of every file by its path below the dataset; its lock and scratch folders left out."""
    root = published.folder.path
    found = {os.path.relpath(path, root): what for path, (what, _) in on_disk(root).items()}
    return {path: what for path, what in found.items() if not {"lock", "tmp"} & set(Path(path).parts)}


def spoil(path: Path, damage: str) -> None:
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(flipped(path.read_bytes(), 10, 0))


@pytest.mark.parametrize("damage", ["a flipped bit", "deleted"])
def test_mark_record_receipt_tables_and_card_come_back_to_the_bit(published: PublishedWords, damage: str):
    before = contents(published)
    spared = {
        published.folder.version(1): "from its spare copy",
        published.receipt(): "from its spare copy",
        published.object("nouns.parquet"): "from its spare copy",
        published.object("classes-photos.parquet"): "from its spare copy",
        published.object("card"): "from its spare copy",
        published.folder.marker: "made anew",
    }
    for path, how in spared.items():
        spoil(path, damage)
        done = repaired(published)
        assert (done.repaired, done.unrepaired) == ({path: how}, {}), path
        assert contents(published) == before, path
    for path in spared:
        spoil(path, damage)
    assert repaired(published).is_whole
    assert contents(published) == before


def test_a_lost_spare_is_written_anew(published: PublishedWords):
    before = contents(published)
    (spare,) = published.folder.spares.iterdir()
    spare.unlink()
    assert repaired(published).repaired == {spare: "written anew"}
    assert contents(published) == before


@pytest.mark.parametrize("name", ["nouns.npy", "classes-photos.npy", "vectors"])
def test_a_matrix_that_is_lost_is_named_with_what_makes_it_again(published: PublishedWords, name: str):
    path = published.object(name)
    before = contents(published)
    spoil(files_of(path)[-1], "a flipped bit")
    spoilt = contents(published)
    assert spoilt != before
    done = repaired(published)
    told = f"its bytes are not those that were published{LOST}"
    assert (done.is_whole, done.repaired, done.unrepaired) == (False, {}, {path: told})
    assert contents(published) == spoilt


def test_a_matrix_comes_back_from_the_fast_root_or_the_trash(published: PublishedWords):
    before = contents(published)
    stage(published.tiers, "words", published.bundle.objects)
    for name in ("nouns.npy", "vectors"):
        path = published.object(name)
        spoil(files_of(path)[-1], "deleted")
        copy = published.tiers.fast / "words" / "objects" / path.name
        assert repaired(published).repaired == {path: f"copied from {copy}"}
        assert contents(published) == before
    shutil.rmtree(published.tiers.fast)
    aside = published.folder.trash / "20260101T000000.000000Z" / "objects" / published.object("nouns.npy").name
    aside.parent.mkdir(parents=True)
    published.object("nouns.npy").rename(aside)
    assert repaired(published).repaired == {published.object("nouns.npy"): f"copied from {aside}"}


def test_a_damaged_copy_is_made_again_from_the_original(published: PublishedWords):
    stage(published.tiers, "words", published.bundle.objects)
    copy = published.tiers.fast / "words" / "objects" / published.object("nouns.npy").name
    spoil(copy, "a flipped bit")
    assert repaired(published).repaired == {copy: "copied again from the slow root"}
    assert copy.read_bytes() == published.object("nouns.npy").read_bytes()
    assert verified(published.tiers, "words", share=1.0).is_whole


def test_the_status_lists_word_maps_with_their_bytes_and_copies(published: PublishedWords):
    (status,) = dataset_statuses(published.tiers)
    bundle = published.bundle
    assert (status.name, status.versions, status.current, status.created) == ("words", (1,), 1, bundle.created)
    assert (status.array_format, status.sides, status.stored, status.classes) == ("words", (), 0, 0)
    assert (status.bytes, status.staged_bytes, status.unfinished) == (bundle.bytes, 0, ())
    stage(published.tiers, "words", bundle.objects)
    (status,) = dataset_statuses(published.tiers)
    assert status.staged_bytes == sum(stored.bytes for stored in bundle.objects)
