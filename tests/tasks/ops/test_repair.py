"""What was damaged is again what was published, to the bit, or it is said why not, and nothing else has changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import DatasetLocked, UnknownDataset, UnreadableRecord
from storage.garbage import GRACE, find_garbage, move_to_trash
from storage.locking import dataset_lock
from storage.plans import PLAN_FILES
from storage.receipts import Receipt
from storage.staging import stage
from storage.verification import verified
from storage.versions import version_numbers
from tasks.ops.repair import Repair, repair_dataset
from tasks.ops.shard_building import ShardJob
from tests.faults.bare_prepare import build_here, prepare
from tests.oracles.published_dataset import assert_whole, version_bodies
from tests.storage.aged_versions import age
from tests.storage.damaged_files import DAMAGES, KINDS, as_of_format, files_of, on_disk, swap
from tests.tasks.ops.prepared_images import Prepared

pytestmark = pytest.mark.usefixtures("no_process_is_left")

PIXELS = ("large array", "small array")
ARRAYS = {"large array": "objects/16-*", "small array": "objects/8-*"}


def repaired(prepared: Prepared, *, source: Path | None = None) -> Repair:
    return repair_dataset(prepared.tiers, "photos", source=source, workers=1)


def contents(root: Path) -> dict[str, str]:
    """Return the hash of every file below a root or a dataset's folder, by its path there; locks and trash left out."""
    found = {os.path.relpath(path, root): content for path, (content, _) in on_disk(root).items()}
    return {path: content for path, content in found.items() if not {"lock", "trash"} & set(Path(path).parts)}


def kinds_of(prepared: Prepared) -> dict[str, list[Path]]:
    """Return the paths of each kind, sorted."""
    dataset = prepared.folder.path
    return {kind: sorted(dataset.glob(ARRAYS.get(kind, KINDS[kind]))) for kind in KINDS}


def spoil(path: Path, damage: str) -> None:
    file = files_of(path)[-1]
    content = DAMAGES[damage](file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)


