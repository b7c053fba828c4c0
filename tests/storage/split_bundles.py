"""A small published version of class splits, made without the code that chooses and publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from storage.bundles import Bundle, BundleFile, bundle_identity, current_bundle
from storage.class_splits import HYPERNYM_SCHEMA, SPLIT_SCHEMA, SPLITS
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parquet import write_table
from storage.publishing import publish
from storage.spares import ensure_spare
from storage.tiers import Tiers
from storage.versions import next_number
from tests.storage.random_versions import stored_bytes

NAME = "splits-photos"
ROWS = {
    "name": ["n00000010", "n00000020", "n00000050", "n00000060", "no noun"],
    "is_noun": [True, True, True, True, False],
    "label": [-1, 2, 0, -1, 1],
    "role": ["other", "unseen", "seen", "other", "set aside"],
    "hops": [1, 2, 0, -1, -1],
}
OTHER_ROWS = {**ROWS, "role": ["other", "seen", "unseen", "other", "set aside"], "hops": [1, 0, 2, -1, -1]}
HYPERNYMS = [[1, 0], [2, 0]]


@dataclass(frozen=True)
class PublishedSplits:
    tiers: Tiers
    bundle: Bundle

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority(NAME)

    def object(self, name: str) -> Path:
        return self.folder.objects / self.bundle.file(name).name


def published_splits(tiers: Tiers, *, first: dict[str, list[object]] | None = None) -> PublishedSplits:
    """Publish the splits 0 and 7 as the next version; `first` are other columns of split 0."""
    folder = create_dataset(tiers.slow, NAME, kind=SPLITS)
    pairs = np.array(HYPERNYMS, np.int32)
    tables = {
        "split-0.parquet": pa.table(ROWS | (first or {}), SPLIT_SCHEMA),
        "split-7.parquet": pa.table(OTHER_ROWS, SPLIT_SCHEMA),
        "hypernyms.parquet": pa.table([pa.array(pairs[:, 0]), pa.array(pairs[:, 1])], schema=HYPERNYM_SCHEMA),
    }
    files = []
    for name, table in tables.items():
        write_table(folder.tmp / name, table)
        stored = store_object(folder, folder.tmp / name, prefix=name.partition(".")[0], suffix=".parquet")
        files.append(BundleFile(name, stored, is_spared=True))
    current = current_bundle(folder)
    draft = Bundle(
        number=next_number(folder),
        parent=current.number if current else None,
        identity=bundle_identity(SPLITS, tuple(files)),
        created="2026-01-01T00:00:00+00:00",
        kind=SPLITS,
        request="0" * 64,
        made_of=(),
        receipts=(),
        files=tuple(files),
        card=stored_bytes(folder, b"# splits\n", prefix="card", suffix=".md"),
    )
    bundle, _ = publish(folder, draft)
    ensure_spare(folder, bundle, folder.tmp)
    return PublishedSplits(tiers, bundle)
