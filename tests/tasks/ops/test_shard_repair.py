"""Shards are built again from the images only if they come out as they were published, bit for bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from blake3 import blake3

from storage.receipts import Receipt, find_receipt
from storage.refused import Reason, Refused
from storage.scratch import scratch_folder
from storage.versions import Version, VersionShard
from tasks.ops.shard_building import (
    DecodingGuard,
    NotReproduced,
    Promised,
    ShardJob,
    build_shard,
    rebuild_shard,
)
from tasks.ops.shard_repair import rebuilt_shards
from tests.storage.damaged_files import on_disk
from tests.tasks.ops.prepared_images import Prepared

UNGUARDED = DecodingGuard()


# ---- One shard, in this process


@pytest.fixture
def job(make_job: Callable[..., ShardJob], pngs: Callable[[int], dict[str, bytes]]) -> ShardJob:
    """Four pictures and a file that is none, at position 4."""
    return make_job({**pngs(4), "cat/text.png": b"not an image"})


def promised(receipt: Receipt) -> Promised:
    settled = {refused.position: (refused, receipt.sources[refused.position]) for refused in receipt.refused}
    digests = tuple(array.stored.digest for array in receipt.arrays)
    return Promised(receipt.identity, digests, settled, receipt.sources)


def remade(job: ShardJob, receipt: Receipt, **changes: object) -> Receipt | NotReproduced:
    return rebuild_shard(replace(job, promised=replace(promised(receipt), **changes)), UNGUARDED)


def lose_all(job: ShardJob) -> None:
    for part in ("objects", "receipts"):
        for path in (job.folder.path / part).iterdir():
            path.unlink()


def test_a_shard_comes_back_as_it_was_and_its_receipt_is_only_returned(job: ShardJob):
    receipt = build_shard(job, UNGUARDED)
    before = on_disk(job.folder.objects)
    lose_all(job)
    again = remade(job, receipt)
    assert isinstance(again, Receipt)
    assert replace(again, cpu_seconds=receipt.cpu_seconds) == receipt
    assert {path: content for path, (content, _) in on_disk(job.folder.objects).items()} == {
        path: content for path, (content, _) in before.items()
    }
    assert os.listdir(job.folder.path / "receipts") == []


def test_what_was_refused_then_is_not_tried_again(job: ShardJob, pngs: Callable[[int], dict[str, bytes]]):
    decoded: list[int] = []

    class Watch(DecodingGuard):
        def decoding(self, position: int):
            decoded.append(position)
            return nullcontext()

    receipt = build_shard(job, UNGUARDED)
    crashed = Refused(1, job.names[1], Reason.CRASHED, "ended the worker process twice")
    lose_all(job)
    (job.source / "cat" / "text.png").write_bytes(pngs(1)["cat/0.png"])
    settled = promised(receipt).settled | {1: (crashed, receipt.sources[1])}
    found = rebuild_shard(replace(job, promised=replace(promised(receipt), settled=settled)), Watch())
    assert decoded == [0, 2, 3]
    # With an image less it is another shard than was promised.
    assert isinstance(found, NotReproduced)
    assert os.listdir(job.folder.objects) == []


def test_a_source_that_has_changed_is_named_and_nothing_is_stored(job: ShardJob):
    receipt = build_shard(job, UNGUARDED)
    lose_all(job)
    content = (job.source / job.names[2]).read_bytes()
    (job.source / job.names[2]).write_bytes(content[:-1] + b"\0")
    status = (job.source / job.names[2]).stat()
    now = replace(job, mtimes_ns=(*job.mtimes_ns[:2], status.st_mtime_ns, *job.mtimes_ns[3:]))
    why = f"the source {job.names[2]} has changed or cannot be read"
    assert remade(now, receipt) == NotReproduced(job.key, why)
    assert os.listdir(job.folder.objects) == []


def test_without_the_receipt_only_the_identity_tells_that_sources_have_changed(job: ShardJob):
    receipt = build_shard(job, UNGUARDED)
    lose_all(job)
    assert isinstance(remade(job, receipt, settled={}, sources=()), Receipt)
    lose_all(job)
    (job.source / job.names[4]).write_bytes(b"nor is this")
    status = (job.source / job.names[4]).stat()
    now = replace(job, sizes=(*job.sizes[:4], status.st_size), mtimes_ns=(*job.mtimes_ns[:4], status.st_mtime_ns))
    why = "the sources have changed, or other images are refused now"
    assert remade(now, receipt, settled={}, sources=()) == NotReproduced(job.key, why)
    assert os.listdir(job.folder.objects) == []


@pytest.mark.parametrize("place", [0, 1])
def test_other_bytes_from_the_same_sources_are_not_stored(job: ShardJob, place: int):
    receipt = build_shard(job, UNGUARDED)
    lose_all(job)
    digests = [array.stored.digest for array in receipt.arrays]
    digests[place] = blake3(b"as another library wrote it").hexdigest()
    why = "the same sources give other bytes: a library that decides them has changed"
    assert remade(job, receipt, digests=tuple(digests)) == NotReproduced(job.key, why)
    assert os.listdir(job.folder.objects) == []


def test_a_shard_of_which_all_was_refused_comes_back_too(make_job: Callable[..., ShardJob]):
    job = make_job({"cat/a.png": b"", "cat/b.png": b"not an image"})
    receipt = build_shard(job, UNGUARDED)
    lose_all(job)
    again = remade(job, receipt)
    assert isinstance(again, Receipt)
    assert (again.rows, again.identity, again.refused) == (0, receipt.identity, receipt.refused)


def test_a_shard_that_was_never_published_cannot_be_rebuilt(job: ShardJob):
    with pytest.raises(ValueError, match=f"shard {job.key[:12]} was never published, so it cannot be rebuilt"):
        rebuild_shard(job, UNGUARDED)


# ---- Shards of a version, on the pool


pool_is_empty_afterwards = pytest.mark.usefixtures("no_process_is_left")


def rebuilt(
    prepared: Prepared, version: Version, *shards: VersionShard, source: Path | None = None
) -> dict[str, str | None]:
    with scratch_folder(prepared.folder) as scratch:
        return dict(rebuilt_shards(prepared.folder, version, shards, scratch=scratch, source=source, workers=1))


def lose(path: Path) -> dict[str, str]:
    """Remove an object, and return what it held by the paths of its files."""
    held = contents(path)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return held


def contents(path: Path) -> dict[str, str]:
    files = path.rglob("*") if path.is_dir() else [path]
    return {str(file.relative_to(path)): blake3(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def test_no_shard_is_no_work(prepared: Prepared):
    assert rebuilt(prepared, prepared.version(2)) == {}


@pool_is_empty_afterwards
def test_shards_are_built_again_with_arrays_and_receipts(prepared: Prepared):
    folder, version = prepared.folder, prepared.version(2)
    paths = [folder.objects / shard.objects[place].name for place, shard in enumerate(version.shards[:2])]
    held = [lose(path) for path in paths]
    folder.receipt(version.shards[1].key).unlink()
    assert rebuilt(prepared, version, *version.shards[:2]) == dict.fromkeys(
        (shard.key for shard in version.shards[:2]), None
    )
    assert [contents(path) for path in paths] == held
    receipt = find_receipt(folder, version.shards[1].key)
    assert receipt is not None
    assert receipt.identity == version.shards[1].identity


@pool_is_empty_afterwards
def test_a_receipt_that_is_there_is_left_as_it_is(prepared: Prepared):
    version = prepared.version(2)
    path = prepared.folder.receipt(version.shards[0].key)
    before = path.stat().st_mtime_ns, path.read_bytes()
    lose(prepared.folder.objects / version.shards[0].objects[0].name)
    assert rebuilt(prepared, version, version.shards[0]) == {version.shards[0].key: None}
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


@pool_is_empty_afterwards
def test_one_shard_that_cannot_be_built_does_not_keep_the_others_from_it(prepared: Prepared):
    version = prepared.version(2)
    good, gone, changed = version.shards[:3]
    names = {shard.key: names_of(prepared, version, shard) for shard in version.shards[:3]}
    (prepared.source / names[gone.key][0]).unlink()
    (prepared.source / names[changed.key][-1]).write_bytes(b"another image")
    found = rebuilt(prepared, version, good, gone, changed)
    assert found == {
        good.key: None,
        gone.key: f"the source {prepared.source}/{names[gone.key][0]} is gone: No such file or directory; "
        "if the images moved, give --source",
        changed.key: f"the source {names[changed.key][-1]} has changed or cannot be read",
    }


def names_of(prepared: Prepared, version: Version, shard: VersionShard) -> list[str]:
    """Return the names of the images that were stored in a shard, in order."""
    rows = parquet.read_table(prepared.folder.objects / version.table.name)["name"].to_pylist()
    first = sum(before.rows for before in version.shards[: version.shards.index(shard)])
    return rows[first : first + shard.rows]


@pool_is_empty_afterwards
def test_images_that_moved_are_read_where_they_are_now(prepared: Prepared, tmp_path: Path):
    version = prepared.version(1)
    moved = Path(shutil.move(prepared.source, tmp_path / "moved"))
    assert rebuilt(prepared, version, version.shards[0], source=moved) == {version.shards[0].key: None}


@pool_is_empty_afterwards
def test_a_library_that_has_changed_is_named_with_both_its_versions(prepared: Prepared):
    version = prepared.version(1)
    libraries = (("pillow-simd", "1.0"), *version.parameters.libraries[1:], ("turbo", "2.0"))
    other = replace(version.shards[0].objects[0], digest="0" * 64)
    shard = replace(version.shards[0], objects=(other, version.shards[0].objects[1]))
    of_then = replace(version, parameters=replace(version.parameters, libraries=libraries))
    now = dict(version.parameters.libraries).get("pillow-simd", "none")
    assert rebuilt(prepared, of_then, shard) == {
        shard.key: "the same sources give other bytes: a library that decides them has changed "
        f"(pillow-simd 1.0 → {now}, turbo 2.0 → none)"
    }


@pytest.mark.parametrize("name", ["plan.json", "shuffled.parquet", "listings.json"])
def test_without_the_plan_nobody_knows_which_images_to_take(prepared: Prepared, name: str):
    version = prepared.version(1)
    (prepared.folder.plan(version.plan) / name).unlink()
    found = rebuilt(prepared, version, *version.shards)
    assert found.keys() == {shard.key for shard in version.shards}
    assert all((why or "").startswith("the plan that names its images is lost: ") for why in found.values())
