"""The status tells what is published, and how far a run came that did not end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.plans import write_plan
from storage.staging import stage
from storage.tiers import Tiers
from tasks.ops.dataset_status import DatasetStatus, UnfinishedPlan, dataset_statuses


def test_a_root_without_datasets_has_no_status(tmp_path: Path):
    (tmp_path / "something else").mkdir()
    assert dataset_statuses(Tiers(tmp_path, tmp_path)) == []
    assert dataset_statuses(Tiers(tmp_path / "nothing", tmp_path)) == []


def test_a_dataset_that_was_only_begun_has_no_version_and_no_figures(folder: DatasetFolder):
    root = folder.path.parent
    assert dataset_statuses(Tiers(root, root)) == [
        DatasetStatus("photos", (), None, "", (), "", 0, 0, 0, 0, 0, ()),
    ]


def test_a_published_dataset_has_the_figures_of_its_version(published):
    (status,) = dataset_statuses(published.tiers)
    version = published.version
    objects = [array for shard in version.shards for array in shard.objects]
    on_disk = sum((published.folder.objects / stored.name).stat().st_size for stored in objects)
    assert (status.name, status.versions, status.current) == ("photos", (1,), 1)
    assert (status.stored, status.refused, status.classes, status.bytes) == (3, 2, 2, on_disk)
    assert (status.sides, status.array_format, status.created) == ((16, 8), "hdf5", version.created)
    assert (status.staged_bytes, status.unfinished) == (0, ())


def test_an_unfinished_plan_tells_how_many_of_its_shards_have_a_receipt(published):
    # As a run leaves it that was killed: one more plan, of which the first shard is built and the second is not.
    last = replace(published.plan.shards[-1], key="f" * 64)
    unfinished = replace(published.plan, shards=(*published.plan.shards[:-1], last))
    write_plan(published.folder, unfinished, published.shuffled)
    (status,) = dataset_statuses(published.tiers)
    assert status.current == 1
    assert status.unfinished == (UnfinishedPlan(unfinished.identity, shards=2, built=1, listed=5),)


def test_a_receipt_whose_object_is_gone_counts_as_not_built(published):
    shard = next(shard for shard in published.version.shards if shard.rows)
    (published.folder.objects / shard.objects[0].name).unlink()
    (status,) = dataset_statuses(published.tiers)
    assert [(plan.plan, plan.built) for plan in status.unfinished] == [(published.plan.identity, 1)]


def test_half_written_plans_are_passed_over(published):
    (published.folder.path / "plans" / "abc.0123.partial").mkdir()
    (status,) = dataset_statuses(published.tiers)
    assert status.unfinished == ()


def test_copies_on_the_fast_root_are_counted_as_far_as_they_are_there(published, tmp_path: Path):
    tiers = Tiers(published.tiers.slow, tmp_path / "fast")
    first, *_ = objects = published.version.objects
    assert dataset_statuses(tiers)[0].staged_bytes == 0
    stage(tiers, "photos", objects)
    whole = sum(stored.bytes for stored in objects)
    assert dataset_statuses(tiers)[0].staged_bytes == whole
    (tmp_path / "fast" / "photos" / "objects" / first.name).unlink()
    assert dataset_statuses(tiers)[0].staged_bytes == whole - first.bytes


def test_datasets_stand_in_the_order_of_their_names(published):
    create_dataset(published.tiers.slow, "albums")
    assert [status.name for status in dataset_statuses(published.tiers)] == ["albums", "photos"]
