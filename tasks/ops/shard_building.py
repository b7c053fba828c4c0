"""Builds one shard: the one module that joins the operations on images with storage. One process, one receipt.

No pixel leaves the process, and memory holds a few chunks for each size, never a whole shard.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArrayFormat, ArraySpec, ArrayWriter, array_format, chunk_ranges
from storage.digests import chunk_crc, digest_of
from storage.durable import remove
from storage.errors import DamagedDataset, DiskFull, is_disk_full
from storage.layout import DatasetFolder
from storage.names import row_ids, unescaped
from storage.objects import store_object
from storage.parameters import Parameters
from storage.receipts import (
    Receipt,
    ShardArray,
    adopt_receipt,
    find_receipt,
    shard_identity,
    write_receipt,
)
from storage.records import fingerprint
from storage.refused import Reason, Refusal, Refused
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop_into
from tasks.ops.source_files import MAX_BYTES_PER_PIXEL, SourceFolder

BLOCK_BYTES = 1024 * 1024
"""Rows handed to a writer at once; each call of an array library costs as much as storing several rows."""


@dataclass(frozen=True, slots=True)
class ShardJob:
    """All that a worker needs to build one shard: small, and without anything that must be looked up."""

    folder: DatasetFolder
    scratch: Path
    source: Path
    parameters: Parameters
    key: str
    names: tuple[str, ...]
    labels: tuple[int, ...]
    sizes: tuple[int, ...]
    mtimes_ns: tuple[int, ...]
    predecessor: str | None = None
    """Key of a finished shard with the same names and labels, whose files had other sizes or times."""
    crashed: dict[int, str] = field(default_factory=dict)
    """Positions whose decoding killed a worker, and how."""

    def __len__(self) -> int:
        return len(self.names)


class DecodingGuard:
    """Told which input is being decoded, so that a death or a hang can be blamed on it."""

    def decoding(self, position: int) -> AbstractContextManager[None]:
        """Cover the decoding of the input at `position`."""
        return nullcontext()


def build_shard(job: ShardJob, guard: DecodingGuard) -> Receipt:
    """Build the shard of `job` unless its receipt is there, and return the receipt.

    Raises:
        DiskFull: a disk or a quota is full.
        OSError: a disk failed repeatedly.
        DamagedDataset: what was written does not read back.
    """
    try:
        return find_receipt(job.folder, job.key) or _adopted(job) or _built(job, guard)
    except (OSError, RuntimeError) as error:
        if is_disk_full(error):
            raise DiskFull(
                f"{job.folder.path}: the disk is full while shard {job.key[:12]} was written; finished shards are "
                "kept. Free some space and run the same command again"
            ) from error
        raise


def _adopted(job: ShardJob) -> Receipt | None:
    """Share the objects of the predecessor if every file still has the bytes that it had."""
    former = find_receipt(job.folder, job.predecessor) if job.predecessor else None
    if former is None or "" in former.sources:
        return None
    with _source(job) as source:
        for position, digest in enumerate(former.sources):
            content = _read(job, source, position)
            if isinstance(content, Refusal) or digest_of(content) != digest:
                return None
    return adopt_receipt(job.folder, former, key=job.key)


def _built(job: ShardJob, guard: DecodingGuard) -> Receipt:
    started = time.process_time()
    ids = row_ids(list(job.names))
    sources, refused = [""] * len(job), []
    with ExitStack() as stack:
        source = stack.enter_context(_source(job))
        arrays = [_SizedArray(job, side, ids, stack) for side in job.parameters.sides]
        for position in range(len(job)):
            content = _read(job, source, position)
            if not isinstance(content, Refusal):
                sources[position] = digest_of(content)
                content = _stored(job, position, content, arrays, guard)
            if isinstance(content, Refusal):
                refused.append(Refused(position, job.names[position], content.reason, content.detail))
        for array in arrays:
            array.flush()
    receipt = _proof(job, arrays, ids, tuple(sources), tuple(refused), started)
    write_receipt(job.folder, receipt)
    return receipt


def _stored(
    job: ShardJob, position: int, content: bytes, arrays: list[_SizedArray], guard: DecodingGuard
) -> Refusal | None:
    """Put one image into every array, or into none."""
    if detail := job.crashed.get(position):
        return Refusal(Reason.CRASHED, detail)
    with guard.decoding(position):
        parameters = job.parameters
        shorter_side = max(parameters.sides) if parameters.fidelity == "fast" else None
        limits = DecodeLimits(parameters.max_pixels, parameters.max_scans)
        image = decode_rgb(content, limits, shorter_side=shorter_side)
        if isinstance(image, Refusal):
            return image
        for array in arrays:
            resize_center_crop_into(image, array.next_row, interpolation=parameters.interpolation)
    for array in arrays:
        array.keep_row(position)
    return None


def _proof(
    job: ShardJob,
    arrays: list[_SizedArray],
    ids: NDArray[np.uint64],
    sources: tuple[str, ...],
    refused: tuple[Refused, ...],
    started: float,
) -> Receipt:
    """Verify, sync and name the objects; return the receipt that may now be written."""
    gaps = tuple(refusal.position for refusal in refused)
    rows = len(job) - len(gaps)
    published = tuple(array.published() for array in arrays) if rows else ()
    return Receipt(
        key=job.key,
        identity=shard_identity(
            fingerprint(job.parameters), names=job.names, labels=job.labels, sources=sources, refused=gaps
        ),
        rows=rows,
        arrays=published,
        ids_digest=digest_of(np.delete(ids, gaps).tobytes()),
        sources=sources,
        refused=refused,
        cpu_seconds=round(time.process_time() - started, 6),
    )


class _SizedArray:
    """One size of the shard under construction: a writer, and the block of rows that is being filled."""

    def __init__(self, job: ShardJob, side: int, ids: NDArray[np.uint64], stack: ExitStack) -> None:
        self._format: ArrayFormat = array_format(job.parameters.array_format)
        self._spec = ArraySpec(side, len(job), self._format.rows_per_chunk(side))
        self._path = job.scratch / f"{job.key}-{side}{self._format.suffix}"
        self._folder = job.folder
        # A worker that died at this shard may have left its half.
        remove(self._path)
        self._writer: ArrayWriter = stack.enter_context(self._format.create(self._path, self._spec))
        self._block = np.empty((self._block_rows(), side, side, 3), np.uint8)
        self._filled = 0
        self._labels = np.asarray(job.labels, np.int64)
        self._ids = ids
        self._kept: list[int] = []
        self._crcs: list[int] = []

    @property
    def next_row(self) -> NDArray[np.uint8]:
        """The place of the next row in the block, `(side, side, 3)`; it counts once it is kept."""
        return self._block[self._filled]

    def keep_row(self, position: int) -> None:
        """Count the row that was written to `next_row` as the input at `position`."""
        self._kept.append(position)
        self._filled += 1
        if self._filled == len(self._block):
            self.flush()

    def flush(self) -> None:
        """Write the rows of the block, and remember the checksum of each chunk as it was meant."""
        if not self._filled:
            return
        block, kept = self._block[: self._filled], self._kept[-self._filled :]
        self._writer.append(block, self._labels[kept], self._ids[kept])
        self._crcs += [chunk_crc(block[chunk]) for chunk in chunk_ranges(self._filled, self._spec.rows_per_chunk)]
        self._filled = 0

    def published(self) -> ShardArray:
        """Compare the closed file with what was meant, and move it to its final name."""
        self._verify()
        side = self._spec.side
        stored = store_object(self._folder, self._path, prefix=str(side), suffix=self._format.suffix)
        return ShardArray(side, stored, self._spec.rows_per_chunk, tuple(self._crcs))

    def _block_rows(self) -> int:
        """Return how many rows are written together: whole chunks, so that none is written twice."""
        chunk = self._spec.rows_per_chunk
        return chunk * max(1, BLOCK_BYTES // (chunk * self._spec.row_bytes))

    def _verify(self) -> None:
        rows = self._format.open(self._path)
        try:
            same = len(rows) == len(self._kept) and list(_crcs_of(rows, self._spec)) == self._crcs
            same = same and np.array_equal(rows.labels, self._labels[self._kept])
            if not same or not np.array_equal(rows.ids, self._ids[self._kept]):
                raise DamagedDataset(f"{self._path} does not read back as it was written; the disk cannot be trusted")
        finally:
            rows.close()


def _crcs_of(rows, spec: ArraySpec) -> Iterator[int]:
    for chunk in chunk_ranges(len(rows), spec.rows_per_chunk):
        yield chunk_crc(rows[chunk])


def _source(job: ShardJob) -> SourceFolder:
    return SourceFolder(job.source, max_bytes=job.parameters.max_pixels * MAX_BYTES_PER_PIXEL)


def _read(job: ShardJob, source: SourceFolder, position: int) -> bytes | Refusal:
    return source.read(unescaped(job.names[position]), size=job.sizes[position], mtime_ns=job.mtimes_ns[position])