def lose(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


# ---- To the bit


def test_a_whole_dataset_is_left_alone(prepared: Prepared):
    before = on_disk(prepared.folder.path)
    done = repaired(prepared)
    assert (done.is_whole, done.repaired, done.unrepaired) == (True, {}, {})
    after = on_disk(prepared.folder.path)
    own = {str(prepared.folder.path / part) for part in ("lock", "tmp")}
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= own


@pytest.mark.parametrize("damage", ["middle bit", "half lost", "deleted"])
def test_all_but_pixels_comes_back_from_its_spare_copy(prepared: Prepared, damage: str):
    shutil.rmtree(prepared.source)
    before = contents(prepared.folder.path)
    for kind, paths in kinds_of(prepared).items():
        if not paths or kind in (*PIXELS, "spare"):
            continue
        for path in paths:
            spoil(path, damage)
            assert contents(prepared.folder.path) != before
            done = repaired(prepared)
            how = "made anew" if kind == "mark" else "from its spare copy"
            assert (done.repaired, done.unrepaired) == ({path: how}, {}), kind
            assert contents(prepared.folder.path) == before, kind


@pytest.mark.parametrize("damage", ["middle bit", "deleted"])
def test_pixels_are_rebuilt_from_the_images(prepared: Prepared, damage: str):
    before = contents(prepared.folder.path)
    lost = [kinds_of(prepared)["large array"][0], kinds_of(prepared)["small array"][-1]]
    for path in lost:
        spoil(path, damage)
    done = repaired(prepared)
    assert (done.repaired, done.unrepaired) == (dict.fromkeys(lost, "rebuilt from the images"), {})
    assert contents(prepared.folder.path) == before
    for body in version_bodies(prepared.folder.path).values():
        assert_whole(prepared.folder.path, body, prepared.source)


def test_a_spare_is_written_anew_from_what_it_is_a_copy_of(prepared: Prepared):
    before = contents(prepared.folder.path)
    first, second = kinds_of(prepared)["spare"]
    spoil(first, "middle bit")
    lose(second)
    done = repaired(prepared)
    assert (done.repaired.keys(), done.unrepaired) == ({first, second}, {})
    assert contents(prepared.folder.path) == before


def test_a_dataset_of_which_everything_is_lost_but_spares_and_images_comes_back(prepared: Prepared):
    before = contents(prepared.folder.path)
    for part in ("versions", "plans", "receipts", "objects"):
        shutil.rmtree(prepared.folder.path / part)
    prepared.folder.marker.unlink()
    done = repaired(prepared)
    assert done.unrepaired == {}
    assert contents(prepared.folder.path) == before


def test_two_of_a_kind_that_changed_places_go_back(prepared: Prepared):
    before = contents(prepared.folder.path)
    for kind in ("version", "plan", "receipt", "large array", "table", "card"):
        one, *_, other = kinds_of(prepared)[kind]
        swap(one, other)
        done = repaired(prepared)
        assert (done.repaired.keys(), done.unrepaired) == ({one, other}, {}), kind
        assert contents(prepared.folder.path) == before, kind


@pytest.mark.parametrize("kind", ["hashes of listings", "sorted listing", "shuffled listing"])
def test_plans_that_changed_places_in_part_are_both_restored(prepared: Prepared, kind: str):
    shutil.rmtree(prepared.source)
    before = contents(prepared.folder.path)
    one, other = kinds_of(prepared)[kind]
    swap(one, other)
    done = repaired(prepared)
    assert ({path.parent for path in done.repaired}, done.unrepaired) == ({one.parent, other.parent}, {})
    assert contents(prepared.folder.path) == before


def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_is_not_touched(
    prepared: Prepared, tmp_path: Path
):
    before = contents(prepared.folder.path)
    outside = tmp_path / "outside"
    for kind in ("version", "receipt", "large array", "card", "spare"):
        path = kinds_of(prepared)[kind][-1]
        path.rename(outside)
        path.symlink_to(outside)
        kept = on_disk(outside) or outside.read_bytes()
        done = repaired(prepared)
        assert (path in done.repaired, done.unrepaired) == (True, {}), kind
        assert contents(prepared.folder.path) == before, kind
        assert (on_disk(outside) or outside.read_bytes()) == kept
        lose(outside)


def test_only_what_was_damaged_is_written(prepared: Prepared):
    path = kinds_of(prepared)["large array"][-1]
    before = on_disk(prepared.folder.path)
    spoil(path, "middle bit")
    repaired(prepared)
    after = on_disk(prepared.folder.path)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    parts = {str(prepared.folder.path / part) for part in ("objects", "lock", "tmp")}
    # The other size of the shard was built with it, and found to be there: that is noted as a use of it.
    other = {str(one) for one in kinds_of(prepared)["small array"]}
    assert {name for name in changed if not name.startswith(str(path))} <= parts | other


# ---- From copies


def test_pixels_come_from_the_copy_on_the_fast_root_before_anything_is_built(prepared: Prepared):
    stage(prepared.tiers, "photos", prepared.version(2).objects)
    shutil.rmtree(prepared.source)
    before = contents(prepared.tiers.slow), contents(prepared.tiers.fast)
    path = kinds_of(prepared)["large array"][0]
    copy = prepared.tiers.fast / "photos" / "objects" / path.name
    spoil(path, "middle bit")
    done = repaired(prepared)
    assert (done.repaired, done.unrepaired) == ({path: f"copied from {copy}"}, {})
    assert (contents(prepared.tiers.slow), contents(prepared.tiers.fast)) == before


def test_pixels_come_from_the_trash_while_they_lie_there(prepared: Prepared):
    shutil.rmtree(prepared.source)
    before = contents(prepared.folder.path)
    path = kinds_of(prepared)["large array"][0]
    batch = prepared.folder.trash / "20260101T000000.000000Z" / "objects"
    batch.mkdir(parents=True)
    path.rename(batch / path.name)
    done = repaired(prepared)
    assert (done.repaired, done.unrepaired) == ({path: f"copied from {batch / path.name}"}, {})
    assert contents(prepared.folder.path) == before


def test_a_damaged_copy_is_no_source_and_is_made_anew_itself(prepared: Prepared):
    stage(prepared.tiers, "photos", prepared.version(2).objects)
    before = contents(prepared.tiers.slow), contents(prepared.tiers.fast)
    path = kinds_of(prepared)["large array"][0]
    copy = prepared.tiers.fast / "photos" / "objects" / path.name
    for one in (path, copy):
        spoil(one, "middle bit")
    done = repaired(prepared)
    assert (done.repaired, done.unrepaired) == (
        {path: "rebuilt from the images", copy: "copied again from the slow root"},
        {},
    )
    assert (contents(prepared.tiers.slow), contents(prepared.tiers.fast)) == before


def test_a_damaged_copy_of_what_is_lost_for_good_is_removed(prepared: Prepared):
    stage(prepared.tiers, "photos", prepared.version(2).objects)
    shutil.rmtree(prepared.source)
    path = kinds_of(prepared)["large array"][0]
    copy = prepared.tiers.fast / "photos" / "objects" / path.name
    for one in (path, copy):
        spoil(one, "middle bit")
    done = repaired(prepared)
    assert done.repaired[copy].startswith(f"removed, and not copied again: {path} is damaged")
    assert done.unrepaired.keys() == {path}
    assert not copy.exists()


# ---- What cannot be restored


def test_images_that_are_gone_are_named_and_nothing_is_written(prepared: Prepared):
    path = kinds_of(prepared)["large array"][0]
    spoil(path, "middle bit")
    for folder in prepared.source.iterdir():
        shutil.rmtree(folder)
    before = contents(prepared.folder.path)
    done = repaired(prepared)
    assert (done.is_whole, done.repaired, done.unrepaired.keys()) == (False, {}, {path})
    told = rf"the source {prepared.source}/\w+/\S+ is gone: No such file or directory; if the images moved, give --so"
    assert re.match(told, done.unrepaired[path])
    assert contents(prepared.folder.path) == before
    assert version_numbers(prepared.folder) == [1, 2]


def test_images_that_have_changed_are_named_and_nothing_is_written(prepared: Prepared):
    path = kinds_of(prepared)["large array"][0]
    lose(path)
    for image in prepared.source.glob("*/*"):
        image.write_bytes(image.read_bytes() + b"\0")
    before = contents(prepared.folder.path)
    done = repaired(prepared)
    assert done.unrepaired.keys() == {path}
    assert re.match(r"the source \w+/\S+ has changed or cannot be read", done.unrepaired[path])
    assert contents(prepared.folder.path) == before


def test_a_broken_image_that_is_whole_now_is_not_taken_for_what_it_was(prepared: Prepared):
    before = contents(prepared.folder.path)
    shutil.copyfile(prepared.source / "cat" / "0.png", prepared.source / "dog" / "text.jpg")
    lost = kinds_of(prepared)["large array"]
    for path in lost:
        lose(path)
    done = repaired(prepared)
    assert (done.repaired.keys(), done.unrepaired) == (set(lost), {})
    assert contents(prepared.folder.path) == before


def test_images_that_moved_are_found_where_they_are_now(prepared: Prepared, tmp_path: Path):
    path = kinds_of(prepared)["large array"][0]
    before = contents(prepared.folder.path)
    lose(path)
    moved = shutil.move(prepared.source, tmp_path / "moved")
    assert repaired(prepared).unrepaired.keys() == {path}
    done = repaired(prepared, source=Path(moved))
    assert (done.repaired, done.unrepaired) == ({path: "rebuilt from the images"}, {})
    assert contents(prepared.folder.path) == before


@pytest.mark.parametrize("kind", ["version", "sorted listing", "receipt", "table", "card", "report"])
def test_what_is_lost_with_its_spare_copy_stays_lost_and_the_rest_is_restored(prepared: Prepared, kind: str):
    # Nothing to build the receipt's shard from, either.
    shutil.rmtree(prepared.source)
    lost = kinds_of(prepared)[kind][-1]
    other = prepared.folder.marker
    for path in (lost, other, *kinds_of(prepared)["spare"]):
        spoil(path, "middle bit")
    done = repaired(prepared)
    assert lost in done.unrepaired
    assert other in done.repaired
    assert done.unrepaired[lost].endswith(("; there is no copy of it", "if the images moved, give --source"))
    assert lost in {damage.path for damage in verified(prepared.tiers, "photos", share=1.0).damages}


def test_a_receipt_without_its_spare_copy_is_proved_again_by_the_images(prepared: Prepared):
    lost = kinds_of(prepared)["receipt"]
    for path in (*lost, *kinds_of(prepared)["spare"]):
        lose(path)
    done = repaired(prepared)
    assert done.unrepaired == {}
    assert set(lost) <= done.repaired.keys()
    assert verified(prepared.tiers, "photos", share=1.0).is_whole
    for body in version_bodies(prepared.folder.path).values():
        assert_whole(prepared.folder.path, body, prepared.source)


# ---- Versions that share a key


@pytest.fixture
def superseded(prepared: Prepared) -> tuple[Path, Path]:
    """A third version that missed an image, and a fourth that found it: both receipts of their one shard and key."""
    job = replace(prepared.job, rows_per_shard=20)
    image, away = prepared.source / "cat" / "3.png", prepared.source / "away"

    def while_it_is_away(jobs: Iterable[ShardJob]) -> Iterator[Receipt]:
        image.rename(away)
        yield from build_here(jobs)
        away.rename(image)

    assert prepare(job, build=while_it_is_away)["version"] == 3
    assert prepare(job)["version"] == 4
    (early,), (late,) = prepared.version(3).shards, prepared.version(4).shards
    assert early.key == late.key
    return prepared.folder.former_receipt(early.key, early.identity), prepared.folder.receipt(late.key)


def test_receipts_and_arrays_of_both_versions_of_a_key_are_restored(prepared: Prepared, superseded: tuple[Path, Path]):
    before = contents(prepared.folder.path)
    for path in superseded:
        for damage in ("middle bit", "deleted"):
            spoil(path, damage)
            done = repaired(prepared)
            assert (done.repaired, done.unrepaired) == ({path: "from its spare copy"}, {})
            assert contents(prepared.folder.path) == before
    arrays = [prepared.folder.objects / prepared.version(number).shards[0].objects[0].name for number in (3, 4)]
    for path in arrays:
        spoil(path, "middle bit")
    done = repaired(prepared)
    assert (done.repaired, done.unrepaired) == (dict.fromkeys(arrays, "rebuilt from the images"), {})
    assert contents(prepared.folder.path) == before


def test_what_was_refused_for_a_reason_that_has_passed_cannot_be_proved_again(
    prepared: Prepared, superseded: tuple[Path, Path]
):
    former, plain = superseded
    kept = plain.read_bytes()
    for path in (former, *kinds_of(prepared)["spare"]):
        lose(path)
    done = repaired(prepared)
    assert done.unrepaired == {former: "the sources have changed, or other images are refused now"}
    assert plain.read_bytes() == kept
    assert not former.exists()


# ---- With gc


def test_an_object_that_was_collected_too_much_comes_back_from_the_trash(prepared: Prepared):
    shutil.rmtree(prepared.source)
    folder = prepared.folder
    before = contents(folder.path)
    sound = folder.version(2).read_bytes()
    # As an older program might have lost it: the version with its spare, so that nobody needs what it alone has.
    spare = kinds_of(prepared)["spare"][1]
    kept = spare.read_bytes()
    for path in (folder.version(2), spare):
        path.unlink()
    for part in ("plans", "receipts", "objects"):
        for path in (folder.path / part).iterdir():
            age(path, days=8)
    moved = find_garbage(folder, keep=None)
    assert {item.path.parent.name for item in moved} == {"plans", "receipts", "objects"}
    move_to_trash(folder, moved, keep=None, grace=GRACE)
    folder.version(2).write_bytes(sound)
    spare.write_bytes(kept)
    done = repaired(prepared)
    assert done.unrepaired == {}
    assert {how.split(" from")[0] for how in done.repaired.values()} == {"from its spare copy", "copied"}
    assert contents(folder.path) == before


# ---- What is refused


def test_an_unknown_dataset_is_refused_and_not_made(prepared: Prepared):
    with pytest.raises(UnknownDataset, match="has no dataset 'pictures'; it has: photos"):
        repair_dataset(prepared.tiers, "pictures", source=None, workers=1)
    assert not (prepared.tiers.slow / "pictures").exists()


def test_nothing_is_repaired_beside_a_run(prepared: Prepared):
    spoil(kinds_of(prepared)["card"][0], "middle bit")
    before = contents(prepared.folder.path)
    with dataset_lock(prepared.folder), pytest.raises(DatasetLocked, match=f"process {os.getpid()}"):
        repaired(prepared)
    assert contents(prepared.folder.path) == before


@pytest.mark.parametrize("kind", ["mark", "version", "receipt"])
def test_nothing_of_another_format_is_overwritten(prepared: Prepared, kind: str):
    path = kinds_of(prepared)[kind][-1]
    name = {"mark": "dataset"}.get(kind, kind)
    path.write_bytes(as_of_format(path.read_bytes(), name, 3))
    before = contents(prepared.folder.path)
    with pytest.raises(UnreadableRecord, match=f"holds a {name} of format 3"):
        repaired(prepared)
    assert contents(prepared.folder.path) == before


def test_progress_is_told_of_what_is_hashed(prepared: Prepared):
    totals: list[int] = []
    parts: list[int] = []
    repair_dataset(prepared.tiers, "photos", source=None, workers=1, on_start=totals.append, on_bytes=parts.append)
    assert totals == [sum(parts)] == [verified(prepared.tiers, "photos", share=1.0).hashed_bytes]


def test_every_part_that_is_missing_is_made(prepared: Prepared):
    for part in ("refused", "pins"):
        shutil.rmtree(prepared.folder.path / part)
    assert repaired(prepared).is_whole
    assert {"refused", "pins"} <= set(os.listdir(prepared.folder.path))


def test_a_whole_plan_is_restored_even_if_one_of_its_files_is_left(prepared: Prepared):
    shutil.rmtree(prepared.source)
    before = contents(prepared.folder.path)
    plan = prepared.folder.plan(prepared.version(2).plan)
    for name in PLAN_FILES[1:]:
        lose(plan / name)
    done = repaired(prepared)
    assert (done.repaired.keys(), done.unrepaired) == ({plan / name for name in PLAN_FILES[1:]}, {})
    assert contents(prepared.folder.path) == before
