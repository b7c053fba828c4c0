"""Small published features with all that such a version of the product has, made without the code that computes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.bundles import Bundle, BundleFile, FileReceipt, bundle_identity, current_bundle, write_file_receipt
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.publishing import publish
from storage.spares import ensure_spare
from storage.tiers import Tiers
from storage.versions import next_number
from tests.storage.random_versions import stored_bytes

NAME = "features-photos-backbone"
IDENTITY = "ab" * 32


@dataclass(frozen=True)
class PublishedFeatures:
    """Published features and, apart from them, what was put in."""

    tiers: Tiers
    bundle: Bundle
    vectors: NDArray[np.float32]
    """`(n, dimensions)`."""

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority(NAME)

    def object(self, name: str) -> Path:
        """The file of a name within the bundle, or its card."""
        stored = self.bundle.card if name == "card" else self.bundle.file(name)
        return self.folder.objects / stored.name


def published_features(
    tiers: Tiers, *, rows: tuple[int, ...] = (3, 0, 4), seed: int = 0, facts: dict[str, Any] | None = None
) -> PublishedFeatures:
    """Publish random vectors of 5 numbers for shards of so many rows as the next version; `facts` overrule what it
    tells of itself.
    """
    folder = create_dataset(tiers.slow, NAME, kind="features")
    vectors = np.random.default_rng(seed).standard_normal((sum(rows), 5)).astype(np.float32)
    parts = np.split(vectors, np.cumsum(rows)[:-1])
    shards = [_stored_shard(folder, place, part) for place, part in enumerate(parts)]
    keys = tuple(f"{seed:032d}{place:032d}" for place in range(len(rows)))
    for key, shard in zip(keys, shards, strict=True):
        write_file_receipt(folder, FileReceipt(key, (("shard", shard.name),), (shard,), 0.5))
    told = {
        "source": {"dataset": "photos", "number": 2, "identity": IDENTITY},
        "encoder": "backbone@3",
        "encoder_digest": "cd" * 32,
        "size": 32,
        "dimensions": 5,
        "precision": "float32",
        "rows": rows,
    } | (facts or {})
    stored = stored_bytes(folder, json.dumps(told).encode(), prefix="features", suffix=".json")
    files = (BundleFile("features.json", stored, is_spared=True), *shards)
    current = current_bundle(folder)
    draft = Bundle(
        number=next_number(folder),
        parent=current.number if current else None,
        identity=bundle_identity("features", files),
        created="2026-01-01T00:00:00+00:00",
        kind="features",
        request=f"{seed:064d}",
        made_of=(("seed", str(seed)),),
        receipts=keys,
        files=files,
        card=stored_bytes(folder, f"# features of seed {seed}\n".encode(), prefix="card", suffix=".md"),
    )
    bundle, _ = publish(folder, draft)
    ensure_spare(folder, bundle, folder.tmp)
    return PublishedFeatures(tiers, bundle, vectors)


def _stored_shard(folder: DatasetFolder, place: int, vectors: NDArray[np.float32]) -> BundleFile:
    name = f"features-{place:05d}.npy"
    np.save(folder.tmp / name, vectors)
    return BundleFile(name, store_object(folder, folder.tmp / name, prefix="features", suffix=".npy"), is_spared=False)
