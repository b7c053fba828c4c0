"""Builds one shard: the one module that joins the operations on images with storage. One process, one receipt.

No pixel leaves the process, and memory holds a few chunks for each size, never a whole shard.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import array_format
from storage.digests import digest_of
from storage.errors import named_disk_errors
from storage.layout import DatasetFolder
from storage.names import row_ids, unescaped
from storage.parameters import Parameters
from storage.receipts import Receipt, adopt_receipt, find_receipt, shard_identity, write_receipt
from storage.records import fingerprint
from storage.refused import Reason, Refusal, Refused
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop_into
from tasks.ops.sized_array import SizedArray
from tasks.ops.source_files import MAX_BYTES_PER_PIXEL, SourceFolder


@dataclass(frozen=True, slots=True)
class Promised:
    """What a shard that was published once must come to again. `settled` has the inputs refused then, by position,
    each with the hash of its bytes: they are not tried again."""

    identity: str
    digests: tuple[str, ...]
    settled: dict[int, tuple[Refused, str]] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    """BLAKE3 of each input, where the receipt is still there to tell."""


@dataclass(frozen=True, slots=True)
class NotReproduced:
    """Why the shard `key` could not be made again as it was; nothing was stored."""

    key: str
    why: str


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
    promised: Promised | None = None
    """What it must come to; None where it is built for the first time."""

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
        DiskFull, DiskFailed: the disk of the root has no room, or answers with errors.
        SourceFailed: the disk of the images failed repeatedly.
        DamagedDataset: what was written does not read back.
    """
    with named_disk_errors(job.folder.path, doing=f"shard {job.key[:12]} was built"):
        return find_receipt(job.folder, job.key) or _adopted(job) or _built(job, guard)


def rebuild_shard(job: ShardJob, guard: DecodingGuard) -> Receipt | NotReproduced:
    """Build a shard again that was published as `job.promised`; store it only if it is the same to the bit.

    The receipt that is returned is not written.
    """
    promised, started = job.promised, time.process_time()
    if promised is None:
        raise ValueError(f"shard {job.key[:12]} was never published, so it cannot be rebuilt")
    ids = row_ids(list(job.names))
    with named_disk_errors(job.folder.path, doing=f"shard {job.key[:12]} was built again"):
        arrays, sources, refused = _filled(job, ids, guard)
        different = _difference(job, promised, arrays, sources, refused)
        return different or _proof(job, arrays, ids, sources, refused, started)


def _difference(
    job: ShardJob,
    promised: Promised,
    arrays: list[SizedArray],
    sources: tuple[str, ...],
    refused: tuple[Refused, ...],
) -> NotReproduced | None:
    """Return how a shard differs from what it was, None if it does not."""
    for position, (now, then) in enumerate(zip(sources, promised.sources, strict=False)):
        if now != then:
            return NotReproduced(job.key, f"the source {job.names[position]} has changed or cannot be read")
    if _identity(job, sources, refused) != promised.identity:
        return NotReproduced(job.key, "the sources have changed, or other images are refused now")
    if any(array.digest() != digest for array, digest in zip(arrays, promised.digests, strict=False)):
        return NotReproduced(job.key, "the same sources give other bytes: a library that decides them has changed")
    return None


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
    arrays, sources, refused = _filled(job, ids, guard)
    receipt = _proof(job, arrays, ids, sources, refused, started)
    write_receipt(job.folder, receipt)
    return receipt


def _filled(
    job: ShardJob, ids: NDArray[np.uint64], guard: DecodingGuard
) -> tuple[list[SizedArray], tuple[str, ...], tuple[Refused, ...]]:
    """Put every input into the arrays of the scratch folder; return them with the inputs' hashes and the refused."""
    sources, refused = [""] * len(job), []
    settled = job.promised.settled if job.promised else {}
    with ExitStack() as stack:
        source = stack.enter_context(_source(job))
        arrays = [_sized_array(job, side, ids, stack) for side in job.parameters.sides]
        for position in range(len(job)):
            if position in settled:
                known, sources[position] = settled[position]
                refused.append(known)
                continue
            content = _read(job, source, position)
            if not isinstance(content, Refusal):
                sources[position] = digest_of(content)
                content = _stored(job, position, content, arrays, guard)
            if isinstance(content, Refusal):
                refused.append(Refused(position, job.names[position], content.reason, content.detail))
        for array in arrays:
            array.flush()
    return arrays, tuple(sources), tuple(refused)


def _stored(
    job: ShardJob, position: int, content: bytes, arrays: list[SizedArray], guard: DecodingGuard
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
    arrays: list[SizedArray],
    ids: NDArray[np.uint64],
    sources: tuple[str, ...],
    refused: tuple[Refused, ...],
    started: float,
) -> Receipt:
    """Verify, sync and name the objects; return the receipt that may now be written."""
    gaps = tuple(refusal.position for refusal in refused)
    rows = len(job) - len(gaps)
    published = tuple(array.published(job.folder) for array in arrays) if rows else ()
    return Receipt(
        key=job.key,
        identity=_identity(job, sources, refused),
        rows=rows,
        arrays=published,
        ids_digest=digest_of(np.delete(ids, gaps).tobytes()),
        sources=sources,
        refused=refused,
        cpu_seconds=round(time.process_time() - started, 6),
    )


def _identity(job: ShardJob, sources: tuple[str, ...], refused: tuple[Refused, ...]) -> str:
    gaps = tuple(refusal.position for refusal in refused)
    return shard_identity(
        fingerprint(job.parameters), names=job.names, labels=job.labels, sources=sources, refused=gaps
    )


def _sized_array(job: ShardJob, side: int, ids: NDArray[np.uint64], stack: ExitStack) -> SizedArray:
    format_ = array_format(job.parameters.array_format)
    path = job.scratch / f"{job.key}-{side}{format_.suffix}"
    return SizedArray(path, side=side, format_=format_, labels=np.asarray(job.labels, np.int64), ids=ids, stack=stack)


def _source(job: ShardJob) -> SourceFolder:
    return SourceFolder(job.source, max_bytes=job.parameters.max_pixels * MAX_BYTES_PER_PIXEL)


def _read(job: ShardJob, source: SourceFolder, position: int) -> bytes | Refusal:
    return source.read(unescaped(job.names[position]), size=job.sizes[position], mtime_ns=job.mtimes_ns[position])
