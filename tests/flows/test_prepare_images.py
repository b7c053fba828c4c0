"""The main job from a folder of images to a version: complete, exact, repeatable, and idle when nothing changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from flows.image_job import ImageJob
from flows.prepare_images import Outcome, prepare_images
from storage import Tiers, open_version
from storage.errors import DatasetLocked, TooManyRefused
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from tests.oracles.conversions import largest_difference
from tests.oracles.published_rows import expected_square, refused_in
from tests.oracles.shuffle import shuffled_names

pytestmark = pytest.mark.usefixtures("prefect_api")

ROWS_PER_SHARD = 64


def job_for(source: Path, root: Path, **changes: Any) -> ImageJob:
    settings = {"dataset": "demo", "slow": root, "fast": root, "sizes": (64, 32), "workers": 2}
    return ImageJob.model_validate({"source": source, "rows_per_shard": ROWS_PER_SHARD, **settings, **changes})


def prepared(source: Path, root: Path, **changes: Any) -> Outcome:
    return prepare_images(job_for(source, root, **changes))


def object_names(root: Path) -> set[str]:
    return {path.name for path in (root / "demo" / "objects").iterdir()}


@pytest.fixture(scope="module")
def published(prefect_api: str, demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The demonstration set, published once for all tests that only look at it."""
    root = tmp_path_factory.mktemp("published")
    return root, prepared(demo_root / "train", root)


@pytest.fixture
def root(published: tuple[Path, Outcome], tmp_path: Path) -> Path:
    """A root that a test may change, as if it had published `demo_copy` there: the files and their times are equal."""
    return Path(shutil.copytree(published[0], tmp_path / "root"))


def test_stored_and_refused_add_up_to_what_the_folder_holds(published: tuple[Path, Outcome], demo_root: Path):
    _, outcome = published
    files = [path for path in (demo_root / "train").rglob("*") if path.is_file()]
    version = outcome.version
    assert (version.listed, version.stored + version.refused) == (len(files), len(files))
    assert outcome.status == "published"


def test_every_broken_file_is_refused_for_its_own_reason(published: tuple[Path, Outcome], demo_root: Path):
    _, outcome = published
    expected = json.loads((demo_root / "expected.json").read_text())
    broken = {name: entry["reason"] for name, entry in expected.items() if entry["reason"]}
    assert refused_in(outcome.refusals.report) == broken
    assert len(set(broken.values())) == 6


def test_every_row_has_the_pixels_of_an_independent_decode(published: tuple[Path, Outcome], demo_root: Path):
    root, _ = published
    expected = json.loads((demo_root / "expected.json").read_text())
    with open_version(Tiers(root, root), "demo") as version:
        rows = {side: version.rows(side)[:] for side in version.sides}
        for row in range(len(version)):
            name = version.path(row)
            # Compositing over white rounds once in ours, elsewhere in the oracle's.
            allowed = 1 if expected.get(name, {}).get("quirk") == "png-alpha" else 0
            for side in version.sides:
                oracle = expected_square(demo_root / "train" / name, side)
                assert largest_difference(rows[side][row], oracle) <= allowed, (name, side)


def test_labels_name_the_folder_that_each_row_came_from(published: tuple[Path, Outcome]):
    root, _ = published
    with open_version(Tiers(root, root), "demo") as version:
        named = [version.classes[label] for label in version.labels]
        assert named == [version.path(row).split("/")[0] for row in range(len(version))]


def test_plain_h5py_sees_one_array_over_all_shards(published: tuple[Path, Outcome]):
    root, outcome = published
    with (
        open_version(Tiers(root, root), "demo") as version,
        h5py.File(root / "demo" / "objects" / outcome.version.views[0].name) as view,
    ):
        columns = {name: np.asarray(view[name]) for name in ("images", "labels", "ids")}
        assert np.array_equal(columns["images"], version.rows(64)[:])
        assert np.array_equal(columns["labels"], version.labels)
        assert np.array_equal(columns["ids"], version.ids)


