"""From the vectors of all shards to a published, spared version of a dataset of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.bundle_publication import BundleContent, publish_bundle, stored_text
from storage.bundles import Bundle, BundleFile, Facts, FileReceipt
from storage.features import FACTS, FEATURES, FeatureFacts, shard_file
from storage.layout import DatasetFolder
from storage.npy_files import NpyWriter, mapped_npy
from storage.objects import store_object
from tasks.ops.feature_report import features_card

SUFFIX = ".npy"


def stored_vectors(folder: DatasetFolder, vectors: NDArray[np.float32], *, scratch: Path) -> BundleFile:
    """Store the vectors of one shard, `(rows, dimensions)`; they can be made again."""
    path = scratch / f"{FEATURES}{SUFFIX}"
    path.unlink(missing_ok=True)
    writer = NpyWriter(path, "<f4", vectors.shape[1:])
    try:
        writer.append(vectors)
        writer.finish()
    finally:
        writer.close()
    return BundleFile(path.name, store_object(folder, path, prefix=FEATURES, suffix=SUFFIX), is_spared=False)


def vectors_of(folder: DatasetFolder, receipts: Sequence[FileReceipt], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of `rows`, ascending, `(len(rows), dimensions)`; shards are mapped one after another."""
    parts, first = [], 0
    for receipt in receipts:
        shard = mapped_npy(folder.objects / receipt.files[0].stored.name, "<f4", 2)
        bounds = np.searchsorted(rows, [first, first + len(shard)])
        parts.append(shard[rows[bounds[0] : bounds[1]] - first])
        first += len(shard)
    return np.concatenate(parts)


def publish_features(
    folder: DatasetFolder,
    facts: FeatureFacts,
    receipts: Sequence[FileReceipt],
    *,
    request: str,
    made_of: Facts,
    picture: str,
    scratch: Path,
) -> tuple[Bundle, bool]:
    """Publish the vectors that the receipts of all shards prove, in their order, with a card that shows `picture`.

    Return the version that holds them, and whether it is new.

    Raises:
        VersionConflict: another run published other content meanwhile.
    """
    text = msgspec.json.encode(facts).decode()
    told = BundleFile(FACTS, stored_text(folder, scratch / FACTS, text), is_spared=True)
    shards = (
        BundleFile(shard_file(place), receipt.files[0].stored, is_spared=False)
        for place, receipt in enumerate(receipts)
    )
    files = (told, *shards)
    keys = tuple(receipt.key for receipt in receipts)
    return publish_bundle(
        folder,
        BundleContent(FEATURES, request, made_of, files, keys),
        card=lambda number: features_card(folder.name, number, facts, made_of, picture=picture),
        scratch=scratch,
    )
