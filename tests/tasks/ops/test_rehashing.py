"""Sources are hashed again: bytes that changed while size and time did not, and nothing else, set a receipt aside."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storage.receipts import Receipt, find_receipt, published_receipt
from tasks.ops.rehashing import Rehashed, rehash_shard, rehashed
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard

UNGUARDED = DecodingGuard()


@pytest.fixture
def job(make_job: Callable[..., ShardJob], pngs: Callable[[int], dict[str, bytes]]) -> ShardJob:
    """Three pictures and a file that is none, at position 3."""
    return make_job({**pngs(3), "cat/text.png": b"not an image"})


def replace_unseen(path: Path) -> None:
    """Change the last byte of a file, and put its time back."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def built(job: ShardJob) -> Receipt:
    return build_shard(job, UNGUARDED)


def test_sources_that_are_as_they_were_leave_the_receipt(job: ShardJob):
    receipt = built(job)
    assert rehash_shard(job, UNGUARDED) == Rehashed(job.key, (), 4)
    assert find_receipt(job.folder, job.key) == receipt


@pytest.mark.parametrize("position", [0, 2, 3])
@pytest.mark.usefixtures("no_process_is_left")
def test_an_image_replaced_unseen_is_named_and_its_shard_counts_as_not_done(job: ShardJob, position: int):
    receipt = built(job)
    replace_unseen(job.source / job.names[position])
    assert list(rehashed([job], workers=1)) == [Rehashed(job.key, (job.names[position],), 4)]
    assert find_receipt(job.folder, job.key) is None
    assert published_receipt(job.folder, job.key, receipt.identity) == receipt


def test_the_shard_is_built_anew_then_and_both_receipts_are_kept(job: ShardJob):
    before = built(job)
    replace_unseen(job.source / job.names[3])
    assert len(list(rehashed([job], workers=1))) == 1
    after = built(job)
    assert after.sources[:3] == before.sources[:3]
    assert after.sources[3] != before.sources[3]
    for receipt in (before, after):
        assert published_receipt(job.folder, job.key, receipt.identity) == receipt


def test_an_image_that_is_gone_has_changed(job: ShardJob):
    built(job)
    (job.source / job.names[1]).unlink()
    assert rehash_shard(job, UNGUARDED).changed == (job.names[1],)


def test_a_shard_that_is_not_done_is_not_read(job: ShardJob):
    (job.source / job.names[0]).unlink()
    assert rehash_shard(job, UNGUARDED) == Rehashed(job.key, (), 0)


def test_what_could_not_be_read_then_and_cannot_now_is_no_change(make_job: Callable[..., ShardJob]):
    job = make_job({"cat/a.png": b"not an image", "cat/b.png": b"x"})
    path = job.source / "cat" / "b.png"
    path.unlink()
    path.symlink_to("a.png")
    receipt = built(replace(job, mtimes_ns=(job.mtimes_ns[0], path.lstat().st_mtime_ns)))
    assert receipt.sources[1] == ""
    assert rehash_shard(job, UNGUARDED).changed == ()
