"""Finds sources whose bytes have changed while size and time have not, as after a copy that kept the times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.digests import digest_of
from storage.names import unescaped
from storage.receipts import find_receipt, set_aside_receipt
from storage.refused import Refusal
from tasks.ops.shard_building import DecodingGuard, ShardJob
from tasks.ops.shard_pool import build_shards
from tasks.ops.source_files import MAX_BYTES_PER_PIXEL, SourceFolder


@dataclass(frozen=True, slots=True)
class Rehashed:
    """The inputs of the shard `key` whose bytes are not those that its receipt tells of, and how many were hashed."""

    key: str
    changed: tuple[str, ...]
    inputs: int


def rehash_shard(job: ShardJob, guard: DecodingGuard) -> Rehashed:
    """Hash every input of a shard that is done; one that cannot be read now, and could be then, has changed.

    Raises:
        SourceFailed: the disk of the images failed repeatedly.
    """
    receipt = find_receipt(job.folder, job.key)
    if receipt is None:
        return Rehashed(job.key, (), 0)
    changed = []
    with SourceFolder(job.source, max_bytes=job.parameters.max_pixels * MAX_BYTES_PER_PIXEL) as source:
        for position, (name, then) in enumerate(zip(job.names, receipt.sources, strict=True)):
            size, mtime_ns = job.sizes[position], job.mtimes_ns[position]
            content = source.read(unescaped(name), size=size, mtime_ns=mtime_ns)
            if ("" if isinstance(content, Refusal) else digest_of(content)) != then:
                changed.append(name)
    return Rehashed(job.key, tuple(changed), len(job))


def rehashed(jobs: Iterable[ShardJob], *, workers: int) -> Iterator[Rehashed]:
    """Hash the inputs of `jobs` in `workers` processes, and set the receipt aside where any has changed."""
    by_key = {job.key: job for job in jobs}
    for found in build_shards(by_key.values(), workers=workers, work=rehash_shard):
        folder = by_key[found.key].folder
        if found.changed and (receipt := find_receipt(folder, found.key)) is not None:
            set_aside_receipt(folder, receipt)
        yield found
