"""Computes the vector of every row of a published version, shard by shard: what has a receipt is not computed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from storage.bundles import Bundle, Facts, FileReceipt, find_file_receipt, write_file_receipt
from storage.errors import ChecksFailed
from storage.features import FeatureFacts, FeatureSource
from storage.layout import DatasetFolder
from storage.reading import OpenVersion
from storage.space import reserved
from storage.versions import Version
from tasks.ops.feature_publication import publish_features, stored_vectors, vectors_of
from tasks.ops.feature_report import neighbours_picture, searched_rows
from tasks.ops.feature_requests import EncoderOrigin, feature_key, feature_request
from training.batches import batches_in_order
from training.distributed import World
from training.image_encoders import ImageEncoder
from training.interruption import Interruption
from training.precision import Precision, autocast
from training.sources import PickedRows, Source, StoredRows

_IMAGES = "images"

Report = Callable[[int, int, int], None]
"""Is told after each batch how many rows have a vector, of how many, and how many shards were computed by now."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What is computed from what: rows of an open version, an encoder and where it comes from.

    `asked_size` is the size as the person gave it, None where the encoder or the version decides.
    """

    dataset: str
    version: OpenVersion[Version]
    encoder: ImageEncoder
    origin: EncoderOrigin
    device: torch.device
    asked_size: int | None = None
    precision: Precision = "float32"
    batch_size: int = 64

    @property
    def source(self) -> FeatureSource:
        found = self.version.version
        return FeatureSource(self.dataset, found.number, found.identity)

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows each shard has."""
        return tuple(shard.rows for shard in self.version.version.shards)

    @property
    def keys(self) -> list[str]:
        """The key of the receipt of each shard."""
        size, precision = self.encoder.size, self.precision
        shards = self.version.version.shards
        return [feature_key(shard.identity, self.origin, size=size, precision=precision) for shard in shards]


@dataclass(frozen=True, slots=True)
class Extracted:
    """How it ended: the version that holds the vectors, whether it is new, and how many shards were computed."""

    version: Bundle
    is_new: bool
    computed: int


def extract(
    extraction: Extraction, folder: DatasetFolder, scratch: Path, *, interruption: Interruption, report: Report
) -> Extracted:
    """Compute the shards that have no receipt, and publish all as a version of the dataset in `folder`.

    Raises:
        KeyboardInterrupt: it was asked to stop, and did after the shard in hand.
        ChecksFailed: the encoder gave what is no vector of its length, or no numbers.
        NotEnoughSpace: the vectors do not fit on the disk.
    """
    found = [find_file_receipt(folder, key) for key in extraction.keys]
    missing = [place for place, receipt in enumerate(found) if receipt is None]
    needed = sum(extraction.rows[place] for place in missing) * extraction.encoder.dimensions * 4
    with reserved(folder.path.parent, needed, purpose="features") as room:
        for count, (place, receipt) in enumerate(_computed(extraction, missing, folder, scratch, report), start=1):
            found[place] = receipt
            room.spend(receipt.files[0].stored.bytes)
            if interruption.is_requested and count < len(missing):
                raise KeyboardInterrupt(f"{count} of {len(missing)} shards were computed; run it again to go on")
    report(sum(extraction.rows), sum(extraction.rows), len(missing))
    version, is_new = _published(extraction, [receipt for receipt in found if receipt], folder, scratch)
    return Extracted(version, is_new, len(missing))


def _computed(
    extraction: Extraction, missing: list[int], folder: DatasetFolder, scratch: Path, report: Report
) -> Iterator[tuple[int, FileReceipt]]:
    """Compute each of the shards `missing`; yield its place and its receipt, which is durable by then."""
    rows, keys = extraction.rows, extraction.keys
    starts = np.concatenate([[0], np.cumsum(rows)]).tolist()
    pictures = StoredRows({_IMAGES: extraction.version.rows(extraction.encoder.size)})
    done = starts[-1] - sum(rows[place] for place in missing)
    for count, place in enumerate(missing):
        began = time.process_time()
        vectors = np.empty((rows[place], extraction.encoder.dimensions), np.float32)
        filled = 0
        report(done, starts[-1], count)
        for part in _vectors(extraction, PickedRows(pictures, np.arange(starts[place], starts[place + 1]))):
            vectors[filled : filled + len(part)] = part
            filled += len(part)
            report(done + filled, starts[-1], count)
        done += filled
        file = stored_vectors(folder, vectors, scratch=scratch)
        facts = (*extraction.origin.facts, ("device", extraction.device.type))
        receipt = FileReceipt(keys[place], facts, (file,), time.process_time() - began)
        write_file_receipt(folder, receipt)
        yield place, receipt


def _vectors(extraction: Extraction, shard: Source) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of the rows of a shard, batch by batch, `(B, dimensions)`."""
    dimensions, world = extraction.encoder.dimensions, World(device=extraction.device)
    for batch in batches_in_order(shard, extraction.batch_size, world=world):
        with autocast(extraction.device, extraction.precision):
            vectors = extraction.encoder(batch[_IMAGES]).float().cpu().numpy()
        if vectors.shape != (len(batch), dimensions) or not np.isfinite(vectors).all():
            raise ChecksFailed(
                f"{extraction.origin.text} gave an array of {vectors.shape} where {len(batch)} vectors of {dimensions} "
                "finite numbers were expected; nothing was published",
                remedy="look at the model: it may have diverged, or need --precision float32",
            )
        yield vectors


def _published(
    extraction: Extraction, receipts: list[FileReceipt], folder: DatasetFolder, scratch: Path
) -> tuple[Bundle, bool]:
    facts = _facts(extraction)
    searched = searched_rows(sum(facts.rows))
    vectors = vectors_of(folder, receipts, searched)
    picture = neighbours_picture(searched, vectors, extraction.version, facts.size)
    return publish_features(
        folder,
        facts,
        receipts,
        request=feature_request(
            facts.source, extraction.origin, size=extraction.asked_size, precision=extraction.precision
        ),
        made_of=_made_of(extraction),
        picture=picture,
        scratch=scratch,
    )


def _facts(extraction: Extraction) -> FeatureFacts:
    return FeatureFacts(
        source=extraction.source,
        encoder=extraction.origin.text,
        encoder_digest=extraction.origin.digest,
        size=extraction.encoder.size,
        dimensions=extraction.encoder.dimensions,
        precision=extraction.precision,
        rows=extraction.rows,
    )


def _made_of(extraction: Extraction) -> Facts:
    source = extraction.source
    return (
        ("dataset", f"{source.dataset}, version {source.number}"),
        ("identity of the version", source.identity),
        *extraction.origin.facts,
        ("size in pixels", str(extraction.encoder.size)),
        ("numbers of a vector", str(extraction.encoder.dimensions)),
        ("computed in", f"{extraction.precision} on {extraction.device.type}"),
    )