def test_both_formats_hold_the_same_rows_in_the_same_order(
    published: tuple[Path, Outcome], demo_root: Path, tmp_path: Path
):
    root, _ = published
    prepared(demo_root / "train", tmp_path, array_format="bcolz")
    with open_version(Tiers(root, root), "demo") as ours, open_version(Tiers(tmp_path, tmp_path), "demo") as theirs:
        assert np.array_equal(ours.ids, theirs.ids)
        assert np.array_equal(ours.rows(32)[:], theirs.rows(32)[:])
        assert np.array_equal(ours.splits, theirs.splits)


def test_the_same_job_elsewhere_gives_the_same_identity_and_objects(
    published: tuple[Path, Outcome], demo_root: Path, tmp_path: Path
):
    root, first = published
    again = prepared(demo_root / "train", tmp_path, workers=1)
    assert again.version.identity == first.version.identity
    # A card tells roots and times.
    assert {name.split("-")[0] for name in object_names(tmp_path) ^ object_names(root)} == {"card"}


def test_a_second_run_opens_no_image_and_publishes_nothing(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    for image in demo_copy.rglob("*.JPEG"):
        # Other bytes with the same size and time: whoever opened one would see rubbish.
        status = image.stat()
        image.write_bytes(b"\0" * status.st_size)
        os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = prepared(demo_copy, root)
    assert (second.status, second.version) == ("unchanged", first.version)
    assert second.figures.images == 0
    assert refused_in(second.refusals.report) == refused_in(first.refusals.report)


def test_one_rewritten_image_rebuilds_its_shard_alone(demo_copy: Path, root: Path):
    before = object_names(root)
    sound = sorted(demo_copy.glob("*/*_4.JPEG"))[0]
    other = sorted(demo_copy.glob("*/*_3.JPEG"))[-1]
    shutil.copyfile(other, sound)
    outcome = prepared(demo_copy, root)
    new = object_names(root) - before
    assert (outcome.status, outcome.version.number, outcome.version.parent) == ("published", 2, 1)
    assert outcome.figures.images == ROWS_PER_SHARD
    assert sorted(name.split("-")[0] for name in new) == ["32", "64", "all", "all", "card", "rows"]
    with open_version(Tiers(root, root), "demo") as version:
        row = next(row for row in range(len(version)) if version.path(row) == str(sound.relative_to(demo_copy)))
        assert largest_difference(version.rows(64)[row], expected_square(other, 64)) <= 1


def test_touched_files_are_hashed_again_and_nothing_is_rebuilt(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    before = object_names(root)
    for image in demo_copy.rglob("*.JPEG"):
        os.utime(image)
    second = prepared(demo_copy, root)
    assert (second.status, second.version.identity) == ("unchanged", first.version.identity)
    assert object_names(root) == before
    assert prepared(demo_copy, root).figures.images == 0


def test_new_images_go_to_new_shards_and_old_labels_keep_their_number(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    some_class = sorted(demo_copy.iterdir())[3]
    fresh_class = demo_copy / "n00000001"
    shutil.copytree(some_class, fresh_class)
    second = prepared(demo_copy, root)
    assert second.version.shards[: len(first.version.shards)] == first.version.shards
    assert second.version.classes == (*first.version.classes, "n00000001")
    assert second.version.listed == first.version.listed + 5
    assert second.figures.images == 5


def test_one_percent_of_new_images_opens_none_of_the_others(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    old = list(demo_copy.rglob("*.JPEG"))
    sound = sorted(demo_copy.glob("*/*_4.JPEG"))[:8]
    for number, folder in enumerate(sorted(demo_copy.iterdir())[::20]):
        shutil.copyfile(sound[number], folder / f"{folder.name}_new.JPEG")
    for image in old:
        # Whoever opened one of these would refuse it, and 800 are too many.
        write_unseen(image, b"\0" * image.stat().st_size)
    before = object_names(root)
    second = prepared(demo_copy, root)
    assert (second.version.listed, second.version.stored) == (808, first.version.stored + 8)
    assert second.figures.images == 8
    assert second.version.shards[:-1] == first.version.shards
    new = sorted(name.split("-")[0] for name in object_names(root) - before)
    assert new == ["32", "64", "all", "all", "card", "rows"]


def write_unseen(path: Path, content: bytes) -> None:
    """Write a file and put its time back, as a copy does that keeps times."""
    status = path.stat()
    assert len(content) == status.st_size
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def with_comment(jpeg: bytes, size: int) -> bytes:
    """Return the same picture in a file of `size` bytes: a COM segment behind SOI, as ITU T.81 B.2.4.5 has it."""
    missing = size - len(jpeg) - 4
    return jpeg[:2] + b"\xff\xfe" + (missing + 2).to_bytes(2, "big") + b" " * missing + jpeg[2:]


def test_an_image_replaced_by_one_of_its_size_and_time_is_found_when_it_is_hashed_again(
    published: tuple[Path, Outcome], demo_root: Path, demo_copy: Path, root: Path
):
    _, first = published
    odd = json.loads((demo_root / "expected.json").read_text())
    plain = [path for path in demo_copy.glob("*/*") if str(path.relative_to(demo_copy)) not in odd]
    other, replaced = (choose(plain, key=lambda path: path.stat().st_size) for choose in (min, max))
    write_unseen(replaced, with_comment(other.read_bytes(), replaced.stat().st_size))
    assert prepared(demo_copy, root).status == "unchanged"
    before = object_names(root)
    second = prepared(demo_copy, root, rehash=True)
    assert (second.status, second.version.number, second.figures.images) == ("published", 2, ROWS_PER_SHARD)
    assert second.version.identity != first.version.identity
    assert sorted(name.split("-")[0] for name in object_names(root) - before) == [
        "32",
        "64",
        "all",
        "all",
        "card",
        "rows",
    ]
    name = str(replaced.relative_to(demo_copy))
    with open_version(Tiers(root, root), "demo") as version:
        row = next(row for row in range(len(version)) if version.path(row) == name)
        assert largest_difference(version.rows(64)[row], expected_square(other, 64)) <= 1
    with open_version(Tiers(root, root), "demo", number=1) as version:
        # What was published stays, checksums and all.
        assert len(version.rows(64)[:]) == first.version.stored
    assert prepared(demo_copy, root).version == second.version


def test_hashing_again_what_has_not_changed_publishes_and_builds_nothing(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    before = object_names(root)
    second = prepared(demo_copy, root, rehash=True)
    assert (second.status, second.version, second.figures.images) == ("unchanged", first.version, 0)
    assert object_names(root) == before


def test_images_that_went_leave_the_other_shards_alone(published: tuple[Path, Outcome], demo_copy: Path, root: Path):
    _, first = published
    next(iter(sorted(demo_copy.glob("*/*_2.JPEG")))).unlink()
    second = prepared(demo_copy, root)
    changed = [old.key != new.key for old, new in zip(first.version.shards, second.version.shards, strict=True)]
    assert second.version.listed == first.version.listed - 1
    assert sum(changed) == 1


def test_too_many_refused_publish_nothing_and_say_which(demo_root: Path, tmp_path: Path):
    with pytest.raises(
        TooManyRefused, match=r"of 800 images were refused .* the limit is 0\.1%: nothing was published"
    ):
        prepared(demo_root / "train", tmp_path, max_refused=0.001)
    assert list((tmp_path / "demo" / "versions").iterdir()) == []
    (report,) = (tmp_path / "demo" / "refused").iterdir()
    assert len(refused_in(report)) >= 6


@pytest.fixture(scope="module")
def staged(prefect_api: str, demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A folder with a root `slow`, on which 100 images were published, and a root `fast`. Do not change it."""
    place = tmp_path_factory.mktemp("staged")
    return place, prepared(demo_root / "train", place / "slow", fast=place / "fast", limit=100)


def test_random_access_stages_verified_copies_on_the_fast_root(staged: tuple[Path, Outcome], tmp_path: Path):
    place, outcome = staged
    slow, fast = (shutil.copytree(place / name, tmp_path / name) for name in ("slow", "fast"))
    names = {stored.name for stored in outcome.version.objects}
    assert {path.name for path in (fast / "demo" / "objects").iterdir()} == names
    shutil.rmtree(slow / "demo" / "objects")
    with open_version(Tiers(slow, fast), "demo", access="random") as version:
        assert version.rows(32)[:].shape == (outcome.version.stored, 32, 32, 3)


def test_a_run_beside_another_is_told_who_holds_the_dataset(demo_root: Path, root: Path):
    with (
        dataset_lock(DatasetFolder(root / "demo")),
        pytest.raises(DatasetLocked, match=f"is being built by process {os.getpid()} on "),
    ):
        prepared(demo_root / "train", root)


def test_a_manifest_takes_its_classes_and_its_images(demo_root: Path, tmp_path: Path):
    source = demo_root / "train"
    whole, single = sorted(path.name for path in source.iterdir())[:2]
    image = f"{single}/{single}_1.JPEG"
    manifest = tmp_path / "sample.txt"
    manifest.write_text(f"{whole}\n{image}  # one image of another class\n")
    outcome = prepared(source, tmp_path / "root", manifest=manifest, max_refused=1.0)
    assert outcome.version.listed == 6
    assert outcome.version.classes == (whole, single)


def test_a_limited_job_takes_the_sample_that_its_seed_tells(demo_root: Path, tmp_path: Path):
    source = demo_root / "train"
    outcome = prepared(source, tmp_path, limit=60, seed=1, max_refused=1.0)
    with open_version(Tiers(tmp_path, tmp_path), "demo") as version:
        stored = {version.path(row) for row in range(len(version))}
    names = [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
    first, other = (set(shuffled_names(names, seed=seed)[:60]) for seed in (1, 2))
    assert stored | set(refused_in(outcome.refusals.report)) == first
    assert len(first & other) < 30


def test_a_flat_folder_takes_its_classes_from_kaggles_csv(demo_root: Path, tmp_path: Path):
    flat = tmp_path / "val"
    flat.mkdir()
    lines = ["ImageId,PredictionString"]
    for image in sorted((demo_root / "train").glob("*/*_4.JPEG"))[:40]:
        shutil.copy2(image, flat / image.name)
        lines.append(f"{image.stem},{image.parent.name} 85 1 499 272")
    labels = tmp_path / "LOC_val_solution.csv"
    labels.write_text("\n".join(lines) + "\n")
    prepared(flat, tmp_path / "root", labels=labels, max_refused=1.0)
    with open_version(Tiers(tmp_path / "root", tmp_path / "root"), "demo") as version:
        for row in range(len(version)):
            assert version.path(row).startswith(version.classes[version.labels[row]])


def test_splits_hold_out_whole_classes_when_asked(demo_root: Path, tmp_path: Path):
    prepared(demo_root / "train", tmp_path, split_by="class", valid=0.2, test=0.2, sizes=(32,))
    with open_version(Tiers(tmp_path, tmp_path), "demo") as version:
        splits = {split: set(version.labels[version.splits == split]) for split in ("train", "valid", "test")}
    assert not splits["train"] & splits["test"]
    assert not splits["train"] & splits["valid"]
    assert all(len(classes) > 10 for classes in splits.values())


def test_a_new_shard_of_one_broken_image_does_not_stop_publishing(
    published: tuple[Path, Outcome], demo_copy: Path, root: Path
):
    _, first = published
    (next(demo_copy.iterdir()) / "new.JPEG").write_bytes(b"")
    second = prepared(demo_copy, root)
    assert (second.version.listed, second.version.stored) == (801, first.version.stored)
    with open_version(Tiers(root, root), "demo") as version:
        assert len(version.rows(64)[:]) == first.version.stored


def test_copies_and_a_card_that_are_gone_are_made_again_without_building(
    staged: tuple[Path, Outcome], demo_root: Path, tmp_path: Path
):
    place, first = staged
    slow, fast = shutil.copytree(place / "slow", tmp_path / "slow"), tmp_path / "fast"
    (slow / first.card.relative_to(place / "slow")).unlink()
    second = prepared(demo_root / "train", slow, fast=fast, limit=100)
    assert (second.status, second.figures.images) == ("unchanged", 0)
    assert second.card.is_file()
    assert len(list((fast / "demo" / "objects").iterdir())) == len(first.version.objects)


def test_a_lost_receipt_of_a_published_version_is_built_again(
    published: tuple[Path, Outcome], demo_root: Path, root: Path
):
    _, first = published
    lost = root / "demo" / "receipts" / f"{first.version.shards[2].key}.json"
    lost.unlink()
    second = prepared(demo_root / "train", root)
    assert (second.status, second.version, second.figures.images) == ("unchanged", first.version, ROWS_PER_SHARD)
    assert lost.is_file()
